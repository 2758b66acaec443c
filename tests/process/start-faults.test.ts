import { describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createTestDatabase } from '../setup/database.js';
import { atEnd, makeDataFolder, processesIn, processTest, SHARED, startProcess } from './mailroom-process.js';

const PASSWORD = 'p4ss-w0rd';
const NOBODY = { uid: 65_534, gid: 65_534 };
const KEYS = { a: 'a-key-of-32-characters-for-tests', b: 'b-key-of-32-characters-for-tests' };

const isRoot = process.getuid?.() === 0;

/** Whether that account can read the checkout and the Node that runs it. */
const nobodyRunsIt = (): boolean => spawnSync(process.execPath, ['--check', 'dist/main.js'], NOBODY).status === 0;

async function makeDatabase(): Promise<string> {
  const database = await createTestDatabase();
  atEnd(() => database.drop());
  return database.url;
}

async function takenPort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(() => server.close());
  return String((server.address() as AddressInfo).port);
}

/** Starts it, and expects one sentence on stderr, exit code 1 and nothing that still runs. Answers the sentence. */
async function fault(dataDir: string, env: Record<string, string>, account?: { uid: number; gid: number }): Promise<string> {
  const mailroom = startProcess({ PORT: '0', MAILROOM_DATA_DIR: dataDir, ...env }, account);
  expect(await mailroom.ended).toEqual({ code: 1, signal: null });
  expect(mailroom.stderr).toMatch(/^Mailroom cannot start: [^\n]+\n$/);
  expect(mailroom.stdout).not.toContain('Mailroom is ready');
  expect(mailroom.stdout + mailroom.stderr).not.toContain(PASSWORD);
  expect(processesIn(dataDir)).toEqual([]);
  return mailroom.stderr.slice('Mailroom cannot start: '.length).trimEnd();
}

describe('a variable that is wrong', () => {
  const cases: [string, Record<string, string>, RegExp][] = [
    ['PORT is no number', { PORT: 'abc' }, /^PORT must be a whole number from 0 to 65535, not "abc"\.$/],
    ['PORT is too large', { PORT: '70000' }, /^PORT must be a whole number/],
    ['an unknown role', { MAILROOM_ROLE: 'x' }, /^MAILROOM_ROLE must be one of all, api, worker, not "x"\.$/],
    ['DATABASE_URL is no URL', { DATABASE_URL: `db.example.com:${PASSWORD}` }, /^DATABASE_URL must be a URL that starts with postgres:\/\/ or postgresql:\/\/\.$/],
    ['DATABASE_URL is that of another database', { DATABASE_URL: `mysql://root:${PASSWORD}@127.0.0.1/x` }, /^DATABASE_URL must be a URL/],
    ['REDIS_URL is no Redis', { REDIS_URL: `http://:${PASSWORD}@x` }, /^REDIS_URL must be a URL that starts with redis:\/\/ or rediss:\/\/\.$/],
    ['MAILROOM_SECRET_KEY is too short', { MAILROOM_SECRET_KEY: PASSWORD }, /^Each key of MAILROOM_SECRET_KEY must have at least 16 characters/],
    ['one of several keys is too short', { MAILROOM_SECRET_KEY: `${KEYS.a},${PASSWORD}` }, /^Each key of MAILROOM_SECRET_KEY/],
    ['MAILROOM_ADMIN_KEY is too short', { MAILROOM_ADMIN_KEY: 'short' }, /^MAILROOM_ADMIN_KEY must be 8 to 255/],
    ['a file that is not there', { MAILROOM_SECRET_KEY_FILE: '/nonexistent/key' }, /^MAILROOM_SECRET_KEY_FILE cannot be read: ENOENT.*\/nonexistent\/key/],
    ['a file that is empty', { DATABASE_URL_FILE: '/dev/null' }, /^DATABASE_URL_FILE is empty\.$/],
    ['a variable and its file', { MAILROOM_ADMIN_KEY: PASSWORD, MAILROOM_ADMIN_KEY_FILE: '/dev/null' }, /^Set MAILROOM_ADMIN_KEY or MAILROOM_ADMIN_KEY_FILE, not both\.$/],
  ];
  for (const [name, env, message] of cases) {
    processTest(name, async () => expect(await fault(await makeDataFolder(), env)).toMatch(message));
  }
});

describe('a data folder that cannot be used', () => {
  processTest('it is a file', async () => {
    const file = join(await makeDataFolder(), 'file');
    await writeFile(file, '');
    expect(await fault(file, {})).toBe(`The data folder ${file} cannot be used: it is not a folder; set MAILROOM_DATA_DIR.`);
    expect(await fault(file, { DATABASE_URL: await makeDatabase() })).toContain(`The secret key ${file}/secret-key cannot be read or made`);
  });

  if (isRoot && !nobodyRunsIt()) test.skip('it may not be written: skipped, as root it takes a checkout that another account can read', () => undefined);
  else processTest('it may not be written', async () => {
    const folder = join(await makeDataFolder(), 'read-only');
    await mkdir(folder);
    await chmod(folder, 0o555);
    const message = await fault(folder, {}, isRoot ? NOBODY : undefined);
    expect(message).toBe(`The data folder ${folder} cannot be used: it cannot be written (EACCES); set MAILROOM_DATA_DIR.`);
  });
});

describe('a database that cannot be used', () => {
  processTest('nobody listens there', async () => {
    const message = await fault(await makeDataFolder(), { DATABASE_URL: `postgres://mailroom:${PASSWORD}@127.0.0.1:1/mailroom` });
    expect(message).toBe('The database cannot be reached: connect ECONNREFUSED 127.0.0.1:1. Check DATABASE_URL.');
  });

  processTest('the password is wrong', async () => {
    const url = new URL(await makeDatabase());
    [url.username, url.password] = ['no_such_role', PASSWORD];
    expect(await fault(await makeDataFolder(), { DATABASE_URL: url.href })).toMatch(/^The database cannot be reached: .*no_such_role.*\. Check DATABASE_URL\.$/);
  });

  processTest('its secrets were encrypted with another key: the start says so, and takes both keys', async () => {
    const start = (keys: string): Record<string, string> => ({ ...SHARED, DATABASE_URL: url, MAILROOM_SECRET_KEY: keys });
    const [url, dataDir] = [await makeDatabase(), await makeDataFolder()];
    expect((await (await startProcess(start(KEYS.a)).ready()).stop()).code).toBe(0);
    const message = await fault(dataDir, start(KEYS.b));
    expect(message).toMatch(/^The secrets in this database were encrypted with the key [0-9a-f]{8}, which this process does not have\. Set MAILROOM_SECRET_KEY/);
    const both = await startProcess(start(`${KEYS.b},${KEYS.a}`)).ready();
    await both.as().get('/health/ready').expect(200);
    expect((await both.stop()).code).toBe(0);
  });
});

describe('a port that is in use', () => {
  processTest('with the embedded database, which is stopped again', async () => {
    const port = await takenPort();
    expect(await fault(await makeDataFolder(), { PORT: port })).toBe(`Port ${port} on 127.0.0.1 is in use. Stop what uses it, or set PORT to another one.`);
  });

  processTest('with a database of its own', async () => {
    const port = await takenPort();
    expect(await fault(await makeDataFolder(), { ...SHARED, PORT: port, DATABASE_URL: await makeDatabase() })).toContain(`Port ${port} on 127.0.0.1 is in use.`);
  });

  processTest('a host that is not ours', async () => {
    expect(await fault(await makeDataFolder(), { ...SHARED, MAILROOM_HOST: '203.0.113.1', DATABASE_URL: await makeDatabase() })).toMatch(/^Mailroom cannot listen on 203\.0\.113\.1:0: .* Check MAILROOM_HOST and PORT\.$/);
  });
});
