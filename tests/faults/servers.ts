import { readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/embedded/postgres.js';
import { redisServer, startRedis } from '../setup/redis.js';

/** Mailroom's keys have one prefix, so in a Redis of somebody else these processes keep to a logical database of their own. */
const OWN_DATABASE = '/13';

/** A Postgres that may be killed: it starts again by itself, on the same data and the same port. */
export class MortalPostgres {
  private constructor(private readonly postgres: EmbeddedPostgres, private readonly folder: string) {}

  static async start(): Promise<MortalPostgres> {
    const folder = await mkdtemp(path.join(tmpdir(), 'mailroom-faults-'));
    await chmod(folder, 0o755); // for the account that Postgres runs as when we are root
    const postgres = await startEmbeddedPostgres({ dataDir: folder, logger: pino({ level: 'silent' }), notice: () => undefined, systemDir: path.join(folder, 'system') });
    return new MortalPostgres(postgres, folder);
  }

  get url(): string {
    return this.postgres.url;
  }

  /** SIGKILL for all of its processes. */
  async kill(): Promise<void> {
    const postmaster = Number((await readFile(path.join(this.postgres.directory, 'postmaster.pid'), 'utf8')).split('\n')[0]);
    for (const pid of [postmaster, ...childrenOf(postmaster)]) killQuietly(pid);
  }

  async close(): Promise<void> {
    await this.postgres.stop();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** Without /proc none are found: they end by themselves when they see that their parent is gone. */
function childrenOf(parent: number): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => parentOf(pid) === parent);
}

/** `pid (name) state ppid …`; the name may hold anything. */
function parentOf(pid: number): number | null {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')[1]);
  } catch {
    return null; // it has ended meanwhile
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it ended with its parent
  }
}

/** A Redis that may be killed: what it held is gone then. */
export class MortalRedis {
  private constructor(private server: Awaited<ReturnType<typeof startRedis>>) {}

  static async start(): Promise<MortalRedis> {
    return new MortalRedis(await startRedis());
  }

  get url(): string {
    return this.server.url;
  }

  kill(): Promise<void> {
    return this.server.stop();
  }

  async startAgain(): Promise<void> {
    this.server = await startRedis([], this.server.port);
  }

  close(): Promise<void> {
    return this.server.stop();
  }
}

export type QueueBackEnd = 'Postgres' | 'Redis';

/** What the processes share. */
export interface Servers {
  postgres: MortalPostgres;
  /** null: the queues are in Postgres. */
  redisUrl: string | null;
  /** null: there is none, or it is not ours to kill. */
  redis: MortalRedis | null;
  close(): Promise<void>;
}

export async function openServers(queue: QueueBackEnd): Promise<Servers> {
  const postgres = await MortalPostgres.start();
  const redis = queue === 'Redis' && redisServer() !== null ? await MortalRedis.start() : null;
  const redisUrl = queue === 'Postgres' ? null : (redis?.url ?? new URL(OWN_DATABASE, process.env['REDIS_URL']).href);
  return { postgres, redisUrl, redis, close: async () => void (await Promise.all([redis?.close(), postgres.close()])) };
}
