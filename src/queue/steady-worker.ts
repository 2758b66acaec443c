import { setTimeout as delay } from 'node:timers/promises';
import { Worker, type BackendFactory, type IQueueBackend, type Job, type JobProgress, type Processor, type WorkerOptions } from 'bullmq';
import type { Outage } from './outage.js';

const RETRY_MS = 1_000;
type Payload = object;

/**
 * BullMQ's worker asks again at once when a fetch fails for another reason than a refused connection (a server that starts or stops,
 * too many connections, no memory), thousands of times a second. This one pauses, and tells the outage what it sees.
 */
export class SteadyWorker extends Worker<Payload, void, string, IQueueBackend, JobProgress, unknown> {
  private readonly leaving = new AbortController();

  constructor(
    name: string,
    processor: Processor<Payload, void, string>,
    options: WorkerOptions<unknown>,
    factory: BackendFactory<IQueueBackend, unknown>,
    private readonly outage: Outage,
  ) {
    super(name, processor, { ...options, runRetryDelay: RETRY_MS, autorun: false }, factory);
    this.once('closing', () => this.leaving.abort());
  }

  /** Stops the renewal of locks, which would keep the process alive when `close` waits for a handler that never ends. */
  async abandon(): Promise<void> {
    await this.lockManager.close();
  }

  protected override async moveToActive(token: string, name?: string): Promise<Job<Payload, void, string, JobProgress>> {
    const sentAt = Date.now();
    try {
      const job = await super.moveToActive(token, name);
      this.outage.end();
      return job;
    } catch (error) {
      if (!this.leaving.signal.aborted) this.outage.begin(error, sentAt);
      await delay(RETRY_MS, undefined, { signal: this.leaving.signal }).catch(() => undefined);
      throw error;
    }
  }

  protected override checkConnectionError<T>(command: () => Promise<T>): Promise<T | undefined> {
    return super.checkConnectionError(command, RETRY_MS);
  }
}
