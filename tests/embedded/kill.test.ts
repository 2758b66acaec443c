import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { chown, lstat, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { install, makeTemporaryFolder } from './install.js';
import { Owner, startOwner } from './owner.js';
import { guardsOf, hasProc, keep, kept, postmasterPid, processesWith, query, serversOf, until } from './states.js';

let folder: string;
let installed: string;
const owners: Owner[] = [];

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  installed = await install(path.join(folder, 'checkout'));
});
afterEach(async () => {
  await Promise.all(owners.splice(0).map((owner) => owner.stop()));
});
afterAll(async () => {
  if (hasProc) await until('every process of the tests has ended', () => processesWith(folder).length === 0);
  await rm(folder, { recursive: true, force: true });
});

/** Open to other accounts, so that as root the database is inside it. */
async function dataFolder(name: string): Promise<string> {
  await mkdir(path.join(folder, name));
  return path.join(folder, name);
}

function owner(dataDir: string): Owner {
  const started = startOwner(installed, { dataDir, systemDir: path.join(folder, 'system') });
  owners.push(started);
  return started;
}

const signal = (pids: number[], name: NodeJS.Signals): void => pids.forEach((pid) => process.kill(pid, name));

const onlyWithProc = hasProc ? describe : describe.skip;

onlyWithProc('when Mailroom is killed', () => {
  test('its database ends within seconds, and the next start finds the data', async () => {
    const dataDir = await dataFolder('sigkill');
    const first = owner(dataDir);
    const { url, directory } = await first.started();
    await keep(url, 'one');
    await first.kill();
    await until('the server and its guard have ended', () => serversOf(directory).length === 0 && guardsOf(directory).length === 0, 6_000);
    // A fast shutdown, no crash: it removed its file itself.
    await expect(lstat(path.join(directory, 'postmaster.pid'))).rejects.toMatchObject({ code: 'ENOENT' });

    expect(await kept((await owner(dataDir).started()).url)).toEqual(['one']);
  });

  test('the next start takes over at once, while the guard is at work, and is not disturbed by it', async () => {
    const dataDir = await dataFolder('at-once');
    const first = owner(dataDir);
    const { url, directory } = await first.started();
    await keep(url, 'one');
    const oldGuards = guardsOf(directory);
    await first.kill();
    const second = await owner(dataDir).started();
    const pid = postmasterPid(directory);
    await until('the old guard has ended', () => guardsOf(directory).every((guard) => !oldGuards.includes(guard)));
    expect(postmasterPid(directory)).toBe(pid);
    expect(await kept(second.url)).toEqual(['one']);
    expect(guardsOf(directory)).toHaveLength(1);
  });

  test('and its guard too: the next start takes the server over in a few seconds', async () => {
    const dataDir = await dataFolder('both');
    const first = owner(dataDir);
    const { url, directory } = await first.started();
    await keep(url, 'one');
    const left = postmasterPid(directory);
    signal(guardsOf(directory), 'SIGSTOP'); // so that it cannot act in between
    const guards = guardsOf(directory);
    await first.kill();
    signal(guards, 'SIGKILL');
    expect(serversOf(directory)).toContain(left);

    const began = Date.now();
    const second = await owner(dataDir).started();
    expect(Date.now() - began).toBeLessThan(5_000);
    expect(serversOf(directory)).not.toContain(left);
    expect(await kept(second.url)).toEqual(['one']);
  });

  test('and everything of it, as in a power cut: a file that names a process of now does not matter', async () => {
    const dataDir = await dataFolder('stale');
    const first = owner(dataDir);
    const { url, directory } = await first.started();
    await keep(url, 'one');
    const guards = guardsOf(directory);
    signal(guards, 'SIGKILL');
    process.kill(first.pid, 'SIGSTOP'); // nor may it start either again
    signal(serversOf(directory), 'SIGKILL');
    await first.kill();
    await until('the server has ended', () => serversOf(directory).length === 0);

    // Its process id belongs to another process of the same account now, which Postgres alone would take for the server.
    const { uid, gid } = await lstat(directory);
    const other = spawn('sleep', ['60'], { stdio: 'ignore', ...(process.getuid!() === 0 && { uid, gid }) });
    const file = path.join(directory, 'postmaster.pid');
    await writeFile(file, `${other.pid}\n${directory}\n1700000000\n5432\n\n127.0.0.1\n 1 1\nready\n`);
    if (process.getuid!() === 0) await chown(file, uid, gid);
    try {
      expect(await kept((await owner(dataDir).started()).url)).toEqual(['one']);
      expect(other.exitCode ?? other.signalCode).toBeNull();
    } finally {
      other.kill();
    }
  });

  test('during initdb: the next start makes a whole database and leaves nothing half', async () => {
    const dataDir = await dataFolder('initdb');
    const half = async (): Promise<string[]> => (await readdir(dataDir)).filter((name) => name.startsWith('postgres.init-'));
    const first = owner(dataDir);
    await until('initdb is at work', async () => processesWith('initdb').length > 0 && (await half()).length > 0);
    await first.kill();
    expect(first.messages.some((message) => message.started)).toBe(false);
    expect(await half()).toHaveLength(1);

    const { url } = await owner(dataDir).started();
    expect(await query(url, 'SELECT current_database() AS name')).toEqual([{ name: 'mailroom' }]);
    expect(await half()).toEqual([]);
  });
});

onlyWithProc('while Mailroom lives', () => {
  test('a second one on the same data folder is refused, by the process that has it', async () => {
    const dataDir = await dataFolder('two');
    const first = owner(dataDir);
    const { url } = await first.started();
    const refused = await owner(dataDir).failed();
    expect(refused.name).toBe('StartError');
    expect(refused.message).toBe(`Another Mailroom (process ${first.pid}) already uses the data folder ${dataDir}; stop it, or set MAILROOM_DATA_DIR.`);
    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('of several that start at the same time one gets it', async () => {
    const dataDir = await dataFolder('race');
    const all = [1, 2, 3, 4].map(() => owner(dataDir));
    const results = await Promise.all(all.map((one) => one.started().then(() => 'started', () => 'refused')));
    expect(results.sort()).toEqual(['refused', 'refused', 'refused', 'started']);
  });

  test('Ctrl-C in its terminal does not reach the database: each part has a session of its own', async () => {
    const dataDir = await dataFolder('session');
    const mailroom = owner(dataDir);
    const { directory } = await mailroom.started();
    const sessions = [mailroom.pid, postmasterPid(directory), ...guardsOf(directory)].map(sessionOf);
    expect(new Set(sessions).size).toBe(3);
  });

  test('a server that is killed comes back on the same port', async () => {
    const dataDir = await dataFolder('server-killed');
    const mailroom = owner(dataDir);
    const { url, directory } = await mailroom.started();
    await keep(url, 'one');
    const killed = postmasterPid(directory);
    process.kill(killed, 'SIGKILL');
    await until('it is back', async () => (await kept(url).catch(() => [])).length === 1);
    expect(postmasterPid(directory)).not.toBe(killed);
    expect(mailroom.messages.filter((message) => message.log?.level === 'error')).toHaveLength(1);

    await mailroom.kill();
    await until('its guard ends the new one too', () => serversOf(directory).length === 0 && guardsOf(directory).length === 0, 6_000);
  });

  test('a guard that is killed is replaced', async () => {
    const dataDir = await dataFolder('guard-killed');
    const { directory } = await owner(dataDir).started();
    const [killed] = guardsOf(directory);
    process.kill(killed!, 'SIGKILL');
    await until('there is another', () => guardsOf(directory).some((guard) => guard !== killed));
  });

  test('a database that cannot be made says why and where the log is, and the next start makes it', async () => {
    const dataDir = await dataFolder('limit');
    // No file may grow beyond 4 MB (512-byte blocks), as on a full disk: a WAL file has 16 MB.
    const command = `ulimit -f 8192; exec "$0" "$@"`;
    const options = JSON.stringify({ dataDir, systemDir: path.join(folder, 'system') });
    const limited = new Owner(spawn('/bin/sh', ['-c', command, process.execPath, path.join(installed, 'stand-in.mjs'), options], { stdio: 'pipe' }));
    owners.push(limited);
    const { name, message } = await limited.failed();
    expect(name).toBe('StartError');
    expect(message).toMatch(/^The database in .*limit\/postgres could not be made: .*File too large.*\(log: .*postgres\.log\)$/);
    expect((await readdir(dataDir)).filter((file) => file.startsWith('postgres.init-'))).toEqual([]);
    await owner(dataDir).started();
  });
});

const sessionOf = (pid: number): string => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]!;
};
