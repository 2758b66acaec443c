import { keyFileOf, keyFromFile, keysInFile } from './key-file.js';

/**
 * Where the keys of a ring come from: the file that MAILROOM_SECRET_KEY_FILE names, the variable itself, or the data folder. A file is read again when it
 * matters, so that a new key reaches a process that runs.
 * @throws StartError
 */
export async function keySourceOf({ secretKeys, secretKeyFile, dataDir }: { secretKeys: readonly string[]; secretKeyFile: string | null; dataDir: string }): Promise<() => readonly string[]> {
  if (secretKeyFile !== null) return () => keysInFile(secretKeyFile);
  if (secretKeys.length > 0) return () => secretKeys;
  await keyFromFile(dataDir);
  return () => keysInFile(keyFileOf(dataDir));
}
