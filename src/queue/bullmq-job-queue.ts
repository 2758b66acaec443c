import { randomUUID } from 'node:crypto';
import { Queue, type IQueueBackend } from 'bullmq';
import { MailroomError } from '../errors.js';
import type { Logger } from '../logger.js';
import type { BackEnd } from './back-end.js';
import { ANSWER_MS, settled, unreachable, within } from './deadline.js';
import type { JobDepth, JobHandler, JobKind, JobQueue, JobQueueCounters } from './job-queue.js';
import type { Outage } from './outage.js';
import { WorkerHost } from './worker-host.js';

type BullmqQueue = Queue<object, void, string, object, void, string, IQueueBackend, unknown>;

const GRACE_MS = 10_000;
const GONE = { removeOnComplete: true, removeOnFail: true };
/** Nobody reads BullMQ's stream of events; 10,000 of them for each queue would be kept. */
const FEW_EVENTS = { events: { maxLen: 100 } };

/** The contract by BullMQ, one of its queues for each kind of job. */
export class BullmqJobQueue implements JobQueue {
  private readonly queues = new Map<string, BullmqQueue>();
  private readonly hosts = new Map<string, WorkerHost>();
  private closing: Promise<void> | undefined;
  private nudged = 0;
  private missed = 0;

  constructor(private readonly connections: BackEnd, private readonly outage: Outage, private readonly logger: Logger) {}

  get backEnd(): 'redis' | 'postgres' {
    return this.connections.type;
  }

  get counters(): JobQueueCounters {
    const failed = [...this.hosts.values()].reduce((sum, host) => sum + host.failed, 0);
    return { nudged: this.nudged, missed: this.missed, failed, outages: this.outage.count };
  }

  async nudge<Payload extends object>(kind: JobKind<Payload>, payloads: readonly Payload[]): Promise<boolean> {
    if (payloads.length === 0) return true;
    const taken = !this.closing && !this.outage.holdsOff() && (await this.taken(() => this.add(kind.name, payloads)));
    if (taken) this.nudged += payloads.length;
    else this.missed += payloads.length;
    return taken;
  }

  work<Payload extends object>(kind: JobKind<Payload>, handler: JobHandler<Payload>): Promise<void> {
    return new Promise((resolve) => resolve(this.start(kind, handler)));
  }

  async depth(kind: JobKind<object>): Promise<JobDepth> {
    const counts = await this.ask(() => this.queue(kind.name).getJobCounts('waiting', 'active'));
    return { waiting: counts['waiting'] ?? 0, active: counts['active'] ?? 0 };
  }

  async ping(): Promise<void> {
    await this.ask(() => this.connections.ping());
  }

  close(graceMs = GRACE_MS): Promise<void> {
    this.closing ??= this.stop(graceMs);
    return this.closing;
  }

  private start<Payload extends object>(kind: JobKind<Payload>, handler: JobHandler<Payload>): void {
    if (this.closing) throw new Error(`The job queue is closed, ${kind.name} cannot be worked on.`);
    if (this.hosts.has(kind.name)) throw new Error(`${kind.name} has a worker already.`);
    const untyped: JobHandler<object> = (payload, signal) => handler(payload as Payload, signal);
    this.hosts.set(kind.name, new WorkerHost(kind, untyped, this.connections, this.outage, this.logger));
  }

  private async stop(graceMs: number): Promise<void> {
    const hosts = [...this.hosts.values()];
    await Promise.all(hosts.map((host) => host.stop(graceMs)));
    await this.connections.close();
    await Promise.all(hosts.map((host) => host.end()));
    await settled(ANSWER_MS, Promise.allSettled([...this.queues.values()].map((queue) => queue.close())));
  }

  /** Ids of our own: after a loss of its data Redis would count from 1 again, and a new job would meet an old one of the same id. */
  private async add(kind: string, payloads: readonly object[]): Promise<void> {
    const queue = this.queue(kind);
    const jobs = payloads.map((data) => ({ name: kind, data, opts: { ...GONE, jobId: randomUUID() } }));
    // One job alone goes without the temporary tables that a bulk needs on Postgres.
    if (jobs.length === 1) await queue.add(kind, jobs[0]!.data, jobs[0]!.opts);
    else await queue.addBulk(jobs);
  }

  private async taken(add: () => Promise<void>): Promise<boolean> {
    try {
      await this.ask(add);
      return true;
    } catch (error) {
      if (error instanceof TypeError) throw error;
      return false;
    }
  }

  /** Runs a command when there is a connection, with a time limit for both. */
  private async ask<T>(command: () => Promise<T>): Promise<T> {
    if (this.closing) throw unreachable('it is closed');
    const sentAt = Date.now();
    try {
      const answer = await within(ANSWER_MS, this.connections.ready().then(command));
      this.outage.end();
      return answer;
    } catch (error) {
      if (error instanceof TypeError) throw error;
      if (!this.closing) this.outage.begin(error, sentAt);
      if (error instanceof MailroomError) throw error;
      throw unreachable((error as Error).message, error);
    }
  }

  private queue(kind: string): BullmqQueue {
    const known = this.queues.get(kind);
    if (known) return known;
    const queue: BullmqQueue = new Queue(kind, { connection: {}, streams: FEW_EVENTS }, this.connections.factory);
    // What fails on behalf of a caller rejects there, and a lost connection is reported by the back end.
    queue.on('error', (error) => this.logger.debug({ kind, message: error.message }, 'the job queue had a failure'));
    this.queues.set(kind, queue);
    return queue;
  }
}
