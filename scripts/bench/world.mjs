// What every measure needs: a Postgres, the embedded one as `npm start` runs it, and a Redis when there is one.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { migrate } from '../../dist/db/migrate.js';
import { startEmbeddedPostgres } from '../../dist/embedded/postgres.js';
import { createLogger } from '../../dist/logger.js';
import { end, freePort, HOST, programOnPath, until } from './processes.mjs';

export async function startWorld() {
  const folder = mkdtempSync(path.join(tmpdir(), 'mailroom-bench-'));
  const logger = createLogger({ level: 'silent', format: 'json' });
  const postgres = await startEmbeddedPostgres({ dataDir: folder, logger, notice: () => undefined });
  const redis = await startRedis();
  let databases = 0;
  return {
    redisUrl: redis?.url ?? null,
    redisName: redis?.name ?? null,
    /** A database of its own for a measure, with the subscriptions that its events are for. */
    database: async () => {
      const name = `bench_${(databases += 1)}`;
      await query(postgres.url, `CREATE DATABASE ${name}`);
      const url = new URL(postgres.url);
      url.pathname = name;
      await migrate(url.href);
      const client = new pg.Client({ connectionString: url.href });
      await client.connect();
      return {
        url: url.href,
        query: async (sql, values) => (await client.query(sql, values)).rows,
        drop: async () => {
          await client.end();
          await query(postgres.url, `DROP DATABASE ${name} WITH (FORCE)`).catch(() => undefined); // the whole server goes at the end
        },
      };
    },
    end: async () => {
      await redis?.end();
      await postgres.stop();
      for (const place of [postgres.directory, folder]) rmSync(place, { recursive: true, force: true });
    },
  };
}

async function query(url, sql) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

/** That of REDIS_URL, else one of our own, else none. */
async function startRedis() {
  if (process.env.REDIS_URL) return { url: process.env.REDIS_URL, name: 'Redis of REDIS_URL', end: async () => undefined };
  const program = programOnPath('redis-server');
  if (program === null) return null;
  const port = await freePort();
  const child = spawn(program, ['--port', port, '--bind', HOST, '--save', '', '--appendonly', 'no', '--daemonize', 'no'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => { output += text; });
  await until(() => output.includes('Ready to accept connections'), 'redis-server is ready', 10);
  return { url: `redis://${HOST}:${port}`, name: 'redis-server', end: () => end(child) };
}

/** Subscribers of a fan-out, and one of single events. */
export const FAN_OUT = 'PasswordCheckFailed';
export const SINGLE = 'ApplianceHealthy';

export async function subscribe(database, count) {
  await database.query(`
    INSERT INTO subscriptions (id, email_address, email_key, all_events, event_types, updated_by)
    SELECT uuid_v7(), 'subscriber' || n || '@example.com', 'subscriber' || n || '@example.com', false, ARRAY[CASE WHEN n = 0 THEN $2 ELSE $3 END], 'benchmark'
    FROM generate_series(0, $1::int) n`, [count, SINGLE, FAN_OUT]);
  await database.query('VACUUM ANALYZE subscriptions');
}
