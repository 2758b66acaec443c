import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StartError } from '../errors.js';

const FILE = 'secret-key';
const SHORTEST_KEY = 16;

/**
 * The key of an installation that was given none: `<dataDir>/secret-key`, 0600, made at the first start. Losing it means entering the
 * stored passwords again.
 */
export async function keyFromFile(dataDir: string): Promise<string> {
  const file = join(dataDir, FILE);
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
  if (key.length < SHORTEST_KEY) throw new Error('it holds no key; restore it from a backup, or remove it and enter the stored passwords again');
  return key;
}

/** Written whole, and to the disk, before it gets its name, so that a process that dies leaves no half key and two that start at once share one. */
async function create(file: string): Promise<string> {
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  await writeFile(draft, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'w', flush: true });
  try {
    await link(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
  return read(file);
}
