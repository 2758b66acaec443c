import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import type { Database } from '../../src/db/client.js';
import { Prisma } from '../../src/db/client.js';
import { type EmailFilter, EmailsRepository } from '../../src/emails/emails.repository.js';
import { EventsRepository } from '../../src/events/events.repository.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';

/** 400 events, an hour apart, with 100 e-mails each. What the filters ask for is old, so that a walk from the newest one would be long. */
const FILL = `
  INSERT INTO events (id, type, properties, occurred_at, accepted_at, published_by, publisher_key_id, client_enabled, matched_at)
    SELECT uuid_v7(t), CASE WHEN n <= 150 THEN 'Old' ELSE 'New' END, '{}', t, t, 'p', CASE WHEN n <= 150 THEN $1::uuid ELSE $2::uuid END, true, t
    FROM (SELECT n, date_trunc('hour', now()) - interval '400 hours' + n * interval '1 hour' AS t FROM generate_series(1, 400) n) x`;
const FILL_EMAILS = `
  INSERT INTO emails (id, event_id, event_type, publisher_key_id, to_address, to_key, match_key, message_id, status, give_up_at, created_at)
    SELECT uuid_v7(e.accepted_at), e.id, e.type, e.publisher_key_id, a, a, a, '<m>', (CASE WHEN e.type = 'Old' AND n % 2 = 0 THEN 'failed' ELSE 'sent' END)::email_status,
           now(), e.accepted_at
    FROM events e, generate_series(1, 100) n, LATERAL (SELECT CASE WHEN e.type = 'Old' AND n = 1 THEN 'old@example.com' ELSE 'a' || n || '@example.com' END AS a) x`;
const FILL_OLDEST_EVENT = `
  INSERT INTO emails (id, event_id, event_type, publisher_key_id, to_address, to_key, match_key, message_id, status, give_up_at, created_at)
    SELECT uuid_v7(e.accepted_at), e.id, e.type, e.publisher_key_id, 'b' || n, 'b' || n, 'b' || n, '<m>', 'sent', now(), e.accepted_at
    FROM (SELECT * FROM events ORDER BY id LIMIT 1) e, generate_series(1, 20000) n`;
const [OLD_KEY, NEW_KEY, OTHER_KEY] = ['01900000-0000-7000-8000-000000000001', '01900000-0000-7000-8000-000000000002', '01900000-0000-7000-8000-000000000003'];
const LIMIT = 20;

let database: TestDatabase;
let client: pg.Client;
let oldest: { id: string; at: Date };

beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(FILL, [OLD_KEY, NEW_KEY]);
  await client.query(`INSERT INTO email_contents (event_id, subject, text_body, html_body, warnings) SELECT id, 's', 't', 'h', '{}' FROM events`);
  await client.query(FILL_EMAILS);
  await client.query(FILL_OLDEST_EVENT);
  await client.query('VACUUM ANALYZE');
  oldest = (await client.query<{ id: string; at: Date }>('SELECT id, accepted_at AS at FROM events ORDER BY id LIMIT 1')).rows[0]!;
}, 60_000);
afterAll(async () => {
  await client.end();
  await database.drop();
});

interface Plan {
  'Relation Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  Plans?: Plan[];
}

/** What a query answers, and how many rows of `table` it reads for that. */
async function reading<Row>(table: string, ask: (db: Database) => Promise<Row[]>): Promise<{ rows: Row[]; read: number }> {
  let asked = Prisma.empty;
  const $queryRaw = (strings: TemplateStringsArray, ...values: unknown[]): Promise<Row[]> => {
    asked = Prisma.sql(strings, ...values);
    return client.query(asked.text, asked.values).then(({ rows }) => rows as Row[]);
  };
  const rows = await ask({ prisma: { $queryRaw } } as unknown as Database);
  const plan = await client.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${asked.text}`, asked.values);
  return { rows, read: rowsRead(plan.rows[0]['QUERY PLAN'][0].Plan as Plan, table) };
}

function rowsRead(plan: Plan, table: string): number {
  const own = plan['Relation Name'] === table ? (plan['Actual Rows'] + (plan['Rows Removed by Filter'] ?? 0)) * plan['Actual Loops'] : 0;
  return (plan.Plans ?? []).reduce((sum, child) => sum + rowsRead(child, table), own);
}

const list = (filter: EmailFilter, after: string | null = null) => reading('emails', (db) => new EmailsRepository(db).list({ limit: LIMIT, after }, filter));
const hoursLater = (hours: number): Date => new Date(oldest.at.getTime() + hours * 3_600_000);

describe('a page of e-mails reads little more than what it shows', () => {
  test.each<[string, () => EmailFilter, number]>([
    ['all', () => ({}), LIMIT + 1],
    ['of an old event with many', () => ({ eventId: oldest.id }), LIMIT + 1],
    ['of an old event, by status', () => ({ eventId: oldest.id, statuses: ['failed'] }), LIMIT + 1],
    ['of an event that is not there', () => ({ eventId: OTHER_KEY }), 0],
    ['of a publisher that has become silent', () => ({ publisherKeyId: OLD_KEY }), LIMIT + 1],
    ['of a publisher, by status', () => ({ publisherKeyId: OLD_KEY, statuses: ['failed'] }), LIMIT + 1],
    ['of a publisher without any', () => ({ publisherKeyId: OTHER_KEY }), 0],
    ['of a publisher without any of this status', () => ({ publisherKeyId: NEW_KEY, statuses: ['failed'] }), 0],
    ['to an address that was removed', () => ({ toKey: 'old@example.com' }), LIMIT + 1],
    ['to nobody', () => ({ toKey: 'nobody@example.com' }), 0],
    ['by an old status', () => ({ statuses: ['failed'] }), LIMIT + 1],
    ['by a status that none has', () => ({ statuses: ['cancelled'] }), 0],
    ['until long ago', () => ({ until: hoursLater(10) }), LIMIT + 1],
    ['of one hour', () => ({ from: hoursLater(10), until: hoursLater(11) }), LIMIT + 1],
    ['from a time to come', () => ({ from: hoursLater(1_000) }), 0],
    ['of a publisher, until long ago', () => ({ publisherKeyId: OLD_KEY, until: hoursLater(10) }), LIMIT + 1],
    ['by status, until long ago', () => ({ statuses: ['failed'], until: hoursLater(10) }), LIMIT + 1],
    ['until before all times', () => ({ until: new Date('0001-01-01T00:00:00Z') }), 0],
    ['until the end of all times', () => ({ until: new Date('9999-12-31T23:59:59.999Z') }), LIMIT + 1],
  ])('%s', async (_name, filter, expected) => {
    const { rows, read } = await list(filter());
    expect(rows).toHaveLength(expected);
    expect(read).toBeLessThanOrEqual(LIMIT + 1);
    expect(rows.map(({ id }) => id)).toEqual(rows.map(({ id }) => id).sort().reverse());
  });

  test('and so does a later page', async () => {
    const { rows: [, , third] } = await list({ publisherKeyId: OLD_KEY });
    const { rows, read } = await list({ publisherKeyId: OLD_KEY, until: hoursLater(500) }, third!.id);
    expect(rows).toHaveLength(LIMIT + 1);
    expect(rows[0]!.id < third!.id).toBe(true);
    expect(read).toBeLessThanOrEqual(LIMIT + 1);
  });
});

test.each([
  ['of a publisher that has become silent', { publisherKeyId: OLD_KEY }, LIMIT + 1],
  ['of a publisher without any', { publisherKeyId: OTHER_KEY }, 0],
  ['of an old type', { publisherKeyId: null, type: 'Old' }, LIMIT + 1],
  ['of a publisher and a type', { publisherKeyId: OLD_KEY, type: 'Old' }, LIMIT + 1],
])('a page of events %s reads little more than what it shows', async (_name, filter, expected) => {
  const { rows, read } = await reading('events', (db) => new EventsRepository(db).list({ limit: LIMIT, after: null }, filter));
  expect(rows).toHaveLength(expected);
  expect(read).toBeLessThanOrEqual(LIMIT + 1);
});

test('what waits is counted up to a number, for each status', async () => {
  await client.query(`UPDATE emails SET status = 'queued' WHERE to_key BETWEEN 'b1' AND 'b1999'; UPDATE emails SET status = 'deferred' WHERE to_key IN ('b2', 'b3')`);
  await client.query('VACUUM ANALYZE emails');
  let counts: unknown;
  const { read } = await reading('emails', async (db) => {
    counts = await new EmailsRepository(db).waitingCounts(100);
    return [];
  });
  expect(counts).toEqual({ queued: 100, sending: 0, deferred: 2, unconfirmed: 0 });
  expect(read).toBeLessThanOrEqual(110);
});
