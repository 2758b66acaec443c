import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { chown, link, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StartError } from '../errors.js';

const FILE = 'secret-key';
const SHORTEST_KEY = 16;

export const keyFileOf = (dataDir: string): string => join(dataDir, FILE);

/** The keys in a file, the newest first, with commas between them; none while it cannot be read or one of them is too short to be a key. */
export function keysInFile(file: string): string[] {
  try {
    const keys = readFileSync(file, 'utf8').split(',').map((key) => key.trim()).filter(Boolean);
    return keys.every((key) => key.length >= SHORTEST_KEY) ? keys : [];
  } catch {
    return [];
  }
}

/** Puts a new key before the one in the data folder's file; not when a key was put there before, whose work has not ended. */
export async function addKey(dataDir: string): Promise<void> {
  await keyFromFile(dataDir);
  const keys = keysInFile(keyFileOf(dataDir));
  if (keys.length === 1) await replace(keyFileOf(dataDir), [newKey(), ...keys]);
}

/** Forgets all keys but the newest. */
export async function keepNewestKey(dataDir: string): Promise<void> {
  await replace(keyFileOf(dataDir), keysInFile(keyFileOf(dataDir)).slice(0, 1));
}

/** Whole, in one step, and for the same account as before. */
async function replace(file: string, keys: string[]): Promise<void> {
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  const { uid, gid } = await stat(file);
  await writeFile(draft, `${keys.join(',')}\n`, { mode: 0o600, flag: 'wx', flush: true });
  await chown(draft, uid, gid);
  await rename(draft, file);
}

const newKey = (): string => randomBytes(32).toString('base64');

/**
 * The key of an installation that was given none: `<dataDir>/secret-key`, 0600, made at the first start. Losing it means entering the
 * stored passwords again.
 */
export async function keyFromFile(dataDir: string): Promise<string> {
  const file = keyFileOf(dataDir);
  try {
    return await read(file).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      await mkdir(dataDir, { recursive: true, mode: 0o700 });
      return create(file);
    });
  } catch (cause) {
    throw new StartError(`The secret key ${file} cannot be read or made: ${(cause as Error).message}`, { cause });
  }
}

/** A file that lost its content, as a power cut can leave it, must not become a key that anybody could derive. */
async function read(file: string): Promise<string> {
  const key = (await readFile(file, 'utf8')).trim();
  if (keysInFile(file).length === 0) throw new Error('it holds no key; restore it from a backup, or remove it and enter the stored passwords again');
  return key;
}

/** Written whole, and to the disk, before it gets its name, so that a process that dies leaves no half key and two that start at once share one. */
async function create(file: string): Promise<string> {
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  await writeFile(draft, `${newKey()}\n`, { mode: 0o600, flag: 'w', flush: true });
  try {
    await link(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
  return read(file);
}
