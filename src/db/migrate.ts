import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { StartError } from '../errors.js';
import { newId } from '../ids.js';

const MIGRATIONS = fileURLToPath(new URL('../../prisma/migrations', import.meta.url));
/** Any fixed number serves; all Mailroom processes of one database take the same lock. */
const ADVISORY_LOCK = 7_245_001;
const OLDEST_POSTGRES = 150_000;

/** Where Prisma keeps its history, in its own shape, so that its tools understand the database too. */
const HISTORY = `
  CREATE TABLE IF NOT EXISTS _prisma_migrations (
    id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text,
    rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0)`;

interface Migration {
  name: string;
  sql: string;
}

/**
 * Brings the database to the committed migrations, once, however many processes start at the same time, then runs `prepare` under
 * the same lock (first rows that must be made once). A migration and its line in the history are one transaction: a process that is
 * killed leaves both or none. Answers the names of what was applied.
 * @throws StartError in one line
 */
export async function migrate(url: string, prepare: () => Promise<void> = () => Promise.resolve()): Promise<string[]> {
  return underStartLock(url, async (client) => {
    await refuseOldServer(client);
    const applied = await appliedNames(client);
    const missing = (await committedMigrations()).filter(({ name }) => !applied.has(name));
    for (const migration of missing) await apply(client, migration);
    await prepare();
    return missing.map(({ name }) => name);
  });
}

/** Oldest first. */
export async function committedMigrations(): Promise<Migration[]> {
  const entries = await readdir(MIGRATIONS, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name).sort();
  return Promise.all(names.map(async (name) => ({ name, sql: await readFile(`${MIGRATIONS}/${name}/migration.sql`, 'utf8') })));
}

async function appliedNames(client: pg.Client): Promise<Set<string>> {
  const table = await client.query<{ name: string | null }>(`SELECT to_regclass('_prisma_migrations') AS name`);
  if (table.rows[0]!.name === null) return new Set();
  const { rows } = await client.query<{ name: string }>('SELECT migration_name AS name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL');
  return new Set(rows.map(({ name }) => name));
}

async function apply(client: pg.Client, { name, sql }: Migration): Promise<void> {
  const checksum = createHash('sha256').update(sql).digest('hex');
  try {
    await client.query('BEGIN');
    await client.query(HISTORY);
    await client.query(sql);
    await client.query('INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count) VALUES ($1, $2, $3, now(), 1)', [newId(), checksum, name]);
    await client.query('COMMIT');
  } catch (cause) {
    await client.query('ROLLBACK').catch(() => undefined); // the connection may be what failed
    throw new StartError(`The database could not be migrated (${name}): ${oneLine(cause)}`, { cause });
  }
}

async function refuseOldServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ server_version_num: string }>('SHOW server_version_num');
  if (Number(rows[0]?.server_version_num) < OLDEST_POSTGRES) throw new StartError('DATABASE_URL points to a Postgres older than 15; Mailroom needs 15 or newer.');
}

/**
 * Runs `work` while holding the start-up lock of this database, because several processes start at once. The lock belongs to the
 * connection, so a process that dies frees it.
 */
async function underStartLock<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await connect(url);
  try {
    await client.query('SELECT pg_advisory_lock($1)', [ADVISORY_LOCK]);
    return await work(client);
  } finally {
    await client.end();
  }
}

async function connect(url: string): Promise<pg.Client> {
  try {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
    client.on('error', () => undefined); // a broken connection rejects the query in flight, which is where it is handled
    await client.connect();
    return client;
  } catch (cause) {
    throw new StartError(`The database cannot be reached: ${oneLine(cause)}. Check DATABASE_URL.`, { cause });
  }
}

const oneLine = (error: unknown): string => (error as Error).message.replace(/\s*\n\s*/g, ' ');
