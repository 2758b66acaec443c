import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { EmailStatus } from '../../src/emails/emails.contract.js';
import { EmailsRepository } from '../../src/emails/emails.repository.js';
import { EmailsService } from '../../src/emails/emails.service.js';
import { EventsRepository } from '../../src/events/events.repository.js';
import { Retention } from '../../src/events/retention.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';

const DAYS = 30;
let mailroom: TestMailroom;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
});
afterAll(() => mailroom.close());

const retention = (batch?: number): Retention => {
  const { database } = mailroom.container;
  return new Retention(new EventsRepository(database), new EmailsService(database, new EmailsRepository(database), null as never, null as never), DAYS, batch);
};

/** An event of some days ago with one e-mail for each status, each with an attempt. */
async function insert(daysAgo: number, statuses: EmailStatus[], matched = true): Promise<void> {
  await mailroom.container.database.prisma.$executeRaw`
    WITH t AS (SELECT now() - make_interval(days => ${daysAgo}) AS at), e AS (
      INSERT INTO events (id, type, properties, occurred_at, accepted_at, published_by, publisher_key_id, client_enabled, matched_at)
      SELECT uuid_v7(at), 'Age' || ${daysAgo}::int, '{}', at, at, 'test', gen_random_uuid(), true, CASE WHEN ${matched} THEN at END FROM t RETURNING *
    ), c AS (
      INSERT INTO email_contents (event_id, subject, text_body, html_body, warnings) SELECT id, 's', 't', 'h', '{}' FROM e
    ), m AS (
      INSERT INTO emails (id, event_id, event_type, publisher_key_id, to_address, to_key, match_key, message_id, status, give_up_at, created_at, next_attempt_at)
      SELECT uuid_v7(e.accepted_at), e.id, e.type, e.publisher_key_id, n || '@example.com', n || '@example.com', n || '@example.com', '<m>', s, e.accepted_at, e.accepted_at,
             CASE WHEN s IN ('queued', 'deferred') THEN now() END
      FROM e, unnest(${statuses}::email_status[]) WITH ORDINALITY AS x(s, n) RETURNING *
    )
    INSERT INTO email_attempts (email_id, number, started_at, duration_ms, worker, outcome) SELECT id, 1, created_at, 1, 'w', status::text FROM m`;
}

const left = async () => {
  const { prisma } = mailroom.container.database;
  const [events, emails, contents, attempts] = [await prisma.event.findMany({ orderBy: { id: 'asc' } }), await prisma.email.findMany({ orderBy: { id: 'asc' } }), await prisma.emailContent.count(), await prisma.emailAttempt.count()];
  return { events: events.map(({ type }) => type), emails: emails.map(({ status }) => status).sort(), contents, attempts };
};

test('finished e-mails and events older than the retention go with all that is theirs; what waits, is younger or is not matched stays', async () => {
  await insert(40, ['sent', 'failed', 'skipped', 'cancelled', 'unconfirmed']);
  await insert(39, ['sent', 'deferred']);
  await insert(38, []);
  await insert(37, [], false);
  await insert(29, ['sent', 'failed']);
  while (!(await retention().purge()));
  expect(await left()).toEqual({ events: ['Age39', 'Age37', 'Age29'], emails: ['deferred', 'failed', 'sent'], contents: 3, attempts: 3 });
});

test('a batch that is being deleted holds no delivery up', async () => {
  const [whole, sink] = await Promise.all([startMailroom(), startSmtpSink()]);
  try {
    await whole.sdk.putSmtpSettings({ body: { serverAddress: '127.0.0.1', port: sink.port, security: 'none', senderAddress: 'mailroom@example.com' } });
    await whole.sdk.createSubscription({ body: { emailAddress: 'ops@example.com', allEvents: true } });
    const publish = () => whole.sdk.publishEvent({ body: { type: 'ApplianceHealthy' } });
    const sent = (count: number) => waitFor(() => database.prisma.email.count({ where: { status: 'sent' } }), (value) => value === count);
    const { database } = whole.container;
    await publish();
    await sent(1);
    await database.prisma.$transaction(async (prisma) => {
      const emails = new EmailsRepository({ ...database, prisma: prisma as typeof database.prisma });
      expect(await emails.deleteFinished(new Date(Date.now() + 60_000), 1_000)).toBe(1); // and not committed yet
      await publish();
      await sent(2);
    }, { timeout: 30_000 });
    await sent(1);
    expect(sink.mails).toHaveLength(2);
  } finally {
    await whole.close();
    await sink.close();
  }
}, 60_000);

test('it goes in batches: each deletes so many e-mails, then events', async () => {
  await insert(60, Array<EmailStatus>(25).fill('sent'));
  const { prisma } = mailroom.container.database;
  const old = () => prisma.email.count({ where: { eventType: 'Age60' } });
  expect(await retention(10).purge()).toBe(false);
  expect(await old()).toBe(15);
  expect(await retention(10).purge()).toBe(false);
  expect(await retention(10).purge()).toBe(true);
  expect(await old()).toBe(0);
  expect(await prisma.event.count({ where: { type: 'Age60' } })).toBe(0);
});
