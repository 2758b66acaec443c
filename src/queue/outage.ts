import type { Logger } from '../logger.js';
import { withoutCommand } from './deadline.js';

/** How often a back end that is down is asked again. */
const PROBE_MS = 1_000;

/** Knows whether the back end can be reached, and logs the start and the end of an outage once, however many commands fail in it. */
export class Outage {
  private since: number | null = null;
  private nextProbe = 0;
  count = 0;

  constructor(private readonly backEnd: string, private readonly logger: Logger) {}

  get ongoing(): boolean {
    return this.since !== null;
  }

  /** True during an outage, but for one caller in each second: that one is to try, and to report by `begin` or `end`. */
  holdsOff(): boolean {
    if (this.since === null) return false;
    if (Date.now() < this.nextProbe) return true;
    this.nextProbe = Date.now() + PROBE_MS;
    return false;
  }

  begin(error: unknown): void {
    if (this.since !== null) return;
    this.since = Date.now();
    this.nextProbe = this.since + PROBE_MS;
    this.count += 1;
    this.logger.warn({ backEnd: this.backEnd, err: withoutCommand(error) }, 'the job queue lost its back end; what is due waits for the sweeper');
  }

  end(): void {
    if (this.since === null) return;
    this.logger.info({ backEnd: this.backEnd, outageMs: Date.now() - this.since }, 'the job queue reaches its back end again');
    this.since = null;
  }
}
