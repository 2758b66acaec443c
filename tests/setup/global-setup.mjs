// One real Postgres for the run: Mailroom's own, in a temporary folder, unless MAILROOM_TEST_DATABASE_URL names a server on which
// databases may be made. Each test file gets a database of its own, copied from a migrated template (tests/setup/database.ts).
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { pino } from 'pino';
import { startEmbeddedPostgres } from '../../dist/embedded/postgres.js';
import { migrate } from '../../dist/db/migrate.js';
import { RECORD } from '../contract/record.mjs';

/** A Mailroom takes up to 22, and a test file may have several: Postgres' own 100 would turn them away when the machine is slow. */
const CONNECTIONS = { max_connections: '500' };
const TEMPLATE = `mailroom_template_${process.pid}`;

export default async function setUp() {
  const url = process.env.MAILROOM_TEST_DATABASE_URL ?? (await ownServer());
  await onServer(url, (client) => client.query(`CREATE DATABASE ${TEMPLATE}`));
  const template = new URL(url);
  template.pathname = TEMPLATE;
  await migrate(template.href);
  process.env.MAILROOM_TEST_DATABASE_URL = url;
  process.env.MAILROOM_TEST_TEMPLATE = TEMPLATE;
  globalThis.mailroomTestRun = { ...globalThis.mailroomTestRun, url, template: TEMPLATE, record: await newRecord() };
}

/** Written also by processes that run as another account. */
async function newRecord() {
  const file = join(tmpdir(), `mailroom-contract-${process.pid}.jsonl`);
  await writeFile(file, '');
  await chmod(file, 0o666);
  return (process.env[RECORD] = file);
}

async function ownServer() {
  const dataDir = await mkdtemp(join(tmpdir(), 'mailroom-tests-'));
  const postgres = await startEmbeddedPostgres({ dataDir, logger: pino({ level: 'silent' }), notice: () => undefined, settings: CONNECTIONS });
  globalThis.mailroomTestRun = {
    stop: async () => {
      await postgres.stop();
      await Promise.all([dataDir, postgres.directory].map((folder) => rm(folder, { recursive: true, force: true })));
    },
  };
  return postgres.url;
}

export async function onServer(url, work) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
