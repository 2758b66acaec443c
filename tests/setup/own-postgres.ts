import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { accessSync, constants, readdirSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { pino } from 'pino';
import { chooseAccount, runsAsRoot } from '../../src/embedded/account.js';
import { Guard } from '../../src/embedded/guard.js';
import { LogFile } from '../../src/embedded/log-file.js';
import { newPassword } from '../../src/embedded/password.js';
import { type Account, run } from '../../src/embedded/run.js';
import { startServer, stopServer } from '../../src/embedded/server.js';

/** Programs of one version: pg_dump refuses a server that is newer than itself, as the one that the tests bring may be. */
export interface PostgresTools {
  folder: string;
  major: number;
}

export const NO_POSTGRES_TOOLS = 'skipped, no Postgres 15 or newer with initdb, postgres, pg_dump and pg_restore in one folder of PATH or of /usr/lib/postgresql';

const PROGRAMS = ['initdb', 'postgres', 'pg_dump', 'pg_restore'];
const OLDEST_MAJOR = 15;
/** Where Debian keeps each version, with a wrapper for the clients alone on the PATH. */
const DEBIAN = '/usr/lib/postgresql';

/** Those on the PATH, else the newest of Debian's; null when there are none that Mailroom runs on. */
export function findPostgresTools(): PostgresTools | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...debianFolders()];
  const found = folders.filter((folder) => PROGRAMS.every((name) => isProgram(join(folder, name)))).map((folder) => ({ folder, major: majorOf(folder) }));
  return found.find(({ major }) => major >= OLDEST_MAJOR) ?? null;
}

function debianFolders(): string[] {
  try {
    return readdirSync(DEBIAN).sort((one, other) => Number(other) - Number(one)).map((version) => join(DEBIAN, version, 'bin'));
  } catch {
    return [];
  }
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const majorOf = (folder: string): number => Number(/ (\d+)/.exec(spawnSync(join(folder, 'postgres'), ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[1] ?? 0);

/** A server of those programs, on a free port of 127.0.0.1 and in a temporary folder. It ends with this process, however that ends. */
export class OwnPostgres {
  private constructor(private readonly tools: PostgresTools, private readonly home: string, private readonly owner: URL, private readonly end: () => Promise<void>) {}

  static async start(tools: PostgresTools): Promise<OwnPostgres> {
    const home = await mkdtemp(join(tmpdir(), 'mailroom-own-postgres-'));
    await chmod(home, 0o755); // for the account that Postgres runs as when we are root
    const account = runsAsRoot() ? await chooseAccount(home) : undefined;
    const [cluster, password, name] = [join(home, 'cluster'), newPassword(), `mailroom-test-${randomBytes(8).toString('hex')}`];
    await makeCluster(tools, { home, cluster, password, account });
    const log = await LogFile.open(join(home, 'postgres.log'));
    const guard = new Guard(cluster, name, account, pino({ level: 'silent' }));
    const binaries = { initdb: join(tools.folder, 'initdb'), postgres: join(tools.folder, 'postgres'), major: tools.major };
    const server = await startServer({ place: { dataFolder: home, cluster, store: home, account }, binaries, log, name });
    const end = async (): Promise<void> => {
      await stopServer(server);
      await guard.release();
      await log.close();
      await rm(home, { recursive: true, force: true, maxRetries: 10 });
    };
    await sql(`postgres://postgres:${password}@127.0.0.1:${server.port}/postgres`, `CREATE ROLE mailroom LOGIN CREATEDB PASSWORD '${password}'`);
    return new OwnPostgres(tools, home, new URL(`postgres://mailroom:${password}@127.0.0.1:${server.port}/postgres`), end);
  }

  /** The URL of a new, empty database, whose owner is no superuser. */
  async createDatabase(): Promise<string> {
    const url = new URL(this.owner);
    url.pathname = `mailroom_${randomBytes(6).toString('hex')}`;
    await sql(this.owner.href, `CREATE DATABASE ${url.pathname.slice(1)}`);
    return url.href;
  }

  /** Runs a line as people type it, with these tools first on the PATH, in a folder that all lines share. Rejects with what it printed when it fails. */
  async shell(line: string, environment: Record<string, string>): Promise<void> {
    await promisify(execFile)('/bin/sh', ['-ec', line], { cwd: this.home, env: { PATH: [this.tools.folder, process.env['PATH']].join(delimiter), ...environment } });
  }

  stop(): Promise<void> {
    return this.end();
  }
}

interface NewCluster {
  home: string;
  cluster: string;
  password: string;
  account: Account | undefined;
}

/** With the options that all versions know. */
async function makeCluster({ folder }: PostgresTools, { home, cluster, password, account }: NewCluster): Promise<void> {
  const passwordFile = join(home, 'password');
  await mkdir(cluster, { mode: 0o700 });
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (account) for (const file of [cluster, passwordFile]) await chown(file, account.uid, account.gid);
  const options = ['--encoding=UTF8', '--locale=C', '--auth=scram-sha-256', '--no-instructions', '--no-sync'];
  const { code, output } = await run(join(folder, 'initdb'), ['-D', cluster, '-U', 'postgres', '--pwfile', passwordFile, ...options], { account });
  if (code !== 0) throw new Error(`initdb failed: ${output}`);
}

/** The rows of one statement; of several, nothing that is of use. */
export async function sql<Row extends object>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}
