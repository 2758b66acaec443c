/**
 * Stands in for Mailroom's process: starts the embedded Postgres with the options in its first argument and tells on stdout, one JSON object a
 * line, what happened. Stops it at the end of stdin or on SIGTERM.
 */
import { startEmbeddedPostgres } from './embedded/postgres.js';

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const log = (level) => (details, text) => say({ log: { level, details, text } });
const logger = { info: log('info'), warn: log('warn'), error: log('error'), debug: log('debug') };

try {
  const postgres = await startEmbeddedPostgres({ ...JSON.parse(process.argv[2]), logger, notice: (text) => say({ notice: text }) });
  const stop = async () => {
    await postgres.stop();
    say({ stopped: true });
    process.exit(0);
  };
  process.stdin.on('end', stop).resume();
  process.on('SIGTERM', stop);
  process.on('SIGINT', () => undefined);
  say({ started: { url: postgres.url, directory: postgres.directory, port: postgres.port } });
} catch (error) {
  say({ failed: { name: error.name, message: error.message, stack: error.stack } });
  process.exitCode = 1;
}
