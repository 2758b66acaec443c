import type { Logger } from '../logger.js';

/** What a sweep does, one step after the other; each is safe in several processes at once. */
export type SweepStep = () => Promise<void>;

const INTERVAL_MS = 1_000;

/**
 * Looks once a second for what was left behind: leases of dead workers, retries that are due, nudges that the queue lost. It lives in
 * every worker and needs no queue, so that a queue that was flushed or restored loses nothing.
 */
export class Sweeper {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private closed = false;
  private lastFault = '';

  constructor(
    private readonly steps: SweepStep[],
    private readonly logger: Logger,
  ) {}

  start(): void {
    this.timer = setTimeout(() => {
      this.running = this.sweep().finally(() => this.closed || this.start());
    }, INTERVAL_MS);
  }

  async sweep(): Promise<void> {
    for (const step of this.steps) {
      if (this.closed) return;
      try {
        await step();
      } catch (error) {
        return this.tell(error as Error);
      }
    }
    this.lastFault = '';
  }

  /** Once for each outage, and not once a second. */
  private tell(error: Error): void {
    if (error.message !== this.lastFault) this.logger.warn({ err: error }, 'a sweep failed; it is tried again every second');
    this.lastFault = error.message;
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.running;
  }
}
