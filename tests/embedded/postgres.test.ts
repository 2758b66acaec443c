import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { chmod, lstat, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { once } from 'node:events';
import path from 'node:path';
import { Client } from 'pg';
import { pino } from 'pino';
import { StartError } from '../../src/errors.js';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/embedded/postgres.js';
import { makeTemporaryFolder } from './install.js';
import { guardsOf, hasProc, isRoot, keep, kept, query, until } from './states.js';

const logger = pino({ level: 'silent' });
let folder: string;
let running: EmbeddedPostgres | undefined;

beforeAll(async () => { folder = await makeTemporaryFolder(); });
afterEach(async () => {
  await running?.stop();
  running = undefined;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** As root the data folder is made first, open to other accounts, so that the database is inside it. */
async function dataFolder(name: string): Promise<string> {
  await mkdir(path.join(folder, name), { recursive: true });
  return path.join(folder, name);
}

const start = async (dataDir: string, settings = {}): Promise<EmbeddedPostgres> =>
  (running = await startEmbeddedPostgres({ dataDir, logger, notice: () => undefined, systemDir: path.join(folder, 'system'), settings }));

const failure = async (dataDir: string): Promise<Error> => start(dataDir).then(() => { throw new Error('it started'); }, (error: Error) => error);

function expectOneLine(error: Error, text: RegExp): void {
  expect(error).toBeInstanceOf(StartError);
  expect(error.message).toMatch(text);
  expect(error.message).not.toContain('\n');
}

describe('a database of its own', () => {
  test('is made at the first start, and a restart in the same process keeps its data', async () => {
    const dataDir = await dataFolder('restart');
    const first = await start(dataDir);
    await keep(first.url, 'one');
    await first.stop();
    await first.stop(); // once is enough, twice does no harm

    const second = await start(dataDir);
    expect(second.directory).toBe(path.join(dataDir, 'postgres'));
    expect(await kept(second.url)).toEqual(['one']);
  });

  test('is durable, in UTF-8, with checksums, and Mailroom is no superuser in it', async () => {
    const { url, directory } = await start(await dataFolder('settings'));
    const settings = await query<{ name: string; setting: string }>(url, 'SELECT name, setting FROM pg_settings');
    const value = Object.fromEntries(settings.map(({ name, setting }) => [name, setting]));
    expect(value).toMatchObject({
      fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on', data_checksums: 'on', server_encoding: 'UTF8',
      listen_addresses: '127.0.0.1', jit: 'off', max_connections: '100',
    });
    const [, , , , socketFolder, address] = (await readFile(path.join(directory, 'postmaster.pid'), 'utf8')).split('\n');
    expect({ socketFolder, address }).toEqual({ socketFolder: '', address: '127.0.0.1' });
    expect(await query(url, 'SELECT rolsuper, rolname FROM pg_roles WHERE rolname = current_user')).toEqual([{ rolsuper: false, rolname: 'mailroom' }]);
    expect(await query(url, "SELECT pg_get_userbyid(datdba) AS owner, datlocprovider, datlocale FROM pg_database WHERE datname = 'mailroom'"))
      .toEqual([{ owner: 'mailroom', datlocprovider: 'b', datlocale: 'C.UTF-8' }]);
    expect(await query(url, "SELECT upper('ärger') AS upper")).toEqual([{ upper: 'ÄRGER' }]);
  });

  test('takes settings instead of its own', async () => {
    const { url } = await start(await dataFolder('more'), { max_connections: '120' });
    expect(await query(url, "SELECT current_setting('max_connections') AS connections, current_setting('fsync') AS fsync")).toEqual([{ connections: '120', fsync: 'on' }]);
  });

  test('takes only the right password, which is in a 0600 file', async () => {
    const dataDir = await dataFolder('password');
    const { url } = await start(dataDir);
    expect((await lstat(path.join(dataDir, 'postgres-password'))).mode & 0o777).toBe(0o600);
    expect((await readFile(path.join(dataDir, 'postgres-password'), 'utf8')).trim()).toBe(new URL(url).password);
    await expect(query(url.replace(/:[^:@]+@/, ':wrong@'), 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    await expect(query(url.replace('mailroom:', 'postgres:'), 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
  });

  test('is not reached from other machines', async () => {
    const { port } = await start(await dataFolder('local'));
    const external = Object.values(networkInterfaces()).flat().find((address) => address?.family === 'IPv4' && !address.internal)?.address ?? '127.0.0.2';
    const socket = new Socket().connect(port, external);
    await expect(once(socket, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    socket.destroy();
  });

  test('survives the loss of its password file', async () => {
    const dataDir = await dataFolder('lost-password');
    const first = await start(dataDir);
    await keep(first.url, 'still here');
    await first.stop();
    await rm(path.join(dataDir, 'postgres-password'));
    const second = await start(dataDir);
    expect(second.url).not.toContain(new URL(first.url).password);
    expect(await kept(second.url)).toEqual(['still here']);
  });

  test('its log is cut at the next start when it is too long', async () => {
    const dataDir = await dataFolder('log');
    await writeFile(path.join(dataDir, 'postgres.log'), 'x'.repeat(6 * 1024 * 1024));
    await start(dataDir);
    expect((await lstat(path.join(dataDir, 'postgres.log'))).size).toBeLessThan(100_000);
    expect((await lstat(path.join(dataDir, 'postgres.log.1'))).size).toBe(6 * 1024 * 1024);
  });

  (isRoot ? test : test.skip)('as root it runs as another account, which owns its 0700 folder', async () => {
    const dataDir = await dataFolder('as-root');
    const { url, directory } = await start(dataDir);
    const { uid, mode } = await lstat(directory);
    expect(uid).not.toBe(0);
    expect(mode & 0o777).toBe(0o700);
    const [row] = await query<{ pid: number }>(url, 'SELECT pg_backend_pid() AS pid');
    expect(row!.pid).toBeGreaterThan(0);
    const status = await readFile(`/proc/${(await readFile(path.join(directory, 'postmaster.pid'), 'utf8')).split('\n')[0]}/status`, 'utf8');
    expect(status).toMatch(new RegExp(`^Uid:\\s+${uid}\\s+${uid}\\s`, 'm'));
    expect(status).toMatch(/^Groups:\s*$/m); // nor does it keep root's groups
  });
});

describe('stop', () => {
  test('ends open connections, the server and its guard within 10 s', async () => {
    const { url, directory, stop } = await start(await dataFolder('open'));
    const clients = await Promise.all([1, 2, 3].map(async () => {
      const client = new Client({ connectionString: url });
      client.on('error', () => undefined);
      await client.connect();
      return client;
    }));
    await clients[0]!.query('BEGIN');
    const busy = clients[1]!.query('SELECT pg_sleep(60)').catch((error: { code: string }) => error.code);
    await until('the query runs', async () => (await query<{ n: number }>(url, "SELECT count(*)::int AS n FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"))[0]!.n === 1);

    const began = Date.now();
    await stop();
    expect(Date.now() - began).toBeLessThan(10_000);
    expect(await busy).toBe('57P01'); // admin_shutdown
    await expect(lstat(path.join(directory, 'postmaster.pid'))).rejects.toMatchObject({ code: 'ENOENT' });
    if (hasProc) expect(guardsOf(directory)).toEqual([]);
    await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
  });
});

describe('a start that cannot succeed says why in one line', () => {
  test('a second Mailroom on the same data folder', async () => {
    const dataDir = await dataFolder('two');
    const { url } = await start(dataDir);
    const first = running;
    expectOneLine(await failure(dataDir), new RegExp(`process ${process.pid}\\) already uses the data folder ${dataDir}`));
    running = first;
    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('a data folder that is a file, or is in one', async () => {
    await writeFile(path.join(folder, 'file'), '');
    expectOneLine(await failure(path.join(folder, 'file')), /data folder .*\/file cannot be used: it is not a folder/);
    expectOneLine(await failure(path.join(folder, 'file', 'in')), /it is not a folder/);
  });

  test('a database of another major version, which is left as it is', async () => {
    const dataDir = await dataFolder('version');
    const { directory, stop } = await start(dataDir);
    await stop();
    await writeFile(path.join(directory, 'PG_VERSION'), '15\n');
    expectOneLine(await failure(dataDir), /made by Postgres 15 and this Mailroom brings Postgres 18/);
    await writeFile(path.join(directory, 'PG_VERSION'), '18\n');
    await start(dataDir);
  });

  test('a folder in the place of the database that is none', async () => {
    const dataDir = await dataFolder('none');
    await mkdir(path.join(dataDir, 'postgres'));
    await writeFile(path.join(dataDir, 'postgres', 'letter.txt'), 'Dear…');
    // As root a folder of root's is refused even before that.
    expectOneLine(await failure(dataDir), isRoot ? /belongs to root/ : /holds no Postgres database/);
    expect(await readFile(path.join(dataDir, 'postgres', 'letter.txt'), 'utf8')).toBe('Dear…');
  });

  test('a server that does not start: the reason and the log', async () => {
    const dataDir = await dataFolder('broken');
    const { directory, stop } = await start(dataDir);
    await stop();
    await writeFile(path.join(directory, 'postgresql.auto.conf'), 'work_mem = much\n');
    expectOneLine(await failure(dataDir), /Postgres did not start on .*broken\/postgres: .*postgresql\.auto\.conf.* \(log: .*postgres\.log\)/);
    await writeFile(path.join(directory, 'postgresql.auto.conf'), '');
    await start(dataDir); // and the failed start holds nothing
  });

  test('files in the data folder that cannot be used', async () => {
    const dataDir = await dataFolder('files');
    await mkdir(path.join(dataDir, 'postgres-password')); // its place is taken
    expectOneLine(await failure(dataDir), /embedded Postgres in the data folder .*files cannot be started: EISDIR/);
    await rm(path.join(dataDir, 'postgres-password'), { recursive: true });
    await chmod(dataDir, 0o755);
    await start(dataDir);
  });
});
