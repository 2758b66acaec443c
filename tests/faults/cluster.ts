import { setTimeout as delay } from 'node:timers/promises';
import { ADMIN_KEY, type Api, MailroomProcess, SHARED } from '../process/mailroom-process.js';

/** A supervisor does not start a process again in the same instant. */
const RESTART_MS = 500;
const STARTS = 5;

/** A process that is started again after each kill, as a supervisor does it. */
export class Supervised {
  private current: MailroomProcess | undefined;
  /** Of those that were killed. */
  private earlier = '';

  constructor(private readonly env: Record<string, string>) {}

  get pid(): number {
    return this.running.pid;
  }

  get api(): Api {
    return this.running.as(ADMIN_KEY);
  }

  get url(): string {
    return this.running.url;
  }

  get output(): string {
    return this.earlier + (this.current?.output ?? 'not started');
  }

  async start(): Promise<this> {
    for (let attempt = 1; ; attempt += 1) {
      const next = new MailroomProcess(this.env);
      this.current = next;
      try {
        await next.ready();
        // Its clients know it by its port, which stays.
        if (this.env['PORT'] === '0') this.env['PORT'] = new URL(next.url).port;
        return this;
      } catch (error) {
        await next.kill();
        if (attempt === STARTS) throw error;
        await delay(RESTART_MS);
      }
    }
  }

  standStill(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  goOn(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  /** SIGKILL, sent before this returns; resolves when the process has ended. */
  async kill(): Promise<void> {
    await this.running.kill();
    this.earlier += `${this.running.output}\n`;
  }

  async startAgain(): Promise<void> {
    await delay(RESTART_MS);
    await this.start();
  }

  /** Harmless when it has ended, or was never started. */
  async end(): Promise<void> {
    await this.current?.kill();
  }

  private get running(): MailroomProcess {
    if (this.current === undefined) throw new Error('It was not started.');
    return this.current;
  }
}

/** How a process reaches its servers. */
export interface Reach {
  databaseUrl: string;
  /** null: the queues are in Postgres. */
  redisUrl: string | null;
}

/** One API process and two workers, on the same servers. */
export class Cluster {
  readonly api: Supervised;
  readonly first: Supervised;
  readonly second: Supervised;

  constructor({ api, first, second }: Record<'api' | 'first' | 'second', Reach>) {
    this.api = new Supervised(environment('api', api));
    this.first = new Supervised(environment('worker', first));
    this.second = new Supervised(environment('worker', second));
  }

  get workers(): [Supervised, Supervised] {
    return [this.first, this.second];
  }

  async start(): Promise<void> {
    await Promise.all(this.members.map((member) => member.start()));
  }

  get output(): string {
    return this.members.map(({ output }) => output).join('\n');
  }

  async end(): Promise<void> {
    await Promise.all(this.members.map((member) => member.end()));
  }

  get members(): Supervised[] {
    return [this.api, ...this.workers];
  }
}

/** A worker without PORT does not listen. */
const environment = (role: 'api' | 'worker', { databaseUrl, redisUrl }: Reach): Record<string, string> =>
  ({ ...SHARED, MAILROOM_ROLE: role, DATABASE_URL: databaseUrl, ...(redisUrl !== null && { REDIS_URL: redisUrl }), PORT: role === 'api' ? '0' : '' });
