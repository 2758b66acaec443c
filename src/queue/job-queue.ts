/**
 * The contract of the job queue. Rows in Postgres are the truth; a job only says which rows to look at, so the queue may lose
 * everything it holds, and may deliver a job more than once: its handler claims the rows it works on.
 */

/** One kind of job: the name of its queue, how many of its jobs one process runs at a time, and the type of its payload. */
export interface JobKind<Payload extends object> {
  readonly name: string;
  readonly concurrency: number;
  /** Carries the payload's type alone; never set. */
  readonly payload?: Payload;
}

/**
 * Defines a kind of job. Producer and worker import the same constant, which ties the payload's type to the name.
 * @param name lower-case words joined by hyphens
 * @param concurrency jobs of this kind that one process runs at a time, 1 or more
 */
export function jobKind<Payload extends object>(name: string, concurrency: number): JobKind<Payload> {
  if (!/^[a-z][a-z0-9-]*$/.test(name)) throw new TypeError(`"${name}" is no name for a kind of job.`);
  if (!Number.isInteger(concurrency) || concurrency < 1) throw new RangeError(`${name}: a concurrency is a whole number from 1.`);
  return { name, concurrency };
}

/** Does one job. It should stop early when `signal` aborts; when it rejects after that, the job goes back into the queue. */
export type JobHandler<Payload extends object> = (payload: Payload, signal: AbortSignal) => Promise<void>;

export interface JobDepth {
  readonly waiting: number;
  readonly active: number;
}

/** What one process saw since its start; the numbers only grow. */
export interface JobQueueCounters {
  /** Jobs that the queue took. */
  readonly nudged: number;
  /** Jobs that the queue did not take; their rows wait for the sweeper. */
  readonly missed: number;
  /** Jobs whose handler rejected. */
  readonly failed: number;
  /** Times that the back end could not be reached. */
  readonly outages: number;
}

export interface JobQueue {
  /** Where the jobs are kept. */
  readonly backEnd: 'redis' | 'postgres';
  readonly counters: JobQueueCounters;
  /**
   * Enqueues one job for each payload (plain JSON objects). Resolves true when the queue has them all, and false when its back end does
   * not take them within 2 s: the caller's rows are durable and the sweeper comes for them, so that is no error. During an outage
   * one call a second tries the back end, the others resolve false at once. False too after `close`.
   * @throws TypeError when a payload cannot be JSON
   */
  nudge<Payload extends object>(kind: JobKind<Payload>, payloads: readonly Payload[]): Promise<boolean>;
  /**
   * Starts the worker of this kind, which keeps trying while the back end is down. When its handler rejects, that is logged with the job's
   * kind and id, and the job is dropped: the sweeper enqueues its rows again.
   * @throws Error when this queue already works on the kind, or is closed
   */
  work<Payload extends object>(kind: JobKind<Payload>, handler: JobHandler<Payload>): Promise<void>;
  /**
   * Jobs of this kind in all processes.
   * @throws MailroomError QUEUE_UNREACHABLE when the back end does not answer within 2 s
   */
  depth(kind: JobKind<object>): Promise<JobDepth>;
  /** @throws MailroomError QUEUE_UNREACHABLE when the back end does not answer within 2 s */
  ping(): Promise<void>;
  /**
   * Takes no more jobs, aborts the handlers' signal, waits for the running handlers at most `graceMs` (10,000 by default), then cuts
   * the connections. A job whose handler is still running then is taken over by another process. Never rejects; may be called again.
   */
  close(graceMs?: number): Promise<void>;
}
