import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { StartError } from '../errors.js';

/** `postgres-location.json`, kept in a data folder whose database is elsewhere. */
export interface Location {
  cluster: string;
  /** The real path of the data folder that it was made for. */
  dataFolder: string;
  /** Whether a database was ever made there: if so, and it is gone, an empty one must not silently take its place. */
  made: boolean;
}

const locationFile = (dataFolder: string): string => path.join(dataFolder, 'postgres-location.json');

export async function readLocation(dataFolder: string): Promise<Location | undefined> {
  try {
    return JSON.parse(await readFile(locationFile(dataFolder), 'utf8')) as Location;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new StartError(`${locationFile(dataFolder)}, which says where the database is, cannot be read.`, { cause });
  }
}

/** Replaced in one step, so that a kill leaves the old or the new record. */
export async function writeLocation(dataFolder: string, location: Location): Promise<void> {
  const aside = `${locationFile(dataFolder)}.new`;
  await writeFile(aside, `${JSON.stringify(location, null, 2)}\n`, { mode: 0o644, flush: true });
  await rename(aside, locationFile(dataFolder));
}
