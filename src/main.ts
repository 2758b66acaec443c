import { readConfig } from './config.js';
import { StartError } from './errors.js';
import { createLogger } from './logger.js';
import { type Mailroom, start } from './start.js';
import { welcome } from './welcome.js';

/** A stop that hangs is ended by force; the embedded Postgres then stops by itself. */
const STOP_LIMIT_MS = 9_800;
/** Ctrl-C reaches each process of a terminal, and npm passes its own on: signals so close together are one request. */
const ONE_REQUEST_MS = 1_000;

async function main(): Promise<void> {
  const config = readConfig(process.env, process.stdout.isTTY === true);
  const logger = createLogger({ level: config.logLevel, format: config.logFormat });
  for (const name of config.unknownVariables) logger.warn(`${name} is not a variable of Mailroom; it has no effect`);
  let mailroom: Mailroom | null = null;
  let askedAt: number | null = null;
  const stop = (signal: string): void => {
    // Asked twice, or before it is ready: at once. (The first process of a container gets only the signals that it handles.)
    if (askedAt !== null && performance.now() - askedAt < ONE_REQUEST_MS) return;
    if (askedAt !== null || mailroom === null) process.exit(1);
    askedAt = performance.now();
    logger.info({ signal }, 'stopping: running work ends first');
    setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref();
    void mailroom.stop().then(() => process.exit(0), (error: unknown) => {
      logger.error({ err: error }, 'the stop failed');
      process.exit(1);
    });
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  mailroom = await start(config, logger, (text) => console.log(text));
  console.log(welcome(config, mailroom));
}

main().catch((error: unknown) => {
  console.error(error instanceof StartError ? `Mailroom cannot start: ${error.message}` : error);
  process.exit(1);
});
