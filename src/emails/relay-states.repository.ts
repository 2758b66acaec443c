import { type Database, Prisma } from '../db/client.js';
import { CURRENT_RELAY } from './delivery-sql.js';

/** A relay that asked for less is slowed down to this at first, and to LONGEST at most; half of it after each HALF_LIFE without another complaint. */
const [FIRST_MS, LONGEST_MS, NEGLIGIBLE_MS] = [200, 10_000, 20];
const HALF_LIFE_SECONDS = 30;
/** Complaints that come together, over several connections, are one. */
const COMPLAINTS_ARE_ONE_MS = 1_000;
/** How long somebody may be trying a relay before somebody else does. */
const PROBE_SECONDS = 120;

/** Of the row r: how many milliseconds lie between two mails now, because the relay asked for it. */
export const SLOW_INTERVAL_MS = Prisma.sql`
  (CASE WHEN r.slow_interval_ms / 2 ^ least(extract(epoch FROM now() - r.slowed_at) / ${HALF_LIFE_SECONDS}, 100) >= ${NEGLIGIBLE_MS}
        THEN r.slow_interval_ms / 2 ^ least(extract(epoch FROM now() - r.slowed_at) / ${HALF_LIFE_SECONDS}, 100) ELSE 0 END)::float8`;

/** `probe`: it could not be reached, and this caller is the one to try. */
export type Standing = 'closed' | 'open' | 'probe';

/** How the relay does, for all workers: its pace, whether it asked for less, and whether it can be reached. Each method is one statement. */
export class RelayStatesRepository {
  constructor(private readonly db: Database) {}

  /** Takes the relay's next slot; answers how many milliseconds to wait for it. */
  async takeSlot(relay: string, intervalMs: number): Promise<number> {
    const [row] = await this.db.prisma.$queryRaw<{ waitMs: number }[]>`
      INSERT INTO relay_states AS p (relay, next_slot_at) VALUES (${relay}, clock_timestamp() + make_interval(secs => ${intervalMs / 1_000}))
      ON CONFLICT (relay) DO UPDATE SET updated_at = now(), next_slot_at = greatest(p.next_slot_at, clock_timestamp()) + make_interval(secs => ${intervalMs / 1_000})
      RETURNING (extract(epoch FROM next_slot_at - clock_timestamp()) * 1000 - ${intervalMs})::float8 AS "waitMs"`;
    return Math.max(0, row!.waitMs);
  }

  /** The relay asked for less: twice the interval, from now on. Answers the interval in milliseconds. */
  async slowDown(relay: string): Promise<number> {
    const [row] = await this.db.prisma.$queryRaw<{ slowIntervalMs: number }[]>`
      INSERT INTO relay_states AS r (relay, slow_interval_ms, slowed_at) VALUES (${relay}, ${FIRST_MS}, now())
      ON CONFLICT (relay) DO UPDATE SET
        slow_interval_ms = CASE WHEN r.slowed_at > now() - make_interval(secs => ${COMPLAINTS_ARE_ONE_MS / 1_000}) THEN r.slow_interval_ms
                                ELSE least(greatest(2 * ${SLOW_INTERVAL_MS}, ${FIRST_MS}), ${LONGEST_MS}) END,
        slowed_at = CASE WHEN r.slowed_at > now() - make_interval(secs => ${COMPLAINTS_ARE_ONE_MS / 1_000}) THEN r.slowed_at ELSE now() END, updated_at = now()
      RETURNING slow_interval_ms AS "slowIntervalMs"`;
    return row!.slowIntervalMs;
  }

  /** Whether mail may go to the relay. One caller at a time is told to try one that could not be reached. */
  async standing(relay: string): Promise<Standing> {
    const [row] = await this.db.prisma.$queryRaw<{ isProbe: boolean }[]>`
      WITH probe AS (
        UPDATE relay_states SET probe_until = now() + make_interval(secs => ${PROBE_SECONDS}), updated_at = now()
        WHERE relay = ${relay} AND open_until <= now() AND (probe_until IS NULL OR probe_until < now()) RETURNING relay
      )
      SELECT EXISTS (SELECT 1 FROM probe) AS "isProbe" FROM relay_states WHERE relay = ${relay} AND open_until IS NOT NULL`;
    return row === undefined ? 'closed' : row.isProbe ? 'probe' : 'open';
  }

  /** The relay cannot be reached: nobody tries for a while, which doubles each time. */
  async unreachable(relay: string, { code, message }: { code: string; message: string }, firstMs: number, longestMs: number): Promise<void> {
    await this.db.prisma.$executeRaw`
      INSERT INTO relay_states AS r (relay, failures, unreachable_since, code, reason, open_until) VALUES (${relay}, 1, now(), ${code}, ${message}, now() + make_interval(secs => ${firstMs / 1_000}))
      ON CONFLICT (relay) DO UPDATE SET failures = r.failures + 1, unreachable_since = coalesce(r.unreachable_since, now()), code = ${code}, reason = ${message}, probe_until = NULL, updated_at = now(),
        open_until = now() + make_interval(secs => least(${firstMs} * 2 ^ least(r.failures, 30), ${longestMs}) / 1000)`;
  }

  /** The relay answers again. */
  async reached(relay: string): Promise<void> {
    await this.db.prisma.$executeRaw`
      WITH back AS (
        UPDATE relay_states SET failures = 0, unreachable_since = NULL, code = NULL, reason = NULL, open_until = NULL, probe_until = NULL, updated_at = now()
        WHERE relay = ${relay} AND open_until IS NOT NULL RETURNING relay
      )
      UPDATE delivery_state SET recoveries = recoveries + 1 WHERE EXISTS (SELECT 1 FROM back)`;
  }

  async endProbe(relay: string): Promise<void> {
    await this.db.prisma.$executeRaw`UPDATE relay_states SET probe_until = NULL WHERE relay = ${relay} AND probe_until IS NOT NULL`;
  }

  /** Whether the relay could not be reached, is to be tried now, and nobody does. */
  async wantsProbe(): Promise<boolean> {
    const rows = await this.db.prisma.$queryRaw<unknown[]>`
      SELECT 1 FROM relay_states WHERE relay = (${CURRENT_RELAY}) AND open_until <= now() AND (probe_until IS NULL OR probe_until < now())`;
    return rows.length > 0;
  }

  /** Of settings that are no longer used. */
  async deleteOld(): Promise<void> {
    await this.db.prisma.$executeRaw`DELETE FROM relay_states WHERE updated_at < now() - interval '7 days'`;
  }
}
