import type { Config } from './config.js';
import { type Container, createContainer } from './container.js';
import { migrate } from './db/migrate.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded/postgres.js';
import { type Listener, listen } from './http/listen.js';
import type { Logger } from './logger.js';
import { SecretKeysRepository } from './secret-keys/secret-keys.repository.js';
import { SecretKeysService } from './secret-keys/secret-keys.service.js';
import { KeyRing } from './secrets/key-ring.js';
import { keySourceOf } from './secrets/key-source.js';

export interface Mailroom {
  /** null in a worker that does not listen. */
  url: string | null;
  /** The administrator key, when this start made it. */
  firstKey: string | null;
  /** Lets running requests and mails end, and closes everything, the database last; within 10 s. */
  stop(): Promise<void>;
}

/** Of the 10 s that a stop may take; what is left is for the database. */
const GRACE_MS = 6_000;

/**
 * Starts everything that the role asks for; what was started is stopped again when a later step fails.
 * @param notice takes sentences for people
 * @throws StartError in one line
 */
export async function start(config: Config, logger: Logger, notice: (text: string) => void): Promise<Mailroom> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (let last = stops.pop(); last; last = stops.pop()) await last();
  };
  try {
    const database = config.databaseUrl === null ? await startEmbeddedPostgres({ dataDir: config.dataDir, logger, notice }) : null;
    if (database) stops.push(() => database.stop());
    return await startOn(databaseUrlOf(config, database), config, logger, stops, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startOn(databaseUrl: string, config: Config, logger: Logger, stops: (() => Promise<void>)[], stop: () => Promise<void>): Promise<Mailroom> {
  const keys = new KeyRing(await keySourceOf(config));
  let container!: Container;
  let firstKey: string | null = null;
  const migrated = await migrate(databaseUrl, async () => {
    container = await createContainer({ config, databaseUrl, keys, logger });
    stops.push(() => container.close(GRACE_MS));
    await new SecretKeysService(container.database, new SecretKeysRepository(container.database)).register(keys);
    if (config.role !== 'worker') firstKey = await container.apiKeys.ensureAdministrator(config.adminKey);
  });
  if (migrated.length > 0) logger.info({ migrations: migrated }, 'the database was migrated');
  const listener = config.listens ? await listen(container.app, config.host, config.port) : null;
  await container.startWorkers();
  if (listener) stops.push(closing(listener));
  return { url: listener?.url ?? null, firstKey, stop };
}

const databaseUrlOf = (config: Config, embedded: EmbeddedPostgres | null): string => embedded?.url ?? config.databaseUrl!;

const closing = (listener: Listener) => (): Promise<void> => listener.close(GRACE_MS / 3);
