import { type Database, Prisma } from '../db/client.js';
import { CURRENT_RELAY, GATE_IS_OPEN, PUT_OFF, UNREACHABLE } from './delivery-sql.js';

/** The rows of deliveries, as the sweeper sees them: what dead workers left, what is due, and what becomes due. */
export class DueEmailsRepository {
  constructor(private readonly db: Database) {}

  /**
   * Takes over what the leases of dead workers held. An attempt that was under way is in doubt: the e-mail becomes `unconfirmed`, with the
   * attempt on record, and is due at once; an e-mail that lost its worker before, perhaps by its own fault, waits longer each time, and
   * is not tried again after its retry window.
   */
  async takeOverExpired(retryBaseMs: number): Promise<number> {
    return this.db.prisma.$executeRaw`
      WITH dead AS (
        DELETE FROM delivery_leases WHERE id IN (SELECT id FROM delivery_leases WHERE expires_at < now() FOR UPDATE SKIP LOCKED) RETURNING id, worker
      ), held AS (
        SELECT e.id, e.status, e.attempt_count, e.attempt_started_at, dead.worker, CASE WHEN e.at_most_once THEN ${LOST_ONCE} ELSE ${LOST} END AS told,
          CASE WHEN e.status <> 'sending' THEN now()
               WHEN e.at_most_once THEN NULL
               WHEN e.tries <= 1 THEN now()
               WHEN e.give_up_at < now() THEN NULL
               ELSE now() + make_interval(secs => least(${retryBaseMs} * 2 ^ least(e.tries - 2, 30), 14400000) / 1000) END AS due_at
        FROM emails e JOIN dead ON e.lease_id = dead.id FOR UPDATE OF e
      ), doubtful AS (
        INSERT INTO email_attempts (email_id, number, started_at, duration_ms, worker, outcome, code, message)
        SELECT id, attempt_count, attempt_started_at, extract(epoch FROM now() - attempt_started_at)::int * 1000, worker, 'unconfirmed', 'WORKER_LOST', told
        FROM held WHERE status = 'sending'
        ON CONFLICT DO NOTHING
      )
      UPDATE emails e SET lease_id = NULL, next_attempt_at = held.due_at, nudge_at = held.due_at, updated_at = now(),
        status = CASE WHEN held.status = 'sending' THEN 'unconfirmed'::email_status ELSE held.status END,
        reason_code = CASE WHEN held.status = 'sending' THEN 'WORKER_LOST' ELSE e.reason_code END,
        reason = CASE WHEN held.status = 'sending' THEN held.told ELSE e.reason END
      FROM held WHERE e.id = held.id`;
  }

  /**
   * Takes up to `limit` e-mails that are due, oldest first, and puts their next nudge off, so that each is enqueued once. None while a
   * test holds the gate.
   */
  async takeDue(limit: number): Promise<string[]> {
    return idsOf(await this.db.prisma.$queryRaw`
      UPDATE emails SET nudge_at = now() + ${ENQUEUED_FOR}
      WHERE id IN (SELECT id FROM emails WHERE nudge_at <= now() ORDER BY nudge_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)
        AND EXISTS (SELECT 1 FROM delivery_gate WHERE ${GATE_IS_OPEN})
      RETURNING id`);
  }

  /**
   * Puts up to `limit` e-mails off that are due while the relay cannot be reached; none when it can. Sharing the relay's row makes that exact: the relay's
   * recovery waits for this statement, and then releases what it has put off. Answers how many.
   */
  async postponeDue(limit: number): Promise<number> {
    return this.db.prisma.$executeRaw`
      WITH r AS (${UNREACHABLE} AND relay = (${CURRENT_RELAY}) FOR SHARE), due AS (
        SELECT id FROM emails WHERE nudge_at <= now() AND lease_id IS NULL AND EXISTS (SELECT 1 FROM r) ORDER BY nudge_at LIMIT ${limit} FOR UPDATE SKIP LOCKED
      )
      UPDATE emails e SET ${PUT_OFF} FROM r, due WHERE e.id = due.id`;
  }

  /** Makes a batch of what was held while a test ran due for the sweeper now; answers how many. */
  async releaseHeld(limit: number): Promise<number> {
    return this.db.prisma.$executeRaw`
      UPDATE emails SET nudge_at = created_at
      WHERE id IN (SELECT id FROM emails WHERE status IN ('queued', 'deferred', 'unconfirmed') AND lease_id IS NULL AND next_attempt_at <= now() AND nudge_at > now()
                   LIMIT ${limit} FOR UPDATE SKIP LOCKED)`;
  }

  /**
   * Makes up to `limit` e-mails that wait for a retry due now, oldest first, when the settings (SMTP, account, certificates, DNS) have changed, or the relay
   * has come back, since that was done last; what became due by itself meanwhile takes its place among them. False when there is more to do.
   */
  async releaseForChange(limit: number): Promise<boolean> {
    const [state] = await this.db.prisma.$queryRaw<{ version: string; released: string }[]>`
      SELECT current.version || '.' || state.recoveries AS version, state.released_version AS released
      FROM delivery_state state CROSS JOIN (${CURRENT_RELAY}) current`;
    if (state!.version === state!.released) return true;
    const released = await this.db.prisma.$executeRaw`
      UPDATE emails SET next_attempt_at = now(), nudge_at = created_at
      WHERE id IN (SELECT id FROM emails WHERE status IN ('deferred', 'unconfirmed') AND lease_id IS NULL AND (next_attempt_at > now() OR nudge_at BETWEEN created_at + interval '1 ms' AND now())
                   ORDER BY id LIMIT ${limit} FOR UPDATE SKIP LOCKED)`;
    if (released === limit) return false;
    await this.db.prisma.$executeRaw`UPDATE relay_states SET open_until = now() WHERE open_until > now()`; // what was changed may be what it takes: it is tried at once
    await this.db.prisma.$executeRaw`UPDATE delivery_state SET released_version = ${state!.version}`;
    return true;
  }

  /** Takes the oldest e-mail that waits, due now, for somebody to try the relay with; none when nothing waits. */
  async takeOldest(): Promise<string[]> {
    return idsOf(await this.db.prisma.$queryRaw`
      UPDATE emails SET next_attempt_at = least(next_attempt_at, now()), nudge_at = now() + ${ENQUEUED_FOR}
      WHERE id = (${OLDEST('deferred')} UNION ALL ${OLDEST('unconfirmed')} UNION ALL ${OLDEST('queued')} ORDER BY id LIMIT 1)
        AND lease_id IS NULL AND status IN ('queued', 'deferred', 'unconfirmed')
      RETURNING id`);
  }
}

/** After that time an e-mail that was enqueued, and that nobody has claimed, is enqueued again. */
const ENQUEUED_FOR = Prisma.sql`interval '30 seconds'`;

const OLDEST = (status: string): Prisma.Sql => Prisma.sql`(SELECT id FROM emails WHERE status = ${status}::email_status AND lease_id IS NULL AND next_attempt_at IS NOT NULL ORDER BY id LIMIT 1)`;

/** By age: ids count up with time. What RETURNING answers is in no order. */
const idsOf = (rows: { id: string }[]): string[] => rows.map(({ id }) => id).sort();

const LOST = 'The worker died during the attempt, so it is not known whether the server took the mail (RFC 1047). It is sent again with the same Message-ID.';
const LOST_ONCE = 'The worker died during the attempt, so it is not known whether the server took the mail (RFC 1047). It is not sent again (deliveryPolicy atMostOnce).';
