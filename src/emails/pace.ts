import type { Database } from '../db/client.js';
import type { Relay } from '../smtp-settings/relay.js';

export class PaceRepository {
  constructor(private readonly db: Database) {}

  /** Takes the relay's next slot, by the database's clock; answers how many milliseconds to wait for it. */
  async takeSlot(relay: string, intervalMs: number): Promise<number> {
    const [row] = await this.db.prisma.$queryRaw<{ waitMs: number }[]>`
      INSERT INTO relay_paces AS p (relay, next_slot_at) VALUES (${relay}, clock_timestamp() + make_interval(secs => ${intervalMs / 1_000}))
      ON CONFLICT (relay) DO UPDATE SET next_slot_at = greatest(p.next_slot_at, clock_timestamp()) + make_interval(secs => ${intervalMs / 1_000})
      RETURNING (extract(epoch FROM next_slot_at - clock_timestamp()) * 1000 - ${intervalMs})::float8 AS "waitMs"`;
    return Math.max(0, row!.waitMs);
  }
}

/** Keeps to `maxMessagesPerSecond`, over all workers together. */
export class Pace {
  constructor(private readonly slots: PaceRepository) {}

  /** Resolves when the next e-mail may start, at once when there is no limit, or when `signal` aborts. */
  async take({ serverAddress, maxMessagesPerSecond }: Relay, signal: AbortSignal): Promise<void> {
    if (maxMessagesPerSecond === null || signal.aborted) return;
    const waitMs = await this.slots.takeSlot(serverAddress.toLowerCase(), 1_000 / maxMessagesPerSecond);
    if (waitMs > 0) await pause(waitMs, signal);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
