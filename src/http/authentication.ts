import type { Request } from 'express';
import type { Actor, Role } from '../contract/actor.js';
import { MailroomError } from '../errors.js';
import { partsOf } from './ioc.js';

const BEARER = /^Bearer ([\x21-\x7e]{1,255})$/i;

/** tsoa calls it for every operation with @Security; `roles` are those that may. What it returns becomes `request.user`. */
export async function expressAuthentication(req: Request, _scheme: string, roles: string[] = []): Promise<Actor> {
  const key = BEARER.exec(req.header('authorization') ?? '')?.[1];
  if (key === undefined) throw unauthenticated('API_KEY_REQUIRED', 'Send the header "Authorization: Bearer <API key>".');
  const holder = await partsOf(req).holderOf(key);
  if (holder === null) throw unauthenticated('API_KEY_UNKNOWN', 'This API key is not known, or it was deleted.');
  refuseOtherRoles(holder.role, roles);
  return { ...holder, remoteAddress: req.ip ?? null, requestId: req.res?.locals['requestId'] as string };
}

function refuseOtherRoles(role: Role, roles: string[]): void {
  if (roles.includes(role)) return;
  throw new MailroomError('forbidden', 'ROLE_INSUFFICIENT', `A key with the role ${role} may not do this; it takes ${roles.join(' or ')}.`);
}

const unauthenticated = (code: string, detail: string): MailroomError => new MailroomError('unauthenticated', code, detail);
