// How long it takes to find who subscribed and to make the e-mails: 100,000 subscriptions, of which 10,000 ask for the event, on the embedded
// Postgres. Prints a table, and the plan of the statement that does it. Usage: npm run bench:matching
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { connectDatabase } from '../dist/db/client.js';
import { migrate } from '../dist/db/migrate.js';
import { startEmbeddedPostgres } from '../dist/embedded/postgres.js';
import { EmailTemplatesRepository } from '../dist/email-templates/email-templates.repository.js';
import { EmailTemplatesService } from '../dist/email-templates/email-templates.service.js';
import { EmailsRepository } from '../dist/emails/emails.repository.js';
import { emailsForSubscribers } from '../dist/emails/making.js';
import { EmailsService } from '../dist/emails/emails.service.js';
import { EventTypesRepository } from '../dist/event-types/event-types.repository.js';
import { KnownEventTypes } from '../dist/event-types/known-event-types.js';
import { EventsRepository } from '../dist/events/events.repository.js';
import { Matcher } from '../dist/events/matcher.js';
import { createLogger } from '../dist/logger.js';

const SUBSCRIPTIONS = 100_000;
const MATCHING = 10_000;
const RUNS = 9;
const TYPE = 'PasswordCheckFailed';

/** Ends a transaction that is to leave nothing behind. */
class Undone extends Error {}

const folder = mkdtempSync(path.join(tmpdir(), 'mailroom-bench-'));
const logger = createLogger({ level: 'silent', format: 'json' });
const postgres = await startEmbeddedPostgres({ dataDir: folder, logger, notice: () => undefined });
try {
  await migrate(postgres.url, async () => undefined);
  const database = connectDatabase(postgres.url, logger);
  try {
    await bench(database);
  } finally {
    await database.close();
  }
} finally {
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function bench(database) {
  const { prisma } = database;
  console.log(`filling in ${SUBSCRIPTIONS.toLocaleString('en')} subscriptions …`);
  await fill(prisma);
  const settings = { get: async () => ({ settings: { senderAddress: 'mailroom@example.com' } }) };
  const emails = new EmailsService(database, new EmailsRepository(database), settings, async () => undefined);
  const templates = new EmailTemplatesService(database, new EmailTemplatesRepository(database), new KnownEventTypes(new EventTypesRepository(database)));
  const matcher = new Matcher(database, new EventsRepository(database), templates, emails);
  const matched = [];
  const inserted = [];
  for (let run = 0; run <= RUNS; run += 1) {
    const id = await publish(prisma);
    const took = await milliseconds(() => matcher.match([id]));
    const made = await prisma.email.count({ where: { eventId: id } });
    if (made !== MATCHING) throw new Error(`${made} e-mails were made instead of ${MATCHING}`);
    const again = await milliseconds(() => copyOf(prisma, id));
    if (run > 0) matched.push(took) && inserted.push(again); // the first run warms up
  }
  table(matched, inserted);
  console.log(await planOf(prisma));
}

/** Half of those that match, and of the others, are users; some ask for all events of one object. */
async function fill(prisma) {
  await prisma.$executeRaw`INSERT INTO users (id, name, email_address, email_key, updated_by)
    SELECT uuid_v7(), 'User ' || n, 'user' || n || '@example.com', 'user' || n || '@example.com', 'bench' FROM generate_series(1, ${SUBSCRIPTIONS / 2}::int) n`;
  await prisma.$executeRaw`
    WITH u AS (SELECT id, row_number() OVER (ORDER BY id) AS place FROM users), made AS (
      SELECT n, u.id AS user_id, CASE WHEN u.id IS NULL THEN 'address' || n || '@example.com' END AS address, n / 2 % 10 = 0 AS is_match, n % 100 = 99 AS is_all
      FROM generate_series(1, ${SUBSCRIPTIONS}::int) n LEFT JOIN u ON n % 2 = 0 AND u.place = n / 2
    )
    INSERT INTO subscriptions (id, email_address, email_key, user_id, all_events, event_types, object_id, updated_by)
    SELECT uuid_v7(), address, address, user_id, is_all,
           CASE WHEN is_all THEN '{}' WHEN is_match THEN ARRAY[${TYPE}, 'ApplianceSick'] ELSE ARRAY['Type' || n % 600, 'ApplianceSick'] END,
           CASE WHEN is_all THEN 'object ' || n END, 'bench'
    FROM made`;
  await prisma.$executeRawUnsafe('VACUUM ANALYZE subscriptions, users');
}

async function publish(prisma) {
  const id = uuidv7();
  await prisma.event.create({ data: { id, type: TYPE, properties: { AccountName: 'svc-backup' }, occurredAt: new Date(), publishedBy: 'bench', publisherKeyId: uuidv7(), clientEnabled: true } });
  return id;
}

/** What just inserting the same rows costs, whoever found them: the measure to compare with. */
async function copyOf(prisma, eventId) {
  const copy = uuidv7();
  await prisma.$executeRaw`
    INSERT INTO emails (id, event_id, event_type, publisher_key_id, subscription_id, user_id, to_address, to_key, match_key, message_id, status, give_up_at, next_attempt_at, nudge_at)
    SELECT uuid_v7(now()), ${copy}::uuid, event_type, publisher_key_id, subscription_id, user_id, to_address, to_key, match_key, message_id, status, give_up_at, next_attempt_at, nudge_at
    FROM emails WHERE event_id = ${eventId}::uuid`;
}

async function milliseconds(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function table(matched, inserted) {
  const sorted = (times) => [...times].sort((a, b) => a - b);
  const median = (times) => sorted(times)[Math.floor(times.length / 2)];
  const row = (name, times) => console.log(`${name.padEnd(52)} ${median(times).toFixed(0).padStart(6)} ms  ${sorted(times)[0].toFixed(0).padStart(6)} ms  ${sorted(times).at(-1).toFixed(0).padStart(6)} ms`);
  console.log(`\n${`${RUNS} runs`.padEnd(52)} ${'median'.padStart(9)} ${'least'.padStart(10)} ${'most'.padStart(10)}`);
  row(`1 event, ${MATCHING.toLocaleString('en')} of ${SUBSCRIPTIONS.toLocaleString('en')}: match, render, insert`, matched);
  row(`the same ${MATCHING.toLocaleString('en')} rows, inserted only`, inserted);
  console.log(`ratio ${(median(inserted) / median(matched)).toFixed(2)} of bare inserts; ${(MATCHING / median(matched) * 1_000).toFixed(0)} e-mails/s\n`);
}

/** EXPLAIN (ANALYZE) of the statement, undone afterwards. */
async function planOf(prisma) {
  const id = await publish(prisma);
  const sql = emailsForSubscribers({ eventIds: [id], after: null, limit: 50_000, nudgeable: 5_000 }, 'example.com');
  let plan = [];
  await prisma.$transaction(async (tx) => {
    plan = await tx.$queryRawUnsafe(`EXPLAIN (ANALYZE, COSTS OFF, SUMMARY ON) ${sql.sql.replace(/\?/g, (() => { let n = 0; return () => `$${(n += 1)}`; })())}`, ...sql.values);
    throw new Undone();
  }, { timeout: 60_000 }).catch((error) => { if (!(error instanceof Undone)) throw error; });
  return plan.map((line) => line['QUERY PLAN']).join('\n');
}
