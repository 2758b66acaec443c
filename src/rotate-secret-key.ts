import { setTimeout as delay } from 'node:timers/promises';
import { type Config, readConfig } from './config.js';
import { connectDatabase, type Database } from './db/client.js';
import { startEmbeddedPostgres } from './embedded/postgres.js';
import { urlOfRunningPostgres } from './embedded/running.js';
import { StartError } from './errors.js';
import { createLogger, type Logger } from './logger.js';
import { type Encrypted, encryptAllAnew } from './secret-keys/rotation.js';
import { SealedColumnsRepository } from './secret-keys/sealed-columns.repository.js';
import { SecretKeysRepository } from './secret-keys/secret-keys.repository.js';
import { SecretKeysService } from './secret-keys/secret-keys.service.js';
import { addKey, keepNewestKey } from './secrets/key-file.js';
import { KeyRing } from './secrets/key-ring.js';
import { keySourceOf } from './secrets/key-source.js';

/** Longer than a transaction that writes a secret may take: one that began with the old key has ended by then. */
const TRANSACTIONS_MS = 6_000;

/**
 * `npm run rotate-secret-key`: encrypts everything that is stored encrypted with a new key, while Mailroom runs or not. The key in the data folder is
 * made and put there by it. Where MAILROOM_SECRET_KEY is set, or MAILROOM_SECRET_KEY_FILE, an operator has put the new key before the old one.
 */
async function main(): Promise<void> {
  const config = readConfig(process.env, false);
  const ownFile = config.secretKeys.length === 0;
  if (ownFile) await addKey(config.dataDir);
  else refuseOneKey(config);
  const ring = new KeyRing(await keySourceOf(config));
  const logger = createLogger({ level: 'warn', format: 'pretty' });
  await withDatabase(config, logger, (database) => rotate(database, ring));
  if (ownFile) await keepNewestKey(config.dataDir);
  console.log(ownFile ? 'The old key is gone from the data folder. Keep a copy of the new one apart from your backups.' : 'The old key is no longer needed: remove it from MAILROOM_SECRET_KEY at the next restart of each process.');
}

function refuseOneKey({ secretKeys }: Config): void {
  if (secretKeys.length > 1) return;
  throw new StartError('MAILROOM_SECRET_KEY holds one key. Set it to new,old (make a new one with: openssl rand -base64 32), restart every process with it, and run this again with the same value.');
}

async function withDatabase(config: Config, logger: Logger, work: (database: Database) => Promise<void>): Promise<void> {
  const running = config.databaseUrl ?? (await urlOfRunningPostgres(config.dataDir));
  const own = running === null ? await startEmbeddedPostgres({ dataDir: config.dataDir, logger, notice: (text) => console.log(text) }) : null;
  const database = connectDatabase(running ?? own!.url, logger, 5);
  try {
    await work(database);
  } finally {
    await database.close();
    await own?.stop();
  }
}

async function rotate(database: Database, ring: KeyRing): Promise<void> {
  const service = new SecretKeysService(database, new SecretKeysRepository(database));
  await service.register(ring);
  const columns = new SealedColumnsRepository(database);
  tell(await encryptAllAnew(columns, ring));
  console.log('Waiting for changes that are under way ...');
  await delay(TRANSACTIONS_MS);
  const late = await encryptAllAnew(columns, ring);
  if (late.some(({ encrypted }) => encrypted > 0)) tell(late);
  refuseUnreadable(late);
  await service.rotated(ring);
  console.log(`Everything is encrypted with the key ${ring.currentId} now.`);
}

function tell(results: Encrypted[]): void {
  for (const { what, encrypted } of results) console.log(`${String(encrypted).padStart(6)} ${what} encrypted anew`);
}

/** Nothing is forgotten as long as a secret is left that only an old key may open. */
function refuseUnreadable(results: Encrypted[]): void {
  const left = results.filter(({ unreadable }) => unreadable > 0).map(({ what, unreadable }) => `${unreadable} ${what}`);
  if (left.length > 0) throw new StartError(`${left.join(', ')} cannot be read with any of the keys, and were left as they are. Enter them again, then run this again; until then keep all keys.`);
}

main().catch((error: unknown) => {
  console.error(error instanceof StartError ? `The key was not changed wholly: ${error.message}` : error);
  process.exit(1);
});
