import { v7 as uuidv7 } from 'uuid';
import { type Database, PREPARED, Prisma } from '../db/client.js';
import { indexRange } from '../db/index-range.js';
import type { EmailStatus } from './emails.contract.js';
import { CURRENT_RELAY, GATE_IS_OPEN, IS_TOLD, LEASE_SECONDS, PUT_OFF, UNREACHABLE } from './delivery-sql.js';
import { SLOW_INTERVAL_MS } from './relay-states.repository.js';
import { ADDRESSEES, NO_ADDRESSEES } from './subscribers.js';

/** An e-mail that this worker holds a lease on, with what it takes to send it. */
export interface ClaimedEmail {
  id: string;
  eventId: string;
  leaseId: string;
  to: string;
  /** Whether it is for a user, who is read again at the start. */
  forUser: boolean;
  messageId: string;
  createdAt: Date;
  status: EmailStatus;
  tries: number;
  attemptCount: number;
  /** Not sent again when it is not known whether the server took it. */
  atMostOnce: boolean;
  /** Milliseconds from now to the end of the retry window; negative when it is over. */
  windowMs: number;
}

/** What a worker holds by one lease, and how its relay does. */
export interface Claim {
  leaseId: string;
  /** By age. */
  emails: ClaimedEmail[];
  /** Of the current relay. */
  relayVersion: string;
  /** It could not be reached when it was tried last. */
  isUnreachable: boolean;
}

export interface EmailContent {
  eventId: string;
  subject: string;
  textBody: string;
  htmlBody: string;
  replyTo: string | null;
}

/** An attempt that is about to say MAIL. */
export interface StartMark {
  id: string;
  leaseId: string;
  forUser: boolean;
  /** The relay that it would go to: it counts only while that is the current one. */
  relayVersion: string;
}

/** How an attempt ended. `number` is null when it never started (no connection): then it is counted now. */
export interface OutcomeMark {
  id: string;
  leaseId: string;
  /** The relay that was tried: a retry is due at once when the settings have changed meanwhile. */
  relayVersion: string;
  number: number | null;
  status: EmailStatus;
  /** Milliseconds until the next attempt; null when none is planned. */
  retryInMs: number | null;
  startedAt: Date;
  durationMs: number;
  worker: string;
  address: string | null;
  port: number | null;
  stage: string | null;
  code: string | null;
  reply: string | null;
  enhancedCode: string | null;
  message: string | null;
  hint: string | null;
  queueId: string | null;
}

/** What became of a start. */
export interface Started {
  id: string;
  /** True: it must not be sent, for the user is gone; nothing has begun. */
  skipped: boolean;
  /** The address, which is the user's as it is now when the e-mail is for a user. */
  to: string;
  attemptCount: number;
  tries: number;
  /** Milliseconds between two mails that the relay asked for; 0: it did not. */
  slowIntervalMs: number;
}

/** The rows of deliveries, as those who deliver see them: leases and marks. Each method is one statement. */
export class DeliveryRepository {
  constructor(private readonly db: Database) {}

  /**
   * Takes a lease on those of `emailIds` that are due and that nobody holds; on none while a test holds the gate. A job with few e-mails takes others along,
   * the oldest that are queued, up to `most` together: so what many small jobs are for costs no more than one large one, and the later jobs find it done.
   */
  async claim(emailIds: string[], worker: string, most: number): Promise<Claim> {
    const leaseId = uuidv7();
    const rows = await this.db.prisma.$queryRaw<(ClaimedEmail & Pick<Claim, 'relayVersion' | 'isUnreachable'>)[]>`${PREPARED}
      WITH current AS (${CURRENT_RELAY}), asked AS (
        SELECT id FROM emails
        WHERE id = ANY(${emailIds}::uuid[]) AND lease_id IS NULL AND status IN ('queued', 'deferred', 'unconfirmed') AND next_attempt_at <= now()
          AND EXISTS (SELECT 1 FROM delivery_gate WHERE ${GATE_IS_OPEN})
        FOR UPDATE SKIP LOCKED
      ), others AS (
        SELECT id FROM emails
        WHERE ${QUEUED.where} AND lease_id IS NULL AND next_attempt_at <= now() AND id <> ALL(${emailIds}::uuid[]) AND EXISTS (SELECT 1 FROM asked)
        ORDER BY ${Prisma.join(QUEUED.columns)} LIMIT greatest(0, ${most}::int - ${emailIds.length}::int)
        FOR UPDATE SKIP LOCKED
      ), due AS (SELECT id FROM asked UNION ALL SELECT id FROM others), lease AS (
        INSERT INTO delivery_leases (id, worker, expires_at)
        SELECT ${leaseId}::uuid, ${worker}, now() + make_interval(secs => ${LEASE_SECONDS}) WHERE EXISTS (SELECT 1 FROM due)
      )
      UPDATE emails e SET lease_id = ${leaseId}::uuid, nudge_at = NULL FROM due CROSS JOIN current WHERE e.id = due.id
      RETURNING e.id, e.event_id AS "eventId", e.lease_id AS "leaseId", e.to_address AS "to", e.user_id IS NOT NULL AS "forUser", e.message_id AS "messageId", e.created_at AS "createdAt",
        e.status, e.tries, e.attempt_count AS "attemptCount", e.at_most_once AS "atMostOnce", (extract(epoch FROM e.give_up_at - now()) * 1000)::float8 AS "windowMs",
        current.version AS "relayVersion", EXISTS (SELECT 1 FROM relay_states r WHERE r.relay = current.version AND r.open_until IS NOT NULL) AS "isUnreachable"`;
    const { relayVersion = '', isUnreachable = false } = rows[0] ?? {};
    return { leaseId, emails: rows.sort(byAge), relayVersion, isUnreachable };
  }

  contents(eventIds: string[]): Promise<EmailContent[]> {
    return this.db.prisma.$queryRaw<EmailContent[]>`${PREPARED}
      SELECT event_id AS "eventId", subject, text_body AS "textBody", html_body AS "htmlBody", reply_to AS "replyTo"
      FROM email_contents WHERE event_id = ANY(${eventIds}::uuid[])`;
  }

  /** Answers those of the leases that nobody has taken over. */
  async renew(leaseIds: string[]): Promise<string[]> {
    const rows = await this.db.prisma.$queryRaw<{ id: string }[]>`
      UPDATE delivery_leases SET expires_at = now() + make_interval(secs => ${LEASE_SECONDS}) WHERE id = ANY(${leaseIds}::uuid[]) RETURNING id`;
    return rows.map(({ id }) => id);
  }

  /**
   * Gives back what was not started; it is due at once. An attempt whose end could not be recorded keeps the lease, which is over now:
   * the sweeper takes it over.
   */
  async release(leaseId: string): Promise<void> {
    await this.db.prisma.$executeRaw`${PREPARED}
      WITH rest AS (
        UPDATE emails SET lease_id = NULL, nudge_at = now() WHERE lease_id = ${leaseId}::uuid AND status <> 'sending'
      ), done AS (
        DELETE FROM delivery_leases l WHERE l.id = ${leaseId}::uuid AND NOT EXISTS (SELECT 1 FROM emails e WHERE e.lease_id = l.id AND e.status = 'sending')
      )
      UPDATE delivery_leases l SET expires_at = now()
      WHERE l.id = ${leaseId}::uuid AND EXISTS (SELECT 1 FROM emails e WHERE e.lease_id = l.id AND e.status = 'sending')`;
  }

  /**
   * Writes outcomes and starts in one commit. A start counts only while its lease holds: an e-mail that was cancelled or taken over is
   * left out of the answer and must not be sent. An outcome counts for the lease's holder; that a mail was sent is kept also when the
   * lease was lost meanwhile, unless somebody else tries it already. While a test holds the gate no start counts: reading the gate's row
   * FOR SHARE makes that exact, for the test cannot close it in the middle of this statement. For an e-mail to a user the user is read now: its
   * address is what the user has, and it is skipped when the user is gone or disabled. That the lease is NOT DISTINCT keeps the planner from looking for
   * each e-mail among all that the lease holds.
   */
  async mark(starts: StartMark[], outcomes: OutcomeMark[]): Promise<Started[]> {
    const addressees = starts.some(({ forUser }) => forUser) ? Prisma.sql`addressee AS (${ADDRESSEES}), forked AS (${FORKED})` : Prisma.sql`addressee AS (${NO_ADDRESSEES})`;
    return this.db.prisma.$queryRaw<Started[]>`${PREPARED}
      WITH current AS (${CURRENT_RELAY}), o AS (
        SELECT r.*, CASE WHEN r."retryInMs" IS NULL THEN NULL WHEN r."relayVersion" <> current.version THEN now() ELSE now() + make_interval(secs => r."retryInMs" / 1000) END AS retry_at
        FROM current CROSS JOIN jsonb_to_recordset(${storable(outcomes)}::jsonb) AS r(
          id uuid, "leaseId" uuid, "relayVersion" text, number int, status email_status, "retryInMs" float8, "startedAt" timestamptz, "durationMs" int, worker text,
          address text, port int, stage text, code text, reply text, "enhancedCode" text, message text, hint text, "queueId" text)
      ), ended AS (
        UPDATE emails e SET
          status = o.status, lease_id = NULL, updated_at = now(), failure_untold = o.status = 'failed' AND ${IS_TOLD},
          attempt_count = coalesce(o.number, e.attempt_count + 1), tries = CASE WHEN o.number IS NULL THEN e.tries + 1 ELSE e.tries END,
          reason_code = CASE WHEN o.status <> 'sent' THEN o.code END, reason = CASE WHEN o.status <> 'sent' THEN o.message END,
          next_attempt_at = o.retry_at, nudge_at = o.retry_at,
          sent_at = CASE WHEN o.status = 'sent' THEN now() END, server_reply = CASE WHEN o.status = 'sent' THEN o.reply END,
          server_queue_id = o."queueId"
        FROM o
        WHERE e.id = o.id AND (e.lease_id = o."leaseId" OR (o.status = 'sent' AND e.lease_id IS NULL AND e.attempt_count = o.number AND e.status <> 'sent'))
        RETURNING e.id, e.attempt_count
      ), attempts AS (
        INSERT INTO email_attempts (email_id, number, started_at, duration_ms, worker, address, port, outcome, stage, code, reply, enhanced_code, message, hint)
        SELECT o.id, ended.attempt_count, o."startedAt", o."durationMs", o.worker, o.address, o.port, o.status::text, o.stage, o.code, o.reply, o."enhancedCode", o.message, o.hint
        FROM o JOIN ended USING (id)
        ON CONFLICT (email_id, number) DO UPDATE SET outcome = excluded.outcome, duration_ms = excluded.duration_ms, address = excluded.address, port = excluded.port,
          stage = excluded.stage, code = excluded.code, reply = excluded.reply, enhanced_code = excluded.enhanced_code, message = excluded.message, hint = excluded.hint
      ), s AS (
        SELECT r.* FROM jsonb_to_recordset(${storable(starts)}::jsonb) AS r(id uuid, "leaseId" uuid, "relayVersion" text) JOIN current ON current.version = r."relayVersion"
      ), gate AS (
        SELECT id FROM delivery_gate WHERE ${GATE_IS_OPEN} FOR SHARE
      ), ${addressees}
      UPDATE emails e SET
        status = CASE WHEN a.code IS NULL THEN 'sending'::email_status ELSE 'skipped'::email_status END, reason_code = a.code, reason = a.reason,
        to_address = coalesce(a.address, e.to_address), to_key = coalesce(a.key, e.to_key),
        attempt_count = CASE WHEN a.code IS NULL THEN e.attempt_count + 1 ELSE e.attempt_count END, tries = CASE WHEN a.code IS NULL THEN e.tries + 1 ELSE e.tries END,
        attempt_started_at = CASE WHEN a.code IS NULL THEN now() ELSE e.attempt_started_at END, lease_id = CASE WHEN a.code IS NULL THEN e.lease_id END,
        next_attempt_at = NULL, updated_at = now()
      FROM s JOIN delivery_leases l ON l.id = s."leaseId" AND l.expires_at > now() CROSS JOIN gate LEFT JOIN addressee a ON a.id = s.id
        LEFT JOIN relay_states r ON r.relay = s."relayVersion"
      WHERE e.id = s.id AND e.lease_id IS NOT DISTINCT FROM s."leaseId" AND e.status NOT IN ('sending', 'sent', 'failed', 'skipped', 'cancelled')
      RETURNING e.id, a.code IS NOT NULL AS skipped, e.to_address AS "to", e.attempt_count AS "attemptCount", e.tries, ${SLOW_INTERVAL_MS} AS "slowIntervalMs"`;
  }

  /** Puts off, without an attempt, what a worker holds while the e-mail client is disabled; when it has been enabled meanwhile that is due at once. */
  async postpone(leaseId: string, seconds: number, code: string, reason: string): Promise<void> {
    await this.db.prisma.$executeRaw`
      WITH due AS (SELECT CASE WHEN server_address IS NULL THEN now() + make_interval(secs => ${seconds}) ELSE now() END AS at FROM smtp_settings)
      UPDATE emails SET status = CASE WHEN status = 'queued' THEN 'deferred'::email_status ELSE status END, lease_id = NULL, reason_code = ${code}, reason = ${reason},
        next_attempt_at = due.at, nudge_at = due.at, updated_at = now()
      FROM due WHERE lease_id = ${leaseId}::uuid AND status <> 'sending'`;
  }

  /**
   * Puts off, without an attempt, what a worker holds while the relay cannot be reached; nothing when it is back by now. What has had its time fails.
   */
  async postponeUnreachable(leaseId: string, relay: string): Promise<void> {
    await this.db.prisma.$executeRaw`
      WITH r AS (${UNREACHABLE} AND relay = ${relay} FOR SHARE)
      UPDATE emails e SET ${PUT_OFF}, lease_id = NULL FROM r WHERE e.lease_id = ${leaseId}::uuid AND e.status <> 'sending'`;
  }

  /** Whether e-mails may start for this relay: it is the current one, and no test holds the gate. */
  async maySend(relayVersion: string): Promise<boolean> {
    const [row] = await this.db.prisma.$queryRaw<{ open: boolean }[]>`
      SELECT EXISTS (SELECT 1 FROM delivery_gate CROSS JOIN (${CURRENT_RELAY}) current WHERE ${GATE_IS_OPEN} AND current.version = ${relayVersion}) AS open`;
    return row!.open;
  }
}

/** What is queued, by age, from the index: never past all that is sent. */
const QUEUED = indexRange(Prisma.sql`id`, { above: null, below: null }, [{ column: Prisma.sql`status`, value: Prisma.sql`'queued'::email_status` }]);

/** The e-mails of users who moved away from an address that others still have. */
const FORKED = Prisma.sql`
        INSERT INTO emails (id, event_id, event_type, publisher_key_id, subscription_id, user_id, to_address, to_key, match_key, message_id, at_most_once, status, created_at, give_up_at, next_attempt_at, nudge_at)
        SELECT f.id, m.event_id, m.event_type, m.publisher_key_id, m.subscription_id, m.user_id, f.address, f.key, 'user ' || m.user_id, '<' || f.id || '@' || split_part(trim('<>' FROM m.message_id), '@', 2) || '>',
               m.at_most_once, 'queued', now(), m.give_up_at, now(), now()
        FROM (SELECT uuid_v7(now()) AS id, a.id AS email_id, a.fork_address AS address, a.fork_key AS key FROM addressee a WHERE a.fork_key IS NOT NULL) f JOIN emails m ON m.id = f.email_id
        ON CONFLICT (event_id, match_key) DO NOTHING`;

const byAge = (one: ClaimedEmail, other: ClaimedEmail): number => (one.id < other.id ? -1 : 1); // ids count up with time

/** JSON that Postgres takes whatever a server said: jsonb knows no NUL and no half of a surrogate pair. */
const storable = (marks: readonly object[]): string =>
  JSON.stringify(marks, (_name, value: unknown) => (typeof value === 'string' ? value.toWellFormed().replaceAll('\0', '\uFFFD') : value));
