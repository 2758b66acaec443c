import { randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { giveToOwner } from './account.js';

const passwordFile = (dataFolder: string): string => path.join(dataFolder, 'postgres-password');

/** 256 bits, in characters that need no quoting in SQL or in a URL. */
export const newPassword = (): string => randomBytes(32).toString('base64url');

/** The database's password, or undefined when it was not made yet or was lost. */
export async function readPassword(dataFolder: string): Promise<string | undefined> {
  try {
    return (await readFile(passwordFile(dataFolder), 'utf8')).trim() || undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export async function writePassword(dataFolder: string, password: string): Promise<void> {
  const aside = `${passwordFile(dataFolder)}.new`;
  await writeFile(aside, `${password}\n`, { mode: 0o600, flush: true });
  await giveToOwner(aside, dataFolder);
  await rename(aside, passwordFile(dataFolder));
}
