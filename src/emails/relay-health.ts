import { SmtpFailure } from '../smtp/failure.js';
import { classify } from '../smtp/classify.js';
import type { Relay } from '../smtp-settings/relay.js';
import type { RelayStatesRepository, Standing } from './relay-states.repository.js';

/** A relay that cannot be reached is tried again after a second, or a thirtieth of the first retry's delay when that is shorter, then after twice that, up to a minute. */
const [FIRST_MS, FIRST_SHARE, LONGEST_MS] = [1_000, 1 / 30, 60_000];

/**
 * Looks after the relay, for all workers together: keeps to its pace (`maxMessagesPerSecond`), slows down when it asks for less (421, 452) and recovers
 * by itself, and leaves one that cannot be reached alone but for one connection that tries (a circuit breaker).
 */
export class RelayHealth {
  /** What is known of the interval that the relay asked for, by the relay's version. */
  private known = { version: '', slowIntervalMs: 0 };

  constructor(
    private readonly states: RelayStatesRepository,
    private readonly retryBaseMs: number,
  ) {}

  standing({ version }: Relay): Promise<Standing> {
    return this.states.standing(version);
  }

  /** No connection could be made. A relay that only takes no more of them for now is no dead one. */
  async notConnected(relay: Relay, error: { code: string; message: string }): Promise<void> {
    if (error instanceof SmtpFailure && error.replyCode === 421) return this.failed(relay, error);
    await this.states.unreachable(relay.version, error, Math.min(this.retryBaseMs * FIRST_SHARE, FIRST_MS), LONGEST_MS);
  }

  /** A relay that could not be reached has answered. */
  reached({ version }: Relay): Promise<void> {
    return this.states.reached(version);
  }

  /** Whoever was to try the relay did not come to know how it does: somebody else may try it at once. */
  notTried({ version }: Relay): Promise<void> {
    return this.states.endProbe(version);
  }

  /** A mail was not taken. */
  async failed({ version }: Relay, error: unknown): Promise<void> {
    if (error instanceof SmtpFailure && classify(error).slowDown) this.told(version, await this.states.slowDown(version));
  }

  /** What another worker may have been told by the relay. */
  told(version: string, slowIntervalMs: number): void {
    this.known = { version, slowIntervalMs };
  }

  /** Resolves when the next e-mail may start, at once when there is no limit, or when `signal` aborts. */
  async take({ version, maxMessagesPerSecond }: Relay, signal: AbortSignal): Promise<void> {
    const slow = this.known.version === version ? this.known.slowIntervalMs : 0;
    const intervalMs = Math.max(maxMessagesPerSecond === null ? 0 : 1_000 / maxMessagesPerSecond, slow);
    if (intervalMs === 0 || signal.aborted) return;
    const waitMs = await this.states.takeSlot(version, intervalMs);
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
