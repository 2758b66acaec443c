import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Rows } from './verdict.js';

const POLL_MS = 250;
const CONNECT_MS = 2_000;

/** What is not at its end: it may still go on by itself. */
const UNFINISHED = `
  SELECT 'event ' || (properties->>'AccountName') || ' is not matched' AS text FROM events WHERE matched_at IS NULL
  UNION ALL
  SELECT 'the e-mail of ' || (v.properties->>'AccountName') || ' for ' || e.to_address || ' is ' || e.status || ', attempt ' || e.attempt_count || ', lease '
    || coalesce(e.lease_id::text, 'none') || CASE WHEN e.lease_id IS NOT NULL AND l.id IS NULL THEN ' (no such lease)' ELSE '' END
    || ', due ' || coalesce(e.next_attempt_at::text, 'never') || ', next nudge ' || coalesce(e.nudge_at::text, 'none')
  FROM emails e JOIN events v ON v.id = e.event_id LEFT JOIN delivery_leases l ON l.id = e.lease_id
  WHERE e.status IN ('queued', 'sending', 'deferred') OR (e.status = 'unconfirmed' AND (NOT e.at_most_once OR e.lease_id IS NOT NULL OR e.next_attempt_at IS NOT NULL))`;

const EVENTS = `SELECT id, properties->>'AccountName' AS name FROM events WHERE properties->>'AccountName' = ANY($1)`;
const EMAILS = `
  SELECT v.properties->>'AccountName' AS "eventName", e.to_address AS "to", e.message_id AS "messageId", e.status
  FROM emails e JOIN events v ON v.id = e.event_id WHERE v.properties->>'AccountName' = ANY($1)`;

/**
 * Waits until every event is matched and no e-mail waits or is being sent. The database may be away meanwhile.
 * @returns what has not come to its end in that time, a line for each
 */
export async function comeToRest(databaseUrl: string, deadlineMs: number): Promise<string[]> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const left = await query<{ text: string }>(databaseUrl, UNFINISHED).catch((error: Error) => [{ text: `the database does not answer: ${error.message}` }]);
    if (left.length === 0 || Date.now() > deadline) return left.map(({ text }) => text);
    await delay(POLL_MS);
  }
}

export const readRows = async (databaseUrl: string, eventNames: string[]): Promise<Rows> =>
  ({ events: await query(databaseUrl, EVENTS, [eventNames]), emails: await query(databaseUrl, EMAILS, [eventNames]) });

/** Resolves when Postgres takes connections. */
export async function databaseIsUp(databaseUrl: string, deadlineMs: number): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  while (!(await query(databaseUrl, 'SELECT 1').then(() => true, () => false))) {
    if (Date.now() > deadline) throw new Error(`Postgres did not come back within ${deadlineMs} ms`);
    await delay(POLL_MS);
  }
}

/** Keeps matching from going on for as long as `work` takes: no content can be stored. Events are accepted all the same. */
export const whileMatchingWaits = (databaseUrl: string, work: () => Promise<void>): Promise<void> => withClient(databaseUrl, async (client) => {
  await client.query('BEGIN');
  await client.query('LOCK TABLE email_contents IN EXCLUSIVE MODE');
  await work();
  await client.query('COMMIT');
});

const query = <Row extends object>(url: string, sql: string, values: unknown[] = []): Promise<Row[]> =>
  withClient(url, async (client) => (await client.query<Row>(sql, values)).rows);

async function withClient<T>(connectionString: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: CONNECT_MS });
  client.on('error', () => undefined); // the query under way fails too
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
