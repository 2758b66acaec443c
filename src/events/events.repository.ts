import { v7 as uuidv7 } from 'uuid';
import { type Database, Prisma, type Tx } from '../db/client.js';
import { statement } from '../db/statements.js';
import { type Equality, indexRange } from '../db/index-range.js';
import type { EventModel } from '../db/generated/models.js';
import type { Slice } from '../contract/page.js';
import type { PropertyValue } from './events.contract.js';

export type EventRow = EventModel;

export interface NewEvent {
  id: string;
  type: string;
  properties: Record<string, PropertyValue>;
  objectId: string | null;
  occurredAt: string | null;
  /** The name and the id of the key that publishes it. */
  publishedBy: string;
  publisherKeyId: string;
}

/** An event whose subscribers are to be looked up. */
export interface UnmatchedEvent {
  id: string;
  type: string;
  properties: Record<string, PropertyValue>;
  occurredAt: Date;
}

export class EventsRepository {
  constructor(private readonly db: Database) {}

  /** One statement, however many; answers them in their order. The sweeper enqueues what no nudge reached within 10 s. Those that are tests are matched from the start: nobody's subscription is asked. */
  async insert(events: NewEvent[], tx?: Tx, isTest = false): Promise<EventRow[]> {
    const query = INSERT(JSON.stringify(events), isTest);
    const rows = tx ? await tx.$queryRawUnsafe<EventRow[]>(query.text, ...query.values) : await this.db.statements.rows<EventRow>(query);
    const byId = new Map(rows.map((row) => [row.id, row]));
    return events.map(({ id }) => byId.get(id)!);
  }

  async find(id: string, publisherKeyId: string | null): Promise<EventRow | null> {
    return this.db.prisma.event.findFirst({ where: { id, ...(publisherKeyId !== null && { publisherKeyId }) } });
  }

  list({ limit, after }: Slice, { type, publisherKeyId }: { type?: string | undefined; publisherKeyId: string | null }): Promise<EventRow[]> {
    const equalities: Equality[] = [];
    if (publisherKeyId !== null) equalities.push({ column: Prisma.sql`publisher_key_id`, value: Prisma.sql`${publisherKeyId}::uuid` });
    if (type !== undefined) equalities.push({ column: Prisma.sql`type`, value: Prisma.sql`${type}` });
    const { where, columns } = indexRange(Prisma.sql`id`, { above: null, below: after }, equalities);
    return this.db.prisma.$queryRaw<EventRow[]>`
      SELECT ${COLUMNS} FROM events WHERE ${where} ORDER BY ${Prisma.join(columns, ' DESC, ')} DESC LIMIT ${limit + 1}`;
  }

  /** Those of `ids` that nobody has matched yet. */
  unmatched(ids: string[]): Promise<UnmatchedEvent[]> {
    return this.db.statements.rows(UNMATCHED(ids));
  }

  /** Those of `ids` that nobody has matched yet and nobody else is matching. */
  async lockUnmatched(tx: Tx, ids: string[]): Promise<string[]> {
    const rows = await tx.$queryRaw<{ id: string }[]>`SELECT id FROM events WHERE id = ANY(${ids}::uuid[]) AND matched_at IS NULL FOR UPDATE SKIP LOCKED`;
    return rows.map(({ id }) => id);
  }

  async markMatched(tx: Tx, ids: string[]): Promise<void> {
    if (ids.length === 0) return;
    await tx.$executeRaw`UPDATE events SET matched_at = now(), nudge_at = NULL WHERE id = ANY(${ids}::uuid[]) AND matched_at IS NULL`;
  }

  /** Of events whose matching goes on in another transaction: the sweeper enqueues them should that not happen. */
  async putOffNudge(tx: Tx, ids: string[]): Promise<void> {
    if (ids.length === 0) return;
    await tx.$executeRaw`UPDATE events SET nudge_at = now() + interval '30 seconds' WHERE id = ANY(${ids}::uuid[])`;
  }

  /** False: another process publishes failures right now. Held until the transaction ends. */
  async lockFailures(tx: Tx): Promise<boolean> {
    const [row] = await tx.$queryRaw<{ locked: boolean }[]>`SELECT pg_try_advisory_xact_lock(hashtextextended('failure-notices', 6)) AS locked`;
    return row!.locked;
  }

  /** How many events of a type were accepted in the last minute, counted up to `limit`. */
  async countRecent(tx: Tx, type: string, limit: number): Promise<number> {
    const [row] = await tx.$queryRaw<{ count: number }[]>`
      SELECT count(*)::int AS count FROM (SELECT 1 FROM events WHERE type = ${type} AND accepted_at > now() - interval '1 minute' AND id > ${idOfMinuteAgo()}::uuid LIMIT ${limit}) counted`;
    return row!.count;
  }

  async markFailuresTold(tx: Tx, ids: string[]): Promise<void> {
    await tx.$executeRaw`UPDATE events SET failures_told_at = now() WHERE id = ANY(${ids}::uuid[])`;
  }

  /** Deletes up to `limit` matched events that were accepted before `before` and have no e-mails, with their contents; answers how many. */
  async deleteOld(before: Date, limit: number): Promise<number> {
    return this.db.prisma.$executeRaw`
      WITH old AS (
        SELECT id FROM events v WHERE id < ${uuidv7({ msecs: before.getTime() })}::uuid AND accepted_at < ${before} AND matched_at IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM emails e WHERE e.event_id = v.id) ORDER BY id LIMIT ${limit}
      ), contents AS (
        DELETE FROM email_contents WHERE event_id IN (SELECT id FROM old)
      )
      DELETE FROM events WHERE id IN (SELECT id FROM old)`;
  }

  /** Takes up to `limit` events that were left behind, oldest first, and puts their next nudge off, so that one sweep enqueues each once. */
  async takeLeftBehind(limit: number): Promise<string[]> {
    const rows = await this.db.prisma.$queryRaw<{ id: string }[]>`
      UPDATE events SET nudge_at = now() + interval '30 seconds'
      WHERE id IN (SELECT id FROM events WHERE nudge_at <= now() ORDER BY nudge_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)
      RETURNING id`;
    return rows.map(({ id }) => id);
  }
}

/** Clocks of processes may differ by some seconds: the time in the row decides, the id only bounds the search. */
const idOfMinuteAgo = (): string => uuidv7({ msecs: Date.now() - 180_000 });

const COLUMNS = Prisma.sql`
  id, type, properties, object_id AS "objectId", occurred_at AS "occurredAt", accepted_at AS "acceptedAt", published_by AS "publishedBy",
  publisher_key_id AS "publisherKeyId", client_enabled AS "clientEnabled", is_test AS "isTest", matched_at AS "matchedAt", nudge_at AS "nudgeAt"`;

const UNMATCHED = statement('unmatched-events', (ids: string[]) => Prisma.sql`
  SELECT id, type, properties, occurred_at AS "occurredAt" FROM events WHERE id = ANY(${ids}::uuid[]) AND matched_at IS NULL`);

const INSERT = statement('insert-events', (events: string, isTest: boolean) => Prisma.sql`
  INSERT INTO events (id, type, properties, object_id, occurred_at, published_by, publisher_key_id, client_enabled, is_test, matched_at, nudge_at)
  SELECT r.id, r.type, r.properties, r."objectId", coalesce(r."occurredAt", now()), r."publishedBy", r."publisherKeyId",
         s.server_address IS NOT NULL, ${isTest}::boolean, CASE WHEN ${isTest}::boolean THEN now() END, CASE WHEN NOT ${isTest}::boolean THEN now() + interval '10 seconds' END
  FROM jsonb_to_recordset(${events}::jsonb) AS r(
    id uuid, type text, properties jsonb, "objectId" text, "occurredAt" timestamptz, "publishedBy" text, "publisherKeyId" uuid), smtp_settings s
  RETURNING ${COLUMNS}`);
