import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { createJobQueue, type JobQueueOptions } from '../../src/queue/create-job-queue.js';
import type { JobQueue } from '../../src/queue/job-queue.js';
import type { TcpRelay } from '../setup/tcp-relay.js';

/** A back end for the conformance suite, reached through a relay. */
export interface BackEndUnderTest {
  readonly backEnd: JobQueueOptions['backEnd'];
  readonly relay: TcpRelay;
  /** Drops everything that the queues of this prefix hold. */
  loseData(prefix: string): Promise<void>;
  close(): Promise<void>;
}

export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [name: string]: unknown;
}

const PROGRAM = fileURLToPath(new URL('queue-process.mjs', import.meta.url));

/** What one test opens: queues and processes under a prefix of its own, and the log of the queues. */
export class Bench {
  readonly prefix = `test-${randomUUID()}`;
  readonly log: LogLine[] = [];
  private readonly queues: JobQueue[] = [];
  private readonly children: ChildProcess[] = [];
  private readonly logger = pino({ level: 'debug' }, { write: (line) => void this.log.push(JSON.parse(line) as LogLine) });

  constructor(readonly backEnd: JobQueueOptions['backEnd']) {}

  async open(backEnd = this.backEnd): Promise<JobQueue> {
    const queue = await createJobQueue({ backEnd, prefix: this.prefix, logger: this.logger });
    this.queues.push(queue);
    return queue;
  }

  /** Lines of level warn and above. */
  get warnings(): LogLine[] {
    return this.log.filter(({ level }) => level >= 40);
  }

  /** A process with a worker of its own, of the built program. `stuck`: its handler never ends. */
  start(kind: string, { stuck = false } = {}): QueueProcess {
    const child = spawn(process.execPath, [PROGRAM, JSON.stringify({ backEnd: this.backEnd, prefix: this.prefix, kind, stuck })]);
    this.children.push(child);
    return new QueueProcess(child);
  }

  async close(): Promise<void> {
    for (const child of this.children) child.kill('SIGKILL');
    await Promise.all(this.queues.map((queue) => queue.close(0)));
  }
}

export class QueueProcess {
  readonly said: { ready?: true; handled?: { id: number } }[] = [];
  stderr = '';

  constructor(private readonly child: ChildProcess) {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (line.startsWith('{')) this.said.push(JSON.parse(line));
    });
    child.stderr!.on('data', (text) => (this.stderr += String(text)));
  }

  get handled(): number[] {
    return this.said.flatMap(({ handled }) => (handled ? [handled.id] : []));
  }

  /** Waits until it works. */
  async ready(): Promise<void> {
    await eventually(() => this.said.some(({ ready }) => ready) || (this.child.exitCode !== null && Promise.reject(new Error(this.stderr))), 60_000);
  }

  /** Resolves to its exit code. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    if (this.child.exitCode === null) {
      const exited = once(this.child, 'exit');
      this.child.kill(signal);
      await exited;
    }
    return this.child.exitCode;
  }
}

/** A handler that collects the ids of its jobs. */
export const into = (ids: number[]) => ({ id }: { id: number }): Promise<void> => {
  ids.push(id);
  return Promise.resolve();
};

/** A handler that does nothing. */
export const idle = (): Promise<void> => Promise.resolve();

/** Waits until `check` is true, and fails after `ms`. */
export async function eventually(check: () => unknown, ms = 30_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${check.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** What `work` resolves to, and how long it took. */
export async function timed<T>(work: Promise<T>): Promise<{ value: T; ms: number }> {
  const start = performance.now();
  const value = await work;
  return { value, ms: performance.now() - start };
}
