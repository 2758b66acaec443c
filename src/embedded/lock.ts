import { randomUUID } from 'node:crypto';
import { link, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { StartError } from '../errors.js';
import { findProcess, processRealm } from './process-info.js';

/**
 * The lock on a data folder: a file `lock.<generation>` that names its holder by process id AND start time, so that a file left by a killed
 * process, or by one before a reboot, locks nothing.
 *
 * The highest generation counts, and it is never removed, only replaced by a higher one. Taking over is therefore one exclusive creation, which
 * exactly one of several starts wins; there is no moment between "remove the stale lock" and "make mine".
 */
export interface Lock {
  release(): Promise<void>;
}

interface Holder {
  pid: number;
  started: string;
  realm: string;
  released: boolean;
}

const HEARTBEAT_MS = 1_000;
const WATCH_MS = 3_500;
const LONG_SILENT_MS = 60_000;

/** @throws StartError naming the process that holds the folder. */
export async function lockDataFolder(folder: string): Promise<Lock> {
  for (;;) {
    const current = await highestGeneration(folder);
    if (current > 0) await refuseWhenHeld(folder, current);
    if (await claim(folder, current + 1)) return hold(folder, current + 1);
  }
}

async function refuseWhenHeld(folder: string, generation: number): Promise<void> {
  const file = lockFile(folder, generation);
  const holder = await readHolder(file);
  if (!holder || holder.released || !(await isAlive(holder, file))) return;
  throw new StartError(`Another Mailroom (process ${holder.pid}) already uses the data folder ${folder}; stop it, or set MAILROOM_DATA_DIR.`);
}

/** A holder of another boot or container cannot be looked up by its id; it shows that it lives by touching its file every second. */
async function isAlive(holder: Holder, file: string): Promise<boolean> {
  if (holder.realm !== processRealm()) return isTouched(file);
  const found = findProcess(holder.pid);
  return found !== undefined && (found.started === '' || found.started === holder.started);
}

async function isTouched(file: string): Promise<boolean> {
  const before = await modified(file);
  if (Date.now() - before > LONG_SILENT_MS) return false;
  const deadline = Date.now() + WATCH_MS;
  while (Date.now() < deadline) {
    if ((await modified(file)) !== before) return true;
    await delay(100);
  }
  return false;
}

/** Made aside and linked into place, so that a reader never sees half a file and two claimants never both succeed. */
async function claim(folder: string, generation: number): Promise<boolean> {
  const aside = await writeAside(folder, false);
  try {
    await link(aside, lockFile(folder, generation));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(aside, { force: true });
  }
  // A slow claimant may create a generation that was passed and tidied away meanwhile: the higher one counts.
  if ((await highestGeneration(folder)) === generation) return true;
  await rm(lockFile(folder, generation), { force: true });
  return false;
}

async function hold(folder: string, generation: number): Promise<Lock> {
  const file = lockFile(folder, generation);
  for (const older of (await generations(folder)).filter((number) => number < generation)) await rm(lockFile(folder, older), { force: true });
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => clearInterval(heartbeat)); // the folder was removed under us: there is nothing left to lock
  }, HEARTBEAT_MS).unref();
  return {
    async release() {
      clearInterval(heartbeat);
      await writeAside(folder, true).then((aside) => rename(aside, file), ignoreMissing);
    },
  };
}

async function writeAside(folder: string, released: boolean): Promise<string> {
  const file = path.join(folder, `.lock-${randomUUID()}`);
  const holder: Holder = { pid: process.pid, started: findProcess(process.pid)?.started ?? '', realm: processRealm(), released };
  await writeFile(file, `${JSON.stringify(holder)}\n`, { mode: 0o644, flag: 'wx' });
  return file;
}

async function readHolder(file: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Holder;
  } catch (error) {
    // Passed by a higher generation, or emptied by a power cut: either way nobody holds this one.
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function modified(file: string): Promise<number> {
  return stat(file).then((found) => found.mtimeMs, () => 0);
}

async function highestGeneration(folder: string): Promise<number> {
  return Math.max(0, ...(await generations(folder)));
}

async function generations(folder: string): Promise<number[]> {
  return (await readdir(folder)).flatMap((name) => /^lock\.(\d+)$/.exec(name)?.[1] ?? []).map(Number);
}

function lockFile(folder: string, generation: number): string {
  return path.join(folder, `lock.${generation}`);
}

/** A folder that was removed meanwhile has no lock any more. */
function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
