import type { Request, RequestHandler } from 'express';
import type { Actor, Role } from '../contract/actor.js';
import { MailroomError } from '../errors.js';
import type { ClientLimits } from './client-limits.js';

/** What it takes to find out who calls. */
export interface AccessParts {
  holderOf(key: string): Promise<{ keyId: string; name: string; role: Role; expired: boolean } | null>;
  /** Told of each request that a key was good for. */
  used(keyId: string): void;
}

const BEARER = /^Bearer ([\x21-\x7e]{1,255})$/i;

type IdentifiedRequest = Request & { user?: Actor };

/** Finds out who calls. It stands in front of whatever reads the body, so that only holders of a key make Mailroom read one. */
export const identify = ({ holderOf, used }: AccessParts, limits: ClientLimits): RequestHandler => async (req: IdentifiedRequest, res, next) => {
  const key = BEARER.exec(req.header('authorization') ?? '')?.[1];
  if (key === undefined) throw keyRequired();
  const address = req.ip ?? 'unknown';
  await limits.refuseGuesser(address, res);
  const holder = await holderOf(key);
  if (holder === null || holder.expired) {
    await limits.failed(address);
    throw holder === null ? keyUnknown() : keyExpired();
  }
  const { keyId, name, role } = holder;
  await limits.count(keyId, res);
  used(keyId);
  req.user = { keyId, name, role, remoteAddress: req.ip ?? null, requestId: res.locals['requestId'] as string };
  next();
};

/** tsoa calls it for every operation with @Security; `roles` are those that may. What it returns becomes `request.user`. */
// eslint-disable-next-line @typescript-eslint/require-await -- tsoa expects a promise that fails, not a call that throws
export async function expressAuthentication({ user }: IdentifiedRequest, _scheme: string, roles: string[] = []): Promise<Actor> {
  if (user === undefined) throw keyRequired();
  refuseOtherRoles(user.role, roles);
  return user;
}

function refuseOtherRoles(role: Role, roles: string[]): void {
  if (roles.includes(role)) return;
  throw new MailroomError('forbidden', 'ROLE_INSUFFICIENT', `A key with the role ${role} may not do this; it takes ${roles.join(' or ')}.`);
}

const keyRequired = (): MailroomError => unauthenticated('API_KEY_REQUIRED', 'Send the header "Authorization: Bearer <API key>".');
const keyUnknown = (): MailroomError => unauthenticated('API_KEY_UNKNOWN', 'This API key is not known, or it was deleted.');
const keyExpired = (): MailroomError => unauthenticated('API_KEY_EXPIRED', 'This API key has expired. Ask an administrator for a new one.');
const unauthenticated = (code: string, detail: string): MailroomError => new MailroomError('unauthenticated', code, detail);
