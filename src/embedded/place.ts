import { createHash } from 'node:crypto';
import { access, chmod, constants, lstat, mkdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { StartError } from '../errors.js';
import { canReach, chooseAccount, ownerOf, runsAsRoot } from './account.js';
import { readLocation, writeLocation, type Location } from './location.js';
import type { Account } from './run.js';

/** Where one data folder's database is, and who runs it. */
export interface Place {
  dataFolder: string;
  /** Postgres' own data folder (PGDATA), 0700, owned by the account. */
  cluster: string;
  /** The folder that holds `cluster` and, if needed, a copy of the programs: reachable by the account. */
  store: string;
  /** Undefined: Mailroom's own account, which is not root. */
  account: Account | undefined;
}

/** Makes the data folder (0700) when it is missing. Answers its real path. @throws StartError when it cannot be used. */
export async function openDataFolder(folder: string): Promise<string> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return await realpath(folder);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? '';
    const reason = code === 'EEXIST' || code === 'ENOTDIR' ? 'it is not a folder' : `it cannot be written (${code})`;
    throw new StartError(`The data folder ${path.resolve(folder)} cannot be used: ${reason}; set MAILROOM_DATA_DIR.`, { cause });
  }
}

/** Finds the place of the database, or chooses one for a new database. */
export async function findPlace(dataFolder: string, systemFolder: string): Promise<Place> {
  const local = path.join(dataFolder, 'postgres');
  if (!runsAsRoot()) return ownPlace(dataFolder, local);
  const recorded = await readLocation(dataFolder);
  if (recorded) return recordedPlace(dataFolder, recorded);
  if (await exists(local)) return existingPlace(dataFolder, local);

  const account = await chooseAccount(dataFolder);
  if (await canReach(dataFolder, account)) return { dataFolder, cluster: local, store: dataFolder, account };
  return placeElsewhere(dataFolder, systemFolder, account);
}

/** To be called when the database is there: from now on its absence is an error. */
export async function recordPlace({ dataFolder, cluster, store }: Place): Promise<void> {
  if (store !== dataFolder) await writeLocation(dataFolder, { cluster, dataFolder, made: true });
}

async function ownPlace(dataFolder: string, cluster: string): Promise<Place> {
  const recorded = await readLocation(dataFolder);
  if (recorded) throw new StartError(`The database of ${dataFolder} is in ${recorded.cluster}, made when Mailroom ran as root; start it as root again.`);
  if (await exists(cluster)) {
    const { uid } = await lstat(cluster);
    if (uid !== process.getuid?.()) throw new StartError(`The database folder ${cluster} belongs to another account (uid ${uid}); start Mailroom as that account or as root.`);
  }
  return { dataFolder, cluster, store: dataFolder, account: undefined };
}

async function existingPlace(dataFolder: string, cluster: string): Promise<Place> {
  const account = await ownerOf(cluster);
  if (await canReach(dataFolder, account)) return { dataFolder, cluster, store: dataFolder, account };
  throw new StartError(`The database ${cluster} belongs to account ${account.uid}, which cannot enter ${dataFolder}; allow it with chmod o+x on that folder and its parents.`);
}

async function recordedPlace(dataFolder: string, { cluster, dataFolder: made, made: isMade }: Location): Promise<Place> {
  if (await isCopyOf(made, dataFolder, cluster)) {
    throw new StartError(`The data folder ${dataFolder} is a copy of ${made}, and both name the database ${cluster}; remove postgres-location.json in the copy to give it one of its own.`);
  }
  const there = await exists(cluster);
  if (isMade && !there) {
    throw new StartError(`The database ${cluster} of the data folder ${dataFolder} is gone; restore it, or remove postgres-location.json there to begin with an empty one.`);
  }
  await writeLocation(dataFolder, { cluster, dataFolder, made: isMade });
  await makeStore(path.dirname(cluster));
  return { dataFolder, cluster, store: path.dirname(cluster), account: there ? await ownerOf(cluster) : await chooseAccount(dataFolder) };
}

/** A data folder that was moved keeps its database; of two that name the same one, only the first has it. */
async function isCopyOf(original: string, dataFolder: string, cluster: string): Promise<boolean> {
  if (original === dataFolder || !(await exists(original))) return false;
  const [a, b] = await Promise.all([stat(original), stat(dataFolder)]);
  if (a.ino === b.ino && a.dev === b.dev) return false; // the same folder by another path
  return (await readLocation(original))?.cluster === cluster;
}

/** The record is written first, so that a killed first start goes on in the same place. */
async function placeElsewhere(dataFolder: string, systemFolder: string, account: Account): Promise<Place> {
  await makeStore(systemFolder);
  const name = createHash('sha256').update(dataFolder).digest('hex').slice(0, 12);
  let cluster = path.join(systemFolder, name);
  // A database without its data folder is left alone: somebody may still want it, and its password and keys are not ours.
  for (let next = 2; await exists(cluster); next += 1) cluster = path.join(systemFolder, `${name}-${next}`);
  await writeLocation(dataFolder, { cluster, dataFolder, made: false });
  return { dataFolder, cluster, store: systemFolder, account };
}

async function makeStore(folder: string): Promise<void> {
  try {
    const first = await mkdir(folder, { recursive: true });
    // Whatever the umask is, the account must get through every folder made here.
    for (let made = folder; first && made.length >= first.length; made = path.dirname(made)) await chmod(made, 0o755);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? '';
    throw new StartError(`${folder}, for the database of a data folder that only root can enter, cannot be made (${code}); start Mailroom as another user, or set DATABASE_URL.`, { cause });
  }
}

async function exists(file: string): Promise<boolean> {
  return lstat(file).then(() => true, (error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return false;
    throw error;
  });
}
