import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { StartError } from '../errors.js';
import type { Logger } from '../logger.js';
import { giveToOwner } from './account.js';
import { provideBinaries } from './binaries.js';
import { provideCluster } from './cluster.js';
import { Guard } from './guard.js';
import { endLeftover } from './leftover.js';
import { lockDataFolder, type Lock } from './lock.js';
import { LogFile } from './log-file.js';
import { findPlace, openDataFolder, recordPlace, type Place } from './place.js';
import { DATABASE, ROLE, type ServerSettings } from './settings.js';
import { Supervisor } from './supervisor.js';

export interface EmbeddedPostgres {
  /** `postgres://` URL of the database `mailroom` as the role `mailroom`, its owner; over TCP on 127.0.0.1. Holds the password. */
  url: string;
  /** The database's own folder (PGDATA). */
  directory: string;
  port: number;
  /** Shuts the server down, also with open connections; within 10 s. To be called last, when nothing uses the database any more. */
  stop(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** MAILROOM_DATA_DIR, absolute or relative; made when missing (0700). */
  dataDir: string;
  logger: Logger;
  /** Takes one plain sentence for people, e.g. where the database lives when it is not in `dataDir`. */
  notice: (text: string) => void;
  /** As root: where a database is kept whose account cannot enter `dataDir`. */
  systemDir?: string;
  /** Of Postgres, beside Mailroom's or instead of them. */
  settings?: ServerSettings;
}

/**
 * Starts the Postgres of the default configuration, making its database at the first start. It runs in a session of its own and ends with
 * Mailroom: by `stop()`, or, when Mailroom is killed, by a guard process.
 * @throws StartError in one plain line.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const dataFolder = await openDataFolder(options.dataDir);
  let lock: Lock | undefined;
  try {
    lock = await lockDataFolder(dataFolder);
    return await startLocked(dataFolder, lock, options);
  } catch (error) {
    await lock?.release();
    throw asStartError(error, dataFolder);
  }
}

/** What no step foresaw, such as a full disk or files of another owner in the data folder. */
function asStartError(error: unknown, dataFolder: string): unknown {
  const { syscall, message } = error as NodeJS.ErrnoException;
  if (error instanceof StartError || syscall === undefined) return error;
  return new StartError(`The embedded Postgres in the data folder ${dataFolder} cannot be started: ${message}`, { cause: error });
}

async function startLocked(dataFolder: string, lock: Lock, options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const place = await findPlace(dataFolder, options.systemDir ?? '/var/lib/mailroom');
  tellPlace(place, options);
  const log = await LogFile.open(path.join(dataFolder, 'postgres.log'));
  await giveToOwner(log.path, dataFolder);
  try {
    return await startIn(place, log, lock, options);
  } catch (error) {
    await log.close();
    throw error;
  }
}

async function startIn(place: Place, log: LogFile, lock: Lock, { logger, settings }: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const binaries = await provideBinaries(place.store, place.account);
  await endLeftover(place.cluster, logger);
  const password = await provideCluster(place, binaries, log);
  await recordPlace(place);

  const name = `mailroom-${randomBytes(8).toString('hex')}`;
  const guard = new Guard(place.cluster, name, place.account, logger);
  const server = await Supervisor.start({ place, binaries, log, name, settings }, logger).catch(async (error: unknown) => {
    await guard.release();
    throw error;
  });
  logger.info({ directory: place.cluster, port: server.port, pid: server.pid }, 'The embedded Postgres is running');

  let stopped: Promise<void> | undefined;
  return {
    url: `postgres://${ROLE}:${password}@127.0.0.1:${server.port}/${DATABASE}`,
    directory: place.cluster,
    port: server.port,
    stop: () => (stopped ??= stop(server, guard, log, lock)),
  };
}

/** The guard goes after the server: a kill in between leaves no server unguarded. The lock goes last. */
async function stop(server: Supervisor, guard: Guard, log: LogFile, lock: Lock): Promise<void> {
  await server.stop();
  await guard.release();
  await log.close();
  await lock.release();
}

function tellPlace({ dataFolder, store, cluster, account }: Place, { notice }: EmbeddedPostgresOptions): void {
  if (store === dataFolder || !account) return;
  notice(`The database is kept in ${cluster}, because Postgres runs as account ${account.uid}, not as root, and that account cannot enter ${dataFolder}.`);
}
