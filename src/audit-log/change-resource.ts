import { v7 as uuidv7 } from 'uuid';
import type { Actor } from '../contract/actor.js';
import { type Database, Prisma, type Tx } from '../db/client.js';
import { MailroomError } from '../errors.js';

type Row = object | null;

/** A change of one resource. `Before` and `After` are stored rows; null stands for "not there". */
export interface ResourceChange<Before extends Row, After extends Row> {
  type: string;
  /** Told from the row when it is not known before. */
  id: string | ((row: NonNullable<Before> | NonNullable<After>) => string);
  /** The request's If-Match header. */
  ifMatch?: string | undefined;
  /** Reads and locks the row; throws when it must exist and does not. Left out for a create. */
  load?: (tx: Tx) => Promise<Before>;
  /** Writes and returns the row as it is now; null when it is gone. */
  apply: (tx: Tx, before: Before) => Promise<After>;
  /** The row as the audit log may show it: never a secret. */
  describe: (row: NonNullable<Before> | NonNullable<After>) => Prisma.InputJsonValue;
}

/**
 * The one way in which a resource is changed: checks If-Match against the locked row, changes it, and writes the audit row, in one
 * transaction. Throws `PRECONDITION_FAILED` (412) when the caller's copy is stale.
 */
export function changeResource<After extends Row, Before extends Row = null>(
  db: Database,
  actor: Actor,
  change: ResourceChange<Before, After>,
): Promise<After> {
  return db.prisma.$transaction(async (tx) => {
    const before = (change.load ? await change.load(tx) : null) as Before;
    refuseStale(change.ifMatch, (before as { version?: number } | null)?.version);
    const after = await change.apply(tx, before);
    await record(tx, actor, change, before, after);
    return after;
  });
}

/** RFC 9110 §13.1.1: strong comparison; `*` matches whatever exists. A resource without versions is never stale. */
export function matchesVersion(ifMatch: string, version: number): boolean {
  return ifMatch.split(',').some((tag) => tag.trim() === '*' || tag.trim() === `"${version}"`);
}

function refuseStale(ifMatch: string | undefined, version: number | undefined): void {
  if (ifMatch === undefined || version === undefined || matchesVersion(ifMatch, version)) return;
  throw new MailroomError('stale', 'PRECONDITION_FAILED', 'The resource has changed since you read it. Read it again, and repeat your change on what it is now.', [
    { parameter: 'If-Match', message: `is ${ifMatch.slice(0, 100)}, but the resource is at "${version}"` },
  ]);
}

/** A change that came along with that of another resource, in its transaction. */
export async function recordUpdated<R extends object>(tx: Tx, actor: Actor, change: Pick<ResourceChange<R, R>, 'type' | 'id' | 'describe'>, before: R, after: R): Promise<void> {
  await record(tx, actor, change as ResourceChange<R, R>, before, after);
}

/** Several new resources of one kind: who made them and what they are, in one statement. */
export async function recordCreated(tx: Tx, actor: Actor, type: string, made: { id: string; value: Prisma.InputJsonValue }[]): Promise<void> {
  await tx.auditEntry.createMany({
    data: made.map(({ id, value }) => ({ ...causeOf(actor), action: 'create', resourceType: type, resourceId: id, newValue: value })),
  });
}

async function record<Before extends Row, After extends Row>(tx: Tx, actor: Actor, change: ResourceChange<Before, After>, before: Before, after: After): Promise<void> {
  const shown = (row: Before | After): Prisma.InputJsonValue | typeof Prisma.DbNull =>
    row === null ? Prisma.DbNull : change.describe(row);
  await tx.auditEntry.create({
    data: {
      ...causeOf(actor),
      action: before === null ? 'create' : after === null ? 'delete' : 'update',
      resourceType: change.type,
      resourceId: typeof change.id === 'string' ? change.id : change.id((after ?? before)!),
      oldValue: shown(before),
      newValue: shown(after),
    },
  });
}

/** A new entry's id, and whose doing it was. */
const causeOf = ({ name, keyId, remoteAddress, requestId }: Actor): { id: string; actor: string; actorKeyId: string; remoteAddress: string | null; requestId: string } =>
  ({ id: uuidv7(), actor: name, actorKeyId: keyId, remoteAddress, requestId });
