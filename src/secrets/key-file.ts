import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StartError } from '../errors.js';

const FILE = 'secret-key';

/**
 * The key of an installation that was given none: `<dataDir>/secret-key`, 0600, made at the first start. Losing it means entering the
 * stored passwords again.
 */
export async function keyFromFile(dataDir: string): Promise<string> {
  const file = join(dataDir, FILE);
  try {
    return await readFile(file, 'utf8').then((text) => text.trim()).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      await mkdir(dataDir, { recursive: true, mode: 0o700 });
      return create(file);
    });
  } catch (cause) {
    throw new StartError(`The secret key ${file} cannot be read or made: ${(cause as Error).message}`, { cause });
  }
}

/** Written whole before it gets its name, so that a process that dies leaves no half key and two that start at once share one. */
async function create(file: string): Promise<string> {
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'w' });
  try {
    await link(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
  return (await readFile(file, 'utf8')).trim();
}
