import type { Actor } from '../contract/actor.js';
import { etagOf } from '../contract/etag.js';
import { type Preconditions, refuseStale } from '../contract/preconditions.js';
import { type Database, Prisma, type Tx } from '../db/client.js';
import { newId } from '../ids.js';
import type { AuditedAction, AuditedType } from './audited-type.js';

type Row = object | null;

/** A change of one resource. `Before` and `After` are stored rows; null stands for "not there". */
export interface ResourceChange<Before extends Row, After extends Row> extends Preconditions {
  type: AuditedType;
  /** Told from the row when it is not known before. */
  id: string | ((row: NonNullable<Before> | NonNullable<After>) => string);
  /** The ETag that If-Match must name, and If-None-Match must not; that of the row's version when left out. null: nothing is there yet, so whatever it names is stale. */
  etag?: (before: Before) => string | null;
  /** How long the transaction may take; 5 s when left out. */
  timeoutMs?: number;
  /** Reads and locks the row; throws when it must exist and does not. Left out for a create. */
  load?: (tx: Tx) => Promise<Before>;
  /** Writes and returns the row as it is now; null when it is gone; `before` itself when nothing is to be changed, and nothing is recorded then. */
  apply: (tx: Tx, before: Before) => Promise<After>;
  /** The row as the audit log may show it: never a secret. */
  describe: (row: NonNullable<Before> | NonNullable<After>) => Prisma.InputJsonValue;
}

/**
 * The one way in which a resource is changed: checks the preconditions against the locked row, changes it, and writes the audit row, in one
 * transaction. Throws `PRECONDITION_FAILED` (412) when the caller's copy is stale.
 */
export function changeResource<After extends Row, Before extends Row = null>(
  db: Database,
  actor: Actor,
  change: ResourceChange<Before, After>,
): Promise<After> {
  const attempt = (): Promise<After> => db.prisma.$transaction(async (tx) => {
    const before = (change.load ? await change.load(tx) : null) as Before;
    refuseStale(change, change.etag ? change.etag(before) : versionTag(before));
    const after = await change.apply(tx, before);
    await record(tx, actor, change, before, after);
    return after;
  }, change.timeoutMs === undefined ? {} : { timeout: change.timeoutMs });
  return attempt().catch((error: unknown) => (wasDeadlock(error) ? attempt() : Promise.reject(error as Error)));
}

/** Postgres ended one of two transactions that waited for each other; it has left nothing behind, and may be repeated. */
const wasDeadlock = (error: unknown): boolean => /40P01|deadlock detected/.test(String((error as Error).message)) || (error as { code?: string }).code === 'P2034';

/** A resource without versions is never stale. */
const versionTag = (row: Row): string | undefined => {
  const version = (row as { version?: number } | null)?.version;
  return version === undefined ? undefined : etagOf(version);
};

/** A change that came along with that of another resource, in its transaction. */
export async function recordUpdated<R extends object>(tx: Tx, actor: Actor, change: Pick<ResourceChange<R, R>, 'type' | 'id' | 'describe'>, before: R, after: R): Promise<void> {
  await record(tx, actor, change as ResourceChange<R, R>, before, after);
}

/** Who is told to have made a change: the caller, or the program itself. */
type Author = Pick<Actor, 'name'> & { [Detail in 'keyId' | 'remoteAddress' | 'requestId']: string | null };

/** Changes that nobody asked for in a request. */
export const MAILROOM: Author = { name: 'Mailroom', keyId: null, remoteAddress: null, requestId: null };

/** What became of a resource that was changed along with others. null: it was not there before, or is no more. */
export interface RecordedChange {
  id: string;
  before: Prisma.InputJsonValue | null;
  after: Prisma.InputJsonValue | null;
}

/** Changes of several resources of one kind that come along with that of another one, in its transaction: one statement. */
export async function recordChanges(tx: Tx, actor: Author, type: AuditedType, changes: RecordedChange[]): Promise<void> {
  await tx.auditEntry.createMany({ data: changes.map((change) => entryOf(actor, type, change)) });
}

async function record<Before extends Row, After extends Row>(tx: Tx, actor: Actor, change: ResourceChange<Before, After>, before: Before, after: After): Promise<void> {
  if ((before as unknown) === after) return; // it was gone, or as it should be, already: nothing has changed
  const shown = (row: Before | After): Prisma.InputJsonValue | null => (row === null ? null : change.describe(row));
  const id = typeof change.id === 'string' ? change.id : change.id((after ?? before)!);
  await tx.auditEntry.create({ data: entryOf(actor, change.type, { id, before: shown(before), after: shown(after) }) });
}

function entryOf({ name, keyId, remoteAddress, requestId }: Author, resourceType: AuditedType, { id, before, after }: RecordedChange): Prisma.AuditEntryCreateManyInput {
  const action: AuditedAction = before === null ? 'create' : after === null ? 'delete' : 'update';
  const values = { oldValue: before ?? Prisma.DbNull, newValue: after ?? Prisma.DbNull };
  return { id: newId(), actor: name, actorKeyId: keyId, remoteAddress, requestId, action, resourceType, resourceId: id, ...values };
}
