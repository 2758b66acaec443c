import { Prisma } from '../db/client.js';

/** How long a lease holds without being renewed, by the database's clock. */
export const LEASE_SECONDS = 10;

/** A test holds the gate by a lease: one whose process died does not hold it for long. */
export const GATE_IS_OPEN = Prisma.sql`(holder IS NULL OR expires_at < now())`;

/** The version of a Relay: of the settings, of their account, of the certificates and of the DNS settings. */
export const CURRENT_RELAY = Prisma.sql`
  SELECT s.version || '.' || coalesce(a.version, 0) || '.' || m.version || '.' || d.version AS version
  FROM smtp_settings s CROSS JOIN tls_material m CROSS JOIN dns_settings d LEFT JOIN accounts a ON a.id = s.account_id LIMIT 1`; // the planner does not know that these tables have one row

/** Whether the failure of the e-mail e is published: never that of a mail which tells of failures. */
export const IS_TOLD = Prisma.sql`e.event_type <> 'EmailNotificationFailed'`;

/**
 * The relay's row, when it cannot be reached; for how long its mail is put off: as long as it has not been reachable, so that a long outage costs little;
 * and until when mail has had its time: what was due after the relay was tried last has not, as after a long stop or a restore.
 */
export const UNREACHABLE = Prisma.sql`
  SELECT relay, code, reason, least(greatest(now() - unreachable_since, interval '30 seconds'), interval '4 hours') AS pause, least(now(), open_until) AS over
  FROM relay_states WHERE open_until IS NOT NULL`;

/** Puts the e-mail e off for r, a row of UNREACHABLE; one that has had its time fails. All of it is due when the relay is back. */
export const PUT_OFF = Prisma.sql`
  updated_at = now(), reason_code = r.code,
  status = CASE WHEN e.give_up_at < r.over THEN 'failed'::email_status WHEN e.status = 'queued' THEN 'deferred'::email_status ELSE e.status END,
  failure_untold = e.give_up_at < r.over AND ${IS_TOLD},
  reason = CASE WHEN e.give_up_at < r.over THEN 'No success within the retry window. Last: ' || r.reason ELSE r.reason || ' It is tried by one connection from time to time; this e-mail goes out when that succeeds.' END,
  next_attempt_at = CASE WHEN e.give_up_at >= r.over THEN least(now() + r.pause, greatest(e.give_up_at, now() + interval '1 second')) END,
  nudge_at = CASE WHEN e.give_up_at >= r.over THEN least(now() + r.pause, greatest(e.give_up_at, now() + interval '1 second')) END`;
