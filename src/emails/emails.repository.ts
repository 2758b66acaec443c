import { type Database, Prisma, type Tx } from '../db/client.js';
import type { EmailAttemptModel, EmailModel } from '../db/generated/models.js';
import { type Equality, indexRange } from '../db/index-range.js';
import { type Query, statement } from '../db/statements.js';
import { textArray } from '../db/text-array.js';
import type { Slice } from '../contract/page.js';
import type { EmailCounts, EmailStatus } from './emails.contract.js';
import { AT_MOST_ONCE, emailsForSubscribers, type Portion } from './making.js';
import { SUBSCRIPTIONS_OF_EVENT } from './subscribers.js';

export type EmailRow = EmailModel & { subject: string; warnings: string[] };
export type AttemptRow = EmailAttemptModel;

/** Which e-mails; a field that is left out does not matter. Addresses in lower case. */
export interface EmailFilter {
  statuses?: EmailStatus[] | undefined;
  toKey?: string | undefined;
  eventId?: string | undefined;
  from?: Date | undefined;
  until?: Date | undefined;
  /** Only e-mails of events that this key published. */
  publisherKeyId?: string | null;
}

export interface NewContentRow {
  eventId: string;
  subject: string;
  textBody: string;
  htmlBody: string;
  replyTo: string | null;
  warnings: string[];
}

export interface SubscriptionCount {
  eventId: string;
  count: number;
}

export interface MadeEmails {
  /** Ids for the caller to nudge after the commit. */
  nudge: string[];
  /** Events that may have more subscriptions, and the last that was looked at. */
  unfinished: { eventId: string; after: string }[];
}

/** E-mails of one event that failed for good. */
export interface UntoldFailures {
  eventId: string;
  eventType: string;
  count: number;
  /** The first five. */
  addresses: string[];
}

export class EmailsRepository {
  constructor(private readonly db: Database) {}

  /** What is there already stays: an event is rendered once, also when its matching was interrupted. */
  async insertContents(contents: NewContentRow[]): Promise<void> {
    for (const portion of portionsOf(contents)) await this.db.statements.rows(insertContents(portion));
  }

  /** Of those events that are not matched yet, oldest first: how many subscriptions ask for each, counted up to `limit`. */
  async subscriptionCounts(eventIds: string[], limit: number): Promise<SubscriptionCount[]> {
    return this.db.statements.rows(SUBSCRIPTION_COUNTS(eventIds, limit));
  }

  /** Makes e-mails in one statement. */
  async insertForSubscribers(tx: Tx, portion: Portion, messageIdDomain: string): Promise<MadeEmails> {
    const [made] = await tx.$queryRaw<MadeEmails[]>(emailsForSubscribers(portion, messageIdDomain));
    return made!;
  }

  /** Makes one e-mail of an event for an address, whether it is subscribed or not. It is for the caller to nudge. */
  async insertOne(tx: Tx, content: NewContentRow, { address, key }: { address: string; key: string }, messageIdDomain: string): Promise<EmailRow> {
    const { eventId } = content;
    await tx.emailContent.create({ data: content });
    const [row] = await tx.$queryRaw<{ id: string }[]>`
      INSERT INTO emails (id, event_id, event_type, publisher_key_id, to_address, to_key, match_key, message_id, at_most_once, status, give_up_at, next_attempt_at, nudge_at)
      SELECT made.id, e.id, e.type, e.publisher_key_id, ${address}, ${key}, ${key}, '<' || made.id || '@' || ${messageIdDomain} || '>', ${AT_MOST_ONCE}, 'queued',
             now() + interval '3 days', now(), now() + interval '15 seconds'
      FROM events e, (SELECT uuid_v7(now()) AS id) made WHERE e.id = ${eventId}::uuid
      RETURNING id`;
    return (await this.find(tx, row!.id))!;
  }

  /** Failures that nobody has published yet, of at most `limit` events that were not told of in the last minute, oldest first. From now on they count as told. */
  async takeUntoldFailures(tx: Tx, limit: number): Promise<UntoldFailures[]> {
    return tx.$queryRaw<UntoldFailures[]>`
      WITH untold AS (
        SELECT e.id, e.event_id, e.event_type, e.to_address FROM emails e JOIN events v ON v.id = e.event_id
        WHERE e.failure_untold AND (v.failures_told_at IS NULL OR v.failures_told_at < now() - interval '1 minute')
      ), due AS (
        SELECT event_id, min(event_type) AS event_type, count(*)::int AS count, (array_agg(to_address ORDER BY id))[1:5] AS addresses
        FROM untold GROUP BY event_id ORDER BY event_id LIMIT ${limit}
      ), told AS (
        UPDATE emails e SET failure_untold = false FROM untold JOIN due USING (event_id) WHERE e.id = untold.id
      )
      SELECT event_id AS "eventId", event_type AS "eventType", count, addresses FROM due`;
  }

  /** Deletes up to `limit` finished e-mails that were made before `before`, with their attempts; answers how many. */
  async deleteFinished(before: Date, limit: number): Promise<number> {
    return this.db.prisma.$executeRaw`
      WITH old AS (
        SELECT f.id FROM unnest(ARRAY['sent', 'failed', 'skipped', 'cancelled', 'unconfirmed']::email_status[]) AS w(status)
        CROSS JOIN LATERAL (
          SELECT id FROM emails e WHERE e.status = w.status AND e.id < ${firstIdAt(before)}::uuid AND e.next_attempt_at IS NULL AND e.lease_id IS NULL ORDER BY id LIMIT ${limit}
        ) f LIMIT ${limit}
      ), attempts AS (
        DELETE FROM email_attempts WHERE email_id IN (SELECT id FROM old)
      )
      DELETE FROM emails WHERE id IN (SELECT id FROM old)`;
  }

  async countsByEvent(eventIds: string[]): Promise<{ eventId: string; status: EmailStatus; count: number }[]> {
    return this.db.prisma.$queryRaw`
      SELECT event_id AS "eventId", status, count(*)::int AS count FROM emails WHERE event_id = ANY(${eventIds}::uuid[]) GROUP BY 1, 2`;
  }

  /** Of what is not finished yet. Counted up to `limit` for each status, through an index, so that it is quick however many wait: `limit` means that many or more. */
  async waitingCounts(limit = 100_000): Promise<Partial<EmailCounts>> {
    const rows = await this.db.prisma.$queryRaw<{ status: EmailStatus; count: number }[]>`
      SELECT w.status, (SELECT count(*)::int FROM (SELECT 1 FROM emails e WHERE e.status = w.status ORDER BY e.id LIMIT ${limit}) counted) AS count
      FROM unnest(ARRAY['queued', 'sending', 'deferred', 'unconfirmed']::email_status[]) AS w(status)`;
    return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
  }

  list({ limit, after }: Slice, filter: EmailFilter): Promise<EmailRow[]> {
    const { where, columns } = rangeOf(filter, null, after);
    return this.db.prisma.$queryRaw<EmailRow[]>`
      SELECT ${COLUMNS} FROM emails e JOIN email_contents c USING (event_id)
      WHERE ${where}
      ORDER BY ${Prisma.join(columns, ' DESC, ')} DESC LIMIT ${limit + 1}`;
  }

  async find(tx: Tx, id: string, publisherKeyId: string | null = null): Promise<EmailRow | null> {
    const [row] = await tx.$queryRaw<EmailRow[]>`
      SELECT ${COLUMNS} FROM emails e JOIN email_contents c USING (event_id)
      WHERE e.id = ${id}::uuid ${publisherKeyId === null ? Prisma.empty : Prisma.sql`AND e.publisher_key_id = ${publisherKeyId}::uuid`}`;
    return row ?? null;
  }

  async lock(tx: Tx, id: string): Promise<EmailRow | null> {
    await tx.$executeRaw`SELECT 1 FROM emails WHERE id = ${id}::uuid FOR UPDATE`;
    return this.find(tx, id);
  }

  attempts(tx: Tx, emailId: string): Promise<AttemptRow[]> {
    return tx.emailAttempt.findMany({ where: { emailId }, orderBy: { number: 'asc' } });
  }

  /** Queues again, with a new retry window. Whoever held a lease on it loses it. It is for the caller to nudge. */
  async requeue(tx: Tx, id: string): Promise<void> {
    await tx.$executeRaw`UPDATE emails e SET ${QUEUED_AGAIN}, nudge_at = now() + interval '15 seconds' WHERE e.id = ${id}::uuid`;
  }

  /**
   * Queues the next `limit` e-mails again, in the order of their ids, due for the sweeper at once. Those that somebody else is changing
   * right now are left out.
   * @param after the last id of the step before
   * @returns how many, and the last of them; null when there was none
   */
  async requeueNext(filter: EmailFilter, after: string | null, limit: number): Promise<{ count: number; last: string | null }> {
    const { where, columns } = rangeOf(filter, after, null);
    const [step] = await this.db.prisma.$queryRaw<{ count: number; last: string | null }[]>`
      WITH step AS (
        SELECT e.id FROM emails e WHERE ${where} ORDER BY ${Prisma.join(columns)} LIMIT ${limit} FOR UPDATE SKIP LOCKED
      ), requeued AS (
        UPDATE emails e SET ${QUEUED_AGAIN}, nudge_at = now() FROM step WHERE e.id = step.id RETURNING e.id
      )
      SELECT (SELECT count(*)::int FROM requeued) AS count, (SELECT id FROM requeued ORDER BY id DESC LIMIT 1) AS last`;
    return step!;
  }

  async cancel(tx: Tx, id: string, reason: string): Promise<void> {
    await tx.$executeRaw`
      UPDATE emails SET status = 'cancelled', reason_code = 'CANCELLED', reason = ${reason}, next_attempt_at = NULL, nudge_at = NULL, lease_id = NULL, updated_at = now()
      WHERE id = ${id}::uuid`;
  }
}

/** Characters of contents that one statement stores; usual ones have 5,000 each. */
const STORED_AT_ONCE = 4_000_000;

function portionsOf(contents: NewContentRow[]): NewContentRow[][] {
  const portions: NewContentRow[][] = [];
  let room = 0;
  for (const content of contents) {
    const size = content.textBody.length + content.htmlBody.length;
    if (size > room) {
      portions.push([]);
      room = STORED_AT_ONCE;
    }
    portions.at(-1)!.push(content);
    room -= size;
  }
  return portions;
}

const SUBSCRIPTION_COUNTS = statement('subscription-counts', (eventIds: string[], limit: number) => Prisma.sql`
  SELECT e.id AS "eventId", (SELECT count(*)::int FROM (${SUBSCRIPTIONS_OF_EVENT} LIMIT ${limit}::int) counted) AS count
  FROM events e WHERE e.id = ANY(${eventIds}::uuid[]) AND e.matched_at IS NULL ORDER BY e.id`);

const INSERT_CONTENTS = statement('insert-contents', (eventIds: string[], subjects: Buffer, texts: Buffer, htmls: Buffer, replyTos: Buffer, warnings: Buffer) => Prisma.sql`
  INSERT INTO email_contents (event_id, subject, text_body, html_body, reply_to, warnings)
  SELECT event_id, subject, text_body, html_body, reply_to, CASE WHEN warnings IS NULL THEN '{}' ELSE ARRAY(SELECT jsonb_array_elements_text(warnings::jsonb)) END
  FROM unnest(${eventIds}::uuid[], ${subjects}::text[], ${texts}::text[], ${htmls}::text[], ${replyTos}::text[], ${warnings}::text[])
    AS r(event_id, subject, text_body, html_body, reply_to, warnings)
  ON CONFLICT DO NOTHING`);

function insertContents(contents: readonly NewContentRow[]): Query {
  const column = (of: (content: NewContentRow) => string | null): Buffer => textArray(contents.map(of));
  return INSERT_CONTENTS(
    contents.map(({ eventId }) => eventId),
    column(({ subject }) => subject),
    column(({ textBody }) => textBody),
    column(({ htmlBody }) => htmlBody),
    column(({ replyTo }) => replyTo),
    column(({ warnings }) => (warnings.length === 0 ? null : JSON.stringify(warnings))),
  );
}

const COLUMNS = Prisma.sql`
  e.id, e.event_id AS "eventId", e.event_type AS "eventType", e.subscription_id AS "subscriptionId", e.user_id AS "userId", e.at_most_once AS "atMostOnce", e.to_address AS "toAddress", e.to_key AS "toKey",
  e.message_id AS "messageId", e.status, e.reason_code AS "reasonCode", e.reason, e.attempt_count AS "attemptCount", e.tries,
  e.next_attempt_at AS "nextAttemptAt", e.created_at AS "createdAt", e.updated_at AS "updatedAt", e.sent_at AS "sentAt",
  e.server_reply AS "serverReply", e.server_queue_id AS "serverQueueId", c.subject, c.warnings`;

const QUEUED_AGAIN = Prisma.sql`
  status = 'queued', failure_untold = false, reason_code = NULL, reason = NULL, tries = 0, give_up_at = now() + interval '3 days', next_attempt_at = now(), lease_id = NULL, updated_at = now()`;

/** The e-mails of a filter with ids above `after` and below `before`, and the columns to order them by. */
function rangeOf(filter: EmailFilter, after: string | null, before: string | null): { where: Prisma.Sql; columns: Prisma.Sql[] } {
  const { from, until, statuses } = filter;
  const above = [after, from && firstIdAt(from)].filter((id) => id != null).sort().at(-1) ?? null;
  const below = [before, until && firstIdAt(until)].filter((id) => id != null).sort().at(0) ?? null;
  const { where, columns } = indexRange(Prisma.sql`e.id`, { above, below }, equalities(filter));
  const several = statuses !== undefined && statuses.length > 1;
  return { where: several ? Prisma.sql`${where} AND e.status = ANY(${statuses}::email_status[])` : where, columns };
}

function equalities({ statuses, toKey, eventId, publisherKeyId }: EmailFilter): Equality[] {
  const found: Equality[] = [];
  if (eventId !== undefined) found.push({ column: Prisma.sql`e.event_id`, value: Prisma.sql`${eventId}::uuid` });
  if (toKey !== undefined) found.push({ column: Prisma.sql`e.to_key`, value: Prisma.sql`${toKey}` });
  if (publisherKeyId != null) found.push({ column: Prisma.sql`e.publisher_key_id`, value: Prisma.sql`${publisherKeyId}::uuid` });
  if (statuses?.length === 1) found.push({ column: Prisma.sql`e.status`, value: Prisma.sql`${statuses[0]}::email_status` });
  return found;
}

/** RFC 9562 §5.7: no UUIDv7 of this millisecond or a later one is lower. An e-mail's id holds its created_at, so a time is a range of ids. */
function firstIdAt(time: Date): string {
  const ms = Math.max(0, time.getTime()).toString(16).padStart(12, '0');
  return `${ms.slice(0, 8)}-${ms.slice(8)}-0000-0000-000000000000`;
}
