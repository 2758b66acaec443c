import type { Logger } from '../logger.js';
import { withoutCommand } from './deadline.js';

/** How often a back end that is down is asked again. */
const PROBE_MS = 1_000;
/** Commands that were under way when an outage ended fail that long afterwards: a statement by its time limit, a worker's fetch after its pause. */
const STRAGGLERS_MS = 20_000;

/** Knows whether the back end can be reached, and logs the start and the end of an outage once, however many commands fail in it. */
export class Outage {
  private since: number | null = null;
  private nextProbe = 0;
  private endedAt = -Infinity;
  count = 0;

  constructor(private readonly backEnd: string, private readonly logger: Logger) {}

  /** Whether a failure seen now is told already: an outage goes on, or has just ended. */
  get explains(): boolean {
    return this.since !== null || Date.now() - this.endedAt < STRAGGLERS_MS;
  }

  /** True during an outage, but for one caller in each second: that one is to try, and to report by `begin` or `end`. */
  holdsOff(): boolean {
    if (this.since === null) return false;
    if (Date.now() < this.nextProbe) return true;
    this.nextProbe = Date.now() + PROBE_MS;
    return false;
  }

  /** To be called when a command that was sent at `sentAt` has failed. One that was under way when an outage ended belongs to that one. */
  begin(error: unknown, sentAt = Date.now()): void {
    if (this.since !== null || sentAt < this.endedAt) return;
    this.since = Date.now();
    this.nextProbe = this.since + PROBE_MS;
    this.count += 1;
    this.logger.warn({ backEnd: this.backEnd, err: withoutCommand(error) }, 'the job queue lost its back end; what is due waits for the sweeper');
  }

  end(): void {
    if (this.since === null) return;
    this.logger.info({ backEnd: this.backEnd, outageMs: Date.now() - this.since }, 'the job queue reaches its back end again');
    this.since = null;
    this.endedAt = Date.now();
  }
}
