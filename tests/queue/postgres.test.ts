import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { jobKind } from '../../src/queue/job-queue.js';
import { createTestDatabase } from '../setup/database.js';
import { Bench, eventually, into, type BackEndUnderTest } from './bench.js';
import { describeJobQueue } from './conformance.js';
import { relayed } from '../setup/tcp-relay.js';

const kind = jobKind<{ id: number }>('postgres', 2);

async function query(url: string, sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql, values)).rows;
  } finally {
    await client.end();
  }
}

async function makePostgres(): Promise<BackEndUnderTest> {
  const database = await createTestDatabase();
  const { relay, url } = await relayed(database.url, 5432);
  return {
    backEnd: { type: 'postgres', url },
    relay,
    loseData: async () => void (await query(database.url, 'TRUNCATE bullmq.job, bullmq.event, bullmq.meta, bullmq.dedup CASCADE')),
    close: async () => {
      await relay.close();
      await database.drop();
    },
  };
}

describeJobQueue('Postgres back end', makePostgres);

describe('Postgres back end, beyond the contract', () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let bench: Bench;
  const connections = (): Promise<Record<string, unknown>[]> =>
    query(database.url, `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`);

  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(async () => {
    await database?.drop();
  });
  beforeEach(() => {
    bench = new Bench({ type: 'postgres', url: database.url });
  });
  afterEach(async () => {
    await bench.close();
  });

  test('a busy process with four kinds holds five connections at most', async () => {
    const queue = await bench.open();
    const kinds = ['one', 'two', 'three', 'four'].map((name) => jobKind<{ id: number }>(name, 10));
    let handled = 0;
    for (const each of kinds) await queue.work(each, () => Promise.resolve(void handled++));
    await Promise.all(kinds.map((each) => queue.nudge(each, Array.from({ length: 100 }, (_, id) => ({ id })))));
    let most = 0;
    await eventually(async () => {
      most = Math.max(most, (await connections()).length);
      return handled === 400;
    });
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(5);
  });

  test('after the server has ended its connections a worker is woken by new jobs again', async () => {
    const queue = await bench.open();
    const handled: number[] = [];
    await queue.work(kind, into(handled));
    for (const id of [1, 2, 3]) {
      await eventually(() => queue.nudge(kind, [{ id }]));
      await eventually(() => handled.includes(id), 4_000); // its poll would come after 5 s
      await query(database.url, 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()');
    }
  });

  test('a lock time-out or other option in the URL stays, beside the search path of the queue', async () => {
    const url = new URL(database.url);
    url.searchParams.set('options', '-c lock_timeout=4321');
    const queue = await bench.open({ type: 'postgres', url: url.href });
    const handled: number[] = [];
    await queue.work(kind, into(handled));
    expect(await queue.nudge(kind, [{ id: 1 }])).toBe(true);
    await eventually(() => handled.length === 1);
  });

  test('without Postgres the start fails in one line that holds no password', async () => {
    const url = 'postgres://mailroom:hidden-word@127.0.0.1:1/mailroom';
    const start = bench.open({ type: 'postgres', url });
    await expect(start).rejects.toMatchObject({ name: 'StartError', message: expect.stringMatching(/^The job queue cannot be set up in Postgres: /) });
    await expect(start).rejects.not.toThrow('hidden-word');
    expect(JSON.stringify(bench.log)).not.toContain('hidden-word');
  });

  test('a schema that a newer release made is not touched', async () => {
    await bench.open();
    await query(database.url, 'UPDATE bullmq.migration SET min_client_version = 99');
    const start = bench.open();
    await expect(start).rejects.toMatchObject({ name: 'StartError', message: expect.stringContaining('requires BullMQ major version 99') });
    expect(await query(database.url, 'SELECT DISTINCT min_client_version FROM bullmq.migration')).toEqual([{ min_client_version: 99 }]);
  });
});
