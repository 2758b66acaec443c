import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { committedMigrations, migrate } from '../../src/db/migrate.js';
import { StartError } from '../../src/errors.js';
import { createTestDatabase, dropDatabase } from '../setup/database.js';
import { waitFor } from '../setup/wait.js';

const SERVER = process.env['MAILROOM_TEST_DATABASE_URL']!;
const SCRIPT = fileURLToPath(new URL('migrate-process.mjs', import.meta.url));

async function query<Row extends pg.QueryResultRow>(where: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: where });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

const committedNames = async (): Promise<string[]> => (await committedMigrations()).map(({ name }) => name);

test('the committed migrations come in the order of their names', async () => {
  const names = await committedNames();
  expect(names.length).toBeGreaterThan(0);
  expect(names).toEqual([...names].sort());
});

describe('an empty database', () => {
  let name: string;
  let url: string;
  const children = new Set<ChildProcess>();

  beforeEach(async () => {
    name = `empty_${randomBytes(6).toString('hex')}`;
    await query(SERVER, `CREATE DATABASE ${name}`);
    url = Object.assign(new URL(SERVER), { pathname: name }).href;
  });
  afterEach(async () => {
    for (const child of children) child.kill('SIGKILL');
    children.clear();
    await dropDatabase(SERVER, name);
  });

  /** Starts a process that migrates; what it prints, or its failure, comes when it ends. */
  function start(): { child: ChildProcess; printed: Promise<unknown> } {
    const child = spawn(process.execPath, [SCRIPT, url], { stdio: ['ignore', 'pipe', 'pipe'] });
    children.add(child);
    let [text, fault] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => { text += chunk.toString(); });
    child.stderr.on('data', (chunk: Buffer) => { fault += chunk.toString(); });
    const printed = once(child, 'close').then(() => (text === '' ? { fault: fault.trim() } : JSON.parse(text) as unknown));
    return { child, printed };
  }

  const applied = () => query<{ name: string }>(url, 'SELECT migration_name AS name FROM _prisma_migrations WHERE finished_at IS NOT NULL ORDER BY started_at');
  const settings = () => query(url, 'SELECT server_address, security FROM smtp_settings');

  test('gets every migration once; the second start has nothing to do', async () => {
    expect(await start().printed).toEqual(await committedNames());
    expect(await start().printed).toEqual([]);
    expect((await applied()).map((row) => row.name)).toEqual(await committedNames());
    expect(await settings()).toEqual([{ server_address: null, security: 'startTls' }]);
  });

  test('that three processes start on at once is migrated by one of them', async () => {
    const answers = await Promise.all([start().printed, start().printed, start().printed]);
    expect([...answers].sort((one, other) => (one as string[]).length - (other as string[]).length)).toEqual([[], [], await committedNames()]);
    expect(await applied()).toHaveLength((await committedNames()).length);
    expect(await settings()).toHaveLength(1);
  });

  test('whose first start was killed in the middle is migrated by the next', async () => {
    const holder = new pg.Client({ connectionString: url });
    await holder.connect();
    const { pid } = (await holder.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]!;
    const waiting = () => query(url, `SELECT 1 FROM pg_stat_activity WHERE datname = '${name}' AND wait_event_type = 'Lock'`);
    const others = () => query(url, `SELECT 1 FROM pg_stat_activity WHERE datname = '${name}' AND pid NOT IN (pg_backend_pid(), ${pid}) AND backend_type = 'client backend'`);
    try {
      await holder.query('BEGIN; CREATE TABLE emails (id int)'); // the migration cannot get past its own
      const { child, printed } = start();
      await waitFor(waiting, (rows) => rows.length > 0);
      child.kill('SIGKILL');
      await printed;
      await holder.query('ROLLBACK');
      await waitFor(others, (rows) => rows.length === 0);
    } finally {
      await holder.end();
    }
    expect(await start().printed).toEqual(expect.any(Array));
    expect((await applied()).map((row) => row.name)).toEqual(await committedNames());
    expect(await settings()).toHaveLength(1);
  });
});

describe('a database that is up to date', () => {
  test('is prepared by one process after the other; a preparation that fails does not keep the lock', async () => {
    const database = await createTestDatabase();
    try {
      let [running, prepared] = [0, 0];
      const prepare = async (): Promise<void> => {
        running += 1;
        expect(running).toBe(1);
        await query(database.url, 'SELECT pg_sleep(0.02)');
        running -= 1;
        prepared += 1;
      };
      await expect(migrate(database.url, () => Promise.reject(new StartError('no key')))).rejects.toThrow('no key');
      expect(await Promise.all(Array.from({ length: 5 }, () => migrate(database.url, prepare)))).toEqual([[], [], [], [], []]);
      expect(prepared).toBe(5);
    } finally {
      await database.drop();
    }
  });
});

describe('a database that cannot be reached', () => {
  test.each([
    ['a closed port', (base: URL) => Object.assign(base, { hostname: '127.0.0.1', port: '1' })],
    ['no such database', (base: URL) => Object.assign(base, { pathname: 'no_such_database' })],
    ['no such host', (base: URL) => Object.assign(base, { hostname: 'no-such-host.invalid' })],
  ])('(%s) is told in one line that names DATABASE_URL, without the password', async (_name, change) => {
    const wrong = change(new URL(SERVER));
    const fault = await migrate(wrong.href).then(() => null, (error: unknown) => error as Error);
    expect(fault).toBeInstanceOf(StartError);
    expect(fault!.message).toMatch(/^The database cannot be reached: [^\n]+Check DATABASE_URL\.$/);
    if (wrong.password !== '') expect(fault!.message).not.toContain(wrong.password);
  });
});
