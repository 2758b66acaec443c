import { Prisma } from '../db/client.js';
import { indexRange } from '../db/index-range.js';
import { statement } from '../db/statements.js';
import { CURRENT_RELAY, GATE_IS_OPEN, IS_TOLD, LEASE_SECONDS, PUT_OFF, UNREACHABLE } from './delivery-sql.js';
import { SLOW_INTERVAL_MS } from './relay-states.repository.js';
import type { EmailStatus } from './emails.contract.js';
import { ADDRESSEES, NO_ADDRESSEES } from './subscribers.js';

/** What is queued, by age, from the index: never past all that is sent. */
const QUEUED = indexRange(Prisma.sql`id`, { above: null, below: null }, [{ column: Prisma.sql`status`, value: Prisma.sql`'queued'::email_status` }]);

export const CLAIM = statement('claim', (leaseId: string, emailIds: string[], worker: string, most: number) => Prisma.sql`
  WITH current AS (${CURRENT_RELAY}), asked AS (
    SELECT id FROM emails
    WHERE id = ANY(${emailIds}::uuid[]) AND lease_id IS NULL AND status IN ('queued', 'deferred', 'unconfirmed') AND next_attempt_at <= now()
      AND EXISTS (SELECT 1 FROM delivery_gate WHERE ${GATE_IS_OPEN})
    FOR UPDATE SKIP LOCKED
  ), others AS (
    SELECT id FROM emails
    WHERE ${QUEUED.where} AND lease_id IS NULL AND next_attempt_at <= now() AND id <> ALL(${emailIds}::uuid[]) AND EXISTS (SELECT 1 FROM asked)
    ORDER BY ${Prisma.join(QUEUED.columns)} LIMIT greatest(0, ${most}::int - cardinality(${emailIds}::uuid[]))
    FOR UPDATE SKIP LOCKED
  ), due AS (SELECT id FROM asked UNION ALL SELECT id FROM others), lease AS (
    INSERT INTO delivery_leases (id, worker, expires_at)
    SELECT ${leaseId}::uuid, ${worker}::text, now() + make_interval(secs => ${LEASE_SECONDS}) WHERE EXISTS (SELECT 1 FROM due)
  )
  UPDATE emails e SET lease_id = ${leaseId}::uuid, nudge_at = NULL FROM due CROSS JOIN current WHERE e.id = due.id
  RETURNING e.id, e.event_id AS "eventId", e.lease_id AS "leaseId", e.to_address AS "to", e.user_id IS NOT NULL AS "forUser", e.message_id AS "messageId", e.created_at AS "createdAt",
    e.status, e.tries, e.attempt_count AS "attemptCount", e.at_most_once AS "atMostOnce", (extract(epoch FROM e.give_up_at - now()) * 1000)::float8 AS "windowMs",
    current.version AS "relayVersion", EXISTS (SELECT 1 FROM relay_states r WHERE r.relay = current.version AND r.open_until IS NOT NULL) AS "isUnreachable"`);

export const CONTENTS = statement('contents', (eventIds: string[], bytes: number) => Prisma.sql`
  SELECT event_id AS "eventId", subject, text_body AS "textBody", html_body AS "htmlBody", reply_to AS "replyTo"
  FROM (
    SELECT c.*, o.place, sum(octet_length(c.text_body) + octet_length(c.html_body)) OVER (ORDER BY o.place) AS bytes
    FROM unnest(${eventIds}::uuid[]) WITH ORDINALITY AS o(event_id, place) JOIN email_contents c USING (event_id)
  ) counted WHERE place = 1 OR bytes <= ${bytes}::bigint`);

export const RENEW = statement('renew-leases', (leaseIds: string[]) => Prisma.sql`
  UPDATE delivery_leases SET expires_at = now() + make_interval(secs => ${LEASE_SECONDS}) WHERE id = ANY(${leaseIds}::uuid[]) RETURNING id`);

/** A start that nobody heard of is taken back: `sending` says that the server may have the mail, and it cannot. */
export const RELEASE = statement('release', (leaseId: string, emailIds: string[], claimedAs: (EmailStatus | null)[]) => Prisma.sql`
  WITH held AS (
    SELECT e.id, e.status = 'sending' AS started, e.status = 'sending' AND o.claimed_as IS NULL AS doubtful, o.claimed_as
    FROM unnest(${emailIds}::uuid[], ${claimedAs}::email_status[]) AS o(id, claimed_as) JOIN emails e ON e.id = o.id
    WHERE e.lease_id IS NOT DISTINCT FROM ${leaseId}::uuid FOR UPDATE OF e
  ), rest AS (
    UPDATE emails e SET lease_id = NULL, nudge_at = now(),
      status = CASE WHEN held.started THEN held.claimed_as ELSE e.status END, next_attempt_at = CASE WHEN held.started THEN now() ELSE e.next_attempt_at END,
      attempt_count = e.attempt_count - held.started::int, tries = e.tries - held.started::int
    FROM held WHERE e.id = held.id AND NOT held.doubtful
  ), done AS (
    DELETE FROM delivery_leases WHERE id = ${leaseId}::uuid AND NOT EXISTS (SELECT 1 FROM held WHERE doubtful)
  )
  UPDATE delivery_leases SET expires_at = now() WHERE id = ${leaseId}::uuid AND EXISTS (SELECT 1 FROM held WHERE doubtful)`);

/** The e-mails of users who moved away from an address that others still have. */
const FORKED = Prisma.sql`
    INSERT INTO emails (id, event_id, event_type, publisher_key_id, subscription_id, user_id, to_address, to_key, match_key, message_id, at_most_once, status, created_at, give_up_at, next_attempt_at, nudge_at)
    SELECT f.id, m.event_id, m.event_type, m.publisher_key_id, m.subscription_id, m.user_id, f.address, f.key, 'user ' || m.user_id, '<' || f.id || '@' || split_part(trim('<>' FROM m.message_id), '@', 2) || '>',
           m.at_most_once, 'queued', now(), m.give_up_at, now(), now()
    FROM (SELECT uuid_v7(now()) AS id, a.id AS email_id, a.fork_address AS address, a.fork_key AS key FROM addressee a WHERE a.fork_key IS NOT NULL) f JOIN emails m ON m.id = f.email_id
    ON CONFLICT (event_id, match_key) DO NOTHING`;

/** @param addressees which CTE says what is to become of e-mails to users */
const mark = (addressees: Prisma.Sql) => (starts: string, outcomes: string): Prisma.Sql => Prisma.sql`
  WITH current AS (${CURRENT_RELAY}), o AS (
    SELECT r.*, CASE WHEN r."retryInMs" IS NULL THEN NULL WHEN r."relayVersion" <> current.version THEN now() ELSE now() + make_interval(secs => r."retryInMs" / 1000) END AS retry_at
    FROM current CROSS JOIN jsonb_to_recordset(${outcomes}::jsonb) AS r(
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
    SELECT r.* FROM jsonb_to_recordset(${starts}::jsonb) AS r(id uuid, "leaseId" uuid, "relayVersion" text) JOIN current ON current.version = r."relayVersion"
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
  RETURNING e.id, s."leaseId", a.code IS NOT NULL AS skipped, e.to_address AS "to", e.attempt_count AS "attemptCount", e.tries, ${SLOW_INTERVAL_MS} AS "slowIntervalMs"`;

export const MARK = statement('mark', mark(Prisma.sql`addressee AS (${NO_ADDRESSEES})`));
/** The same when some of the starts are for users. */
export const MARK_FOR_USERS = statement('mark-for-users', mark(Prisma.sql`addressee AS (${ADDRESSEES}), forked AS (${FORKED})`));

export const POSTPONE = statement('postpone', (leaseId: string, seconds: number, code: string, reason: string) => Prisma.sql`
  WITH due AS (SELECT CASE WHEN server_address IS NULL THEN now() + make_interval(secs => ${seconds}) ELSE now() END AS at FROM smtp_settings)
  UPDATE emails SET status = CASE WHEN status = 'queued' THEN 'deferred'::email_status ELSE status END, lease_id = NULL, reason_code = ${code}::text, reason = ${reason}::text,
    next_attempt_at = due.at, nudge_at = due.at, updated_at = now()
  FROM due WHERE lease_id = ${leaseId}::uuid AND status <> 'sending'`);

export const POSTPONE_UNREACHABLE = statement('postpone-unreachable', (leaseId: string, relayVersion: string) => Prisma.sql`
  WITH r AS (${UNREACHABLE} AND relay = ${relayVersion} FOR SHARE)
  UPDATE emails e SET ${PUT_OFF}, lease_id = NULL FROM r WHERE e.lease_id = ${leaseId}::uuid AND e.status <> 'sending'`);

export const MAY_SEND = statement('may-send', (relayVersion: string) => Prisma.sql`
  SELECT EXISTS (SELECT 1 FROM delivery_gate CROSS JOIN (${CURRENT_RELAY}) current WHERE ${GATE_IS_OPEN} AND current.version = ${relayVersion}) AS open`);
