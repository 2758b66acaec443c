import { WaitingError, type Job } from 'bullmq';
import type { Logger } from '../logger.js';
import type { BackEnd } from './back-end.js';
import { settled, withoutCommand } from './deadline.js';
import type { JobHandler, JobKind } from './job-queue.js';
import type { Outage } from './outage.js';
import { SteadyWorker } from './steady-worker.js';

/**
 * A job whose process was killed is taken over when its lock has run out and a check has seen that: after 10 s at most.
 * BullMQ's own numbers are 30 s each, and it gives a job up at its second stall.
 */
const TAKEOVER = { lockDuration: 5_000, stalledInterval: 2_500, maxStalledCount: 1_000_000 };
const FAREWELL_MS = 1_000;

/** By then an outage that a worker noticed first has been noticed by the connections too. */
const NOTICED_MS = 2_000;

/** Runs the handler of one kind of job. */
export class WorkerHost {
  failed = 0;
  private readonly running = new Set<Promise<void>>();
  private readonly stopping = new AbortController();
  private readonly worker: SteadyWorker;
  private closed: Promise<void> | undefined;

  constructor(
    private readonly kind: JobKind<object>,
    private readonly handler: JobHandler<object>,
    backEnd: BackEnd,
    private readonly outage: Outage,
    private readonly logger: Logger,
  ) {
    const options = { connection: {}, concurrency: kind.concurrency, ...TAKEOVER };
    this.worker = new SteadyWorker(kind.name, (job, token) => this.track(this.process(job, token)), options, backEnd.factory, outage);
    this.worker.on('error', (error) => this.report(error));
    this.worker.on('stalled', (id) => this.logger.warn({ kind: kind.name, job: id }, 'a job was left by its process and is taken over'));
    void this.worker.run().catch((error: Error) => this.report(error));
  }

  /** Takes no more jobs, aborts the signal of the running ones, and waits for those at most `graceMs`. Then the connections may go. */
  async stop(graceMs: number): Promise<void> {
    this.closed = this.worker.close();
    this.stopping.abort();
    const ended = await settled(graceMs, Promise.allSettled(this.running));
    // What their outcome takes to be recorded; it does not settle while the back end is down.
    if (ended) await settled(FAREWELL_MS, this.closed);
  }

  /** To be called when the connections are gone: what waited for an answer fails now. */
  async end(): Promise<void> {
    const ended = this.running.size === 0 && (await settled(FAREWELL_MS, Promise.resolve(this.closed)));
    if (!ended) await this.worker.abandon();
  }

  private async process(job: Job<object>, token: string | undefined): Promise<void> {
    if (this.stopping.signal.aborted) return this.giveBack(job, token);
    try {
      await this.handler(job.data, this.stopping.signal);
    } catch (error) {
      if (this.stopping.signal.aborted) return this.giveBack(job, token);
      this.failed += 1;
      this.logger.error({ kind: this.kind.name, job: job.id, err: error }, 'a job failed; the sweeper comes for its rows');
    }
  }

  /** Another process may have it at once. BullMQ learns by the WaitingError that the job is not done. */
  private async giveBack(job: Job<object>, token: string | undefined): Promise<never> {
    await job.moveToWait(token);
    throw new WaitingError();
  }

  private async track(run: Promise<void>): Promise<void> {
    this.running.add(run);
    try {
      await run;
    } finally {
      this.running.delete(run);
    }
  }

  /**
   * In an outage, which is logged already, and when the connections are cut at the end, every worker fails in its own way. A worker may be the
   * first to notice an outage: what it tells is held back until that is known.
   */
  private report(error: Error): void {
    const tell = (): void => {
      const level = this.outage.explains || this.stopping.signal.aborted ? 'debug' : 'warn';
      this.logger[level]({ kind: this.kind.name, err: withoutCommand(error) }, 'the job queue had a failure');
    };
    setTimeout(tell, NOTICED_MS).unref();
  }
}
