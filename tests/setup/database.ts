import { randomBytes } from 'node:crypto';
import pg from 'pg';

export interface TestDatabase {
  url: string;
  drop(): Promise<void>;
}

/** A migrated database of one's own, copied from the run's template in some 30 ms. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const server = process.env['MAILROOM_TEST_DATABASE_URL']!;
  const name = `test_${randomBytes(6).toString('hex')}`;
  await query(server, `CREATE DATABASE ${name} TEMPLATE ${process.env['MAILROOM_TEST_TEMPLATE']}`);
  const url = new URL(server);
  url.pathname = name;
  await query(url.href, 'UPDATE installation SET installation_id = gen_random_uuid()'); // a copy is an installation of its own
  return { url: url.href, drop: () => dropDatabase(server, name) };
}

/**
 * FORCE ends the connections of our own role, but is refused while an autovacuum works there, which is the superuser's: a plain DROP makes
 * that one stop, and waits for it.
 */
export async function dropDatabase(server: string, name: string): Promise<void> {
  const deadline = Date.now() + DROP_DEADLINE_MS;
  for (let how = ' WITH (FORCE)'; ; how = how === '' ? ' WITH (FORCE)' : '') {
    try {
      return await query(server, `DROP DATABASE IF EXISTS ${name}${how}`);
    } catch (error) {
      if (!BUSY.has((error as { code?: string }).code ?? '') || Date.now() > deadline) throw error;
    }
  }
}

/** insufficient_privilege (an autovacuum is there), object_in_use */
const BUSY = new Set(['42501', '55006']);
const DROP_DEADLINE_MS = 20_000;

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
