import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { lockDataFolder } from '../../src/embedded/lock.js';
import { findProcess, processRealm } from '../../src/embedded/process-info.js';
import { makeTemporaryFolder } from './install.js';

let folder: string;
beforeEach(async () => { folder = await makeTemporaryFolder(); });
afterEach(() => rm(folder, { recursive: true, force: true }));

const started = (pid: number): string => findProcess(pid)!.started;
const leave = (generation: number, holder: object): Promise<void> => writeFile(path.join(folder, `lock.${generation}`), JSON.stringify(holder));
const files = (): Promise<string[]> => readdir(folder);

test('a lock is held until it is released, and can be taken again', async () => {
  const lock = await lockDataFolder(folder);
  await expect(lockDataFolder(folder)).rejects.toThrow(`process ${process.pid}`);
  await lock.release();
  await (await lockDataFolder(folder)).release();
});

test.each([['no lock yet', 0], ['a stale one', 7]])('of many claims at once exactly one wins: %s', async (_, generation) => {
  if (generation) await leave(generation, { pid: process.pid, started: 'long ago', realm: processRealm(), released: false });
  const results = await Promise.allSettled(Array.from({ length: 30 }, () => lockDataFolder(folder)));
  const won = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
  expect(won).toHaveLength(1);
  expect(await files()).toEqual([`lock.${generation + 1}`]);
  await won[0]!.release();
});

test('a process that has the id of a dead holder is not taken for it', async () => {
  await leave(3, { pid: process.ppid, started: `${started(process.ppid)}0`, realm: processRealm(), released: false });
  await (await lockDataFolder(folder)).release();
});

test('a living holder is known by its id and start time', async () => {
  await leave(3, { pid: process.ppid, started: started(process.ppid), realm: processRealm(), released: false });
  await expect(lockDataFolder(folder)).rejects.toThrow(`process ${process.ppid}`);
});

test('a file that a power cut emptied holds nothing', async () => {
  await writeFile(path.join(folder, 'lock.2'), '');
  await (await lockDataFolder(folder)).release();
});

test('a holder in another container is alive while it touches its file', async () => {
  await leave(1, { pid: 1, started: '1', realm: 'elsewhere', released: false });
  const beat = setInterval(() => void utimes(path.join(folder, 'lock.1'), new Date(), new Date()).catch(() => undefined), 200);
  try {
    await expect(lockDataFolder(folder)).rejects.toThrow('process 1');
  } finally {
    clearInterval(beat);
  }
});

test('a holder of before a reboot is dead: at once when long silent, else after being watched', async () => {
  await leave(1, { pid: process.pid, started: started(process.pid), realm: 'the boot before', released: false });
  const began = Date.now();
  await (await lockDataFolder(folder)).release();
  expect(Date.now() - began).toBeLessThan(6_000);

  await leave(9, { pid: process.pid, started: started(process.pid), realm: 'the boot before', released: false });
  const hourAgo = new Date(Date.now() - 3_600_000);
  await utimes(path.join(folder, 'lock.9'), hourAgo, hourAgo);
  const again = Date.now();
  const lock = await lockDataFolder(folder);
  expect(Date.now() - again).toBeLessThan(1_000);
  expect(JSON.parse(await readFile(path.join(folder, 'lock.10'), 'utf8'))).toMatchObject({ pid: process.pid, released: false });
  await lock.release();
});
