import path from 'node:path';
import { isPostmaster, readPostmasterFile } from './leftover.js';
import { readLocation } from './location.js';
import { readPassword } from './password.js';
import { openDataFolder } from './place.js';
import { DATABASE, ROLE } from './settings.js';

/** The URL of the Postgres that a Mailroom runs in this data folder now, for a second process beside it; null when none runs. */
export async function urlOfRunningPostgres(dataDir: string): Promise<string | null> {
  const dataFolder = await openDataFolder(dataDir);
  const cluster = (await readLocation(dataFolder))?.cluster ?? path.join(dataFolder, 'postgres');
  const [server, password] = await Promise.all([readPostmasterFile(cluster), readPassword(dataFolder)]);
  if (server === undefined || password === undefined || !server.ready || !(await isPostmaster(server.pid, cluster))) return null;
  return `postgres://${ROLE}:${password}@127.0.0.1:${server.port}/${DATABASE}`;
}
