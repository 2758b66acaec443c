import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { SchemaEngine } from '@prisma/schema-engine-wasm';
import pg from 'pg';
import { StartError } from '../errors.js';
import { withSchemaEngine } from './schema-engine.js';

const MIGRATIONS = fileURLToPath(new URL('../../prisma/migrations', import.meta.url));
/** Any fixed number serves; all Mailroom processes of one database take the same lock. */
const ADVISORY_LOCK = 7_245_001;
const OLDEST_POSTGRES = 150_000;

export interface Migration {
  name: string;
  sql: string;
}

/** The committed migrations, oldest first. */
export async function committedMigrations(): Promise<Migration[]> {
  const entries = await readdir(MIGRATIONS, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name).sort();
  return Promise.all(names.map(async (name) => ({ name, sql: await readFile(`${MIGRATIONS}/${name}/migration.sql`, 'utf8') })));
}

/** The form in which the schema engine takes migrations. */
export function migrationList(migrations: Migration[]): Parameters<SchemaEngine['applyMigrations']>[0]['migrationsList'] {
  return {
    baseDir: MIGRATIONS,
    lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"\n' },
    shadowDbInitScript: '',
    migrationDirectories: migrations.map(({ name, sql }) => ({ path: name, migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: sql } } })),
  };
}

async function appliedNames(client: pg.Client): Promise<Set<string>> {
  const table = await client.query<{ name: string | null }>(`SELECT to_regclass('_prisma_migrations') AS name`);
  if (table.rows[0]!.name === null) return new Set();
  const { rows } = await client.query<{ name: string }>('SELECT migration_name AS name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL');
  return new Set(rows.map(({ name }) => name));
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
    throw new StartError(`The database cannot be reached: ${(cause as Error).message}. Check DATABASE_URL.`, { cause });
  }
}

/**
 * Brings the database to the committed migrations, once, however many processes start at the same time, then runs `prepare` under
 * the same lock (first rows that must be made once). A database that is up to date costs one query.
 */
export async function migrate(url: string, prepare: () => Promise<void> = () => Promise.resolve()): Promise<string[]> {
  return underStartLock(url, async (client) => {
    await refuseOldServer(client);
    const [committed, applied] = [await committedMigrations(), await appliedNames(client)];
    const missing = committed.filter(({ name }) => !applied.has(name));
    if (missing.length > 0) await apply(url, committed);
    await prepare();
    return missing.map(({ name }) => name);
  });
}

async function apply(url: string, migrations: Migration[]): Promise<void> {
  try {
    await withSchemaEngine(url, (engine) => engine.applyMigrations({ migrationsList: migrationList(migrations), filters: { externalTables: [], externalEnums: [] } }));
  } catch (cause) {
    throw new StartError(`The database could not be migrated: ${(cause as Error).message}`, { cause });
  }
}
