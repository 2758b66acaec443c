import { type Database, Prisma, type Tx } from '../db/client.js';
import type { EmailAttemptModel, EmailModel } from '../db/generated/models.js';
import type { Slice } from '../contract/page.js';
import type { EmailCounts, EmailStatus } from './emails.contract.js';

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

export class EmailsRepository {
  constructor(private readonly db: Database) {}

  async insertContents(tx: Tx, contents: NewContentRow[]): Promise<void> {
    await tx.emailContent.createMany({ data: contents });
  }

  /**
   * Makes the e-mails of these events in one statement: one for each event and address (compared in lower case). Those of events that
   * were accepted while the e-mail client was disabled are skipped. Answers the ids of those that wait.
   */
  async insertForSubscribers(tx: Tx, eventIds: string[], messageIdDomain: string): Promise<string[]> {
    const rows = await tx.$queryRaw<{ id: string; status: EmailStatus }[]>`
      INSERT INTO emails (id, event_id, event_type, subscription_id, to_address, to_key, message_id, status, reason_code, reason,
                          give_up_at, next_attempt_at, nudge_at)
      SELECT made.id, made.event_id, made.type, made.subscription_id, made.email_address, made.email_key, '<' || made.id || '@' || ${messageIdDomain} || '>',
             CASE WHEN made.client_enabled THEN 'queued'::email_status ELSE 'skipped'::email_status END,
             CASE WHEN NOT made.client_enabled THEN 'EMAIL_CLIENT_DISABLED' END,
             CASE WHEN NOT made.client_enabled THEN 'The e-mail client was disabled (serverAddress is null) when the event was published.' END,
             now() + interval '3 days',
             CASE WHEN made.client_enabled THEN now() END,
             CASE WHEN made.client_enabled THEN now() + interval '15 seconds' END
      FROM (
        SELECT DISTINCT ON (e.id, s.email_key)
          uuid_v7() AS id, e.id AS event_id, e.type, e.client_enabled, s.id AS subscription_id, s.email_address, s.email_key
        FROM events e CROSS JOIN LATERAL (
          SELECT id, email_address, email_key, object_id FROM subscriptions WHERE enabled AND all_events
          UNION ALL
          SELECT id, email_address, email_key, object_id FROM subscriptions WHERE enabled AND NOT all_events AND event_types @> ARRAY[e.type]
        ) s
        WHERE e.id = ANY(${eventIds}::uuid[]) AND (s.object_id IS NULL OR s.object_id = e.object_id)
        ORDER BY e.id, s.email_key, s.id
      ) made
      ON CONFLICT (event_id, to_key) DO NOTHING
      RETURNING id, status`;
    return rows.filter(({ status }) => status === 'queued').map(({ id }) => id);
  }

  async countsByEvent(eventIds: string[]): Promise<{ eventId: string; status: EmailStatus; count: number }[]> {
    return this.db.prisma.$queryRaw`
      SELECT event_id AS "eventId", status, count(*)::int AS count FROM emails WHERE event_id = ANY(${eventIds}::uuid[]) GROUP BY 1, 2`;
  }

  /** Of what is not finished yet; through a small index, however many e-mails there are. */
  async waitingCounts(): Promise<Partial<EmailCounts>> {
    const rows = await this.db.prisma.$queryRaw<{ status: EmailStatus; count: number }[]>`
      SELECT status, count(*)::int AS count FROM emails WHERE status IN ('queued', 'sending', 'deferred', 'unconfirmed') GROUP BY 1`;
    return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
  }

  list({ limit, after }: Slice, filter: EmailFilter): Promise<EmailRow[]> {
    return this.db.prisma.$queryRaw<EmailRow[]>`
      SELECT ${COLUMNS} FROM emails e JOIN email_contents c USING (event_id)
      WHERE ${conditions(filter)} ${after === null ? Prisma.empty : Prisma.sql`AND e.id < ${after}::uuid`}
      ORDER BY e.id DESC LIMIT ${limit + 1}`;
  }

  async find(tx: Tx, id: string, publisherKeyId: string | null = null): Promise<EmailRow | null> {
    const [row] = await tx.$queryRaw<EmailRow[]>`
      SELECT ${COLUMNS} FROM emails e JOIN email_contents c USING (event_id) WHERE e.id = ${id}::uuid AND ${publishedBy(publisherKeyId)}`;
    return row ?? null;
  }

  async lock(tx: Tx, id: string): Promise<EmailRow | null> {
    await tx.$executeRaw`SELECT 1 FROM emails WHERE id = ${id}::uuid FOR UPDATE`;
    return this.find(tx, id);
  }

  attempts(emailId: string): Promise<AttemptRow[]> {
    return this.db.prisma.emailAttempt.findMany({ where: { emailId }, orderBy: { number: 'asc' } });
  }

  /** Queues again, with a new retry window. Whoever held a lease on it loses it. */
  async requeue(tx: Tx, filter: EmailFilter & { id?: string }): Promise<string[]> {
    const rows = await tx.$queryRaw<{ id: string }[]>`
      UPDATE emails e SET status = 'queued', reason_code = NULL, reason = NULL, tries = 0, give_up_at = now() + interval '3 days',
        next_attempt_at = now(), nudge_at = now() + interval '15 seconds', lease_id = NULL, updated_at = now()
      WHERE ${conditions(filter)} ${filter.id === undefined ? Prisma.empty : Prisma.sql`AND e.id = ${filter.id}::uuid`}
      RETURNING e.id`;
    return rows.map(({ id }) => id);
  }

  async cancel(tx: Tx, id: string, reason: string): Promise<void> {
    await tx.$executeRaw`
      UPDATE emails SET status = 'cancelled', reason_code = 'CANCELLED', reason = ${reason}, next_attempt_at = NULL, nudge_at = NULL, lease_id = NULL, updated_at = now()
      WHERE id = ${id}::uuid`;
  }
}

const COLUMNS = Prisma.sql`
  e.id, e.event_id AS "eventId", e.event_type AS "eventType", e.subscription_id AS "subscriptionId", e.to_address AS "toAddress", e.to_key AS "toKey",
  e.message_id AS "messageId", e.status, e.reason_code AS "reasonCode", e.reason, e.attempt_count AS "attemptCount", e.tries,
  e.next_attempt_at AS "nextAttemptAt", e.created_at AS "createdAt", e.updated_at AS "updatedAt", e.sent_at AS "sentAt",
  e.server_reply AS "serverReply", e.server_queue_id AS "serverQueueId", c.subject, c.warnings`;

const publishedBy = (keyId: string | null | undefined): Prisma.Sql =>
  keyId == null ? Prisma.sql`true` : Prisma.sql`EXISTS (SELECT 1 FROM events v WHERE v.id = e.event_id AND v.publisher_key_id = ${keyId}::uuid)`;

function conditions({ statuses, toKey, eventId, from, until, publisherKeyId }: EmailFilter): Prisma.Sql {
  const parts = [publishedBy(publisherKeyId)];
  if (statuses !== undefined) parts.push(Prisma.sql`e.status = ANY(${statuses}::email_status[])`);
  if (toKey !== undefined) parts.push(Prisma.sql`e.to_key = ${toKey}`);
  if (eventId !== undefined) parts.push(Prisma.sql`e.event_id = ${eventId}::uuid`);
  if (from !== undefined) parts.push(Prisma.sql`e.created_at >= ${from}`);
  if (until !== undefined) parts.push(Prisma.sql`e.created_at < ${until}`);
  return Prisma.join(parts, ' AND ');
}
