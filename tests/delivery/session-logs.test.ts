import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { Prisma } from '../../src/db/client.js';
import { SmtpSessionLogsRepository } from '../../src/smtp-session-logs/smtp-session-logs.repository.js';
import { SmtpSessionLogsService } from '../../src/smtp-session-logs/smtp-session-logs.service.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { createPki } from '../setup/pki.js';
import { type SinkOptions, type SmtpSink, startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';

interface LogRow {
  kind: string;
  subjectId: string | null;
  worker: string;
  line: string;
  transcript: string | null;
}

let mailroom: TestMailroom;
const closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  mailroom = await startMailroom({ env: { MAILROOM_RETRY_BASE_MS: '600000' } });
});
afterEach(async () => {
  const { prisma } = mailroom.container.database;
  await prisma.$executeRaw`DELETE FROM subscriptions`;
  await prisma.$executeRaw`UPDATE emails SET status = 'cancelled', next_attempt_at = NULL, nudge_at = NULL WHERE status = 'deferred'`;
});
afterAll(async () => {
  await mailroom.close();
  await Promise.all(closers.map((close) => close()));
});

async function sink(options: SinkOptions = {}): Promise<SmtpSink> {
  const made = await startSmtpSink(options);
  closers.push(() => made.close());
  return made;
}

const settings = (port: number, overrides: object = {}) =>
  mailroom.sdk.putSmtpSettings({ body: { serverAddress: '127.0.0.1', port, security: 'none', senderAddress: 'mailroom@example.com', maxConnections: 1, ...overrides } });

const subscribe = (emailAddress: string) => mailroom.sdk.createSubscription({ body: { emailAddress, eventTypes: ['PasswordCheckFailed'] } });

/** Publishes, and waits until all e-mails have this status. */
async function publish(status: string): Promise<{ id: string; toAddress: string; messageId: string }[]> {
  const { id: eventId } = await mailroom.sdk.publishEvent({ body: { type: 'PasswordCheckFailed' } });
  await waitFor(() => mailroom.sdk.getEvent({ path: { id: eventId } }), (event) => event.matchedAt !== null && Object.entries(event.emails).every(([name, count]) => count === 0 || name === status), 60_000);
  return mailroom.container.database.prisma.email.findMany({ where: { eventId }, orderBy: { id: 'asc' } });
}

const read = (where: Prisma.SmtpSessionLogWhereInput): Promise<LogRow[]> => mailroom.container.database.prisma.smtpSessionLog.findMany({ where, orderBy: { id: 'asc' } });

/** The log of these e-mails, once it has `count` rows. */
const loggedOf = (emails: { id: string }[], count: number): Promise<LogRow[]> =>
  waitFor(() => read({ subjectId: { in: emails.map(({ id }) => id) } }), (rows) => rows.length >= count);

/** The log of the sessions with this server, once it has `count` rows. */
const loggedWith = ({ port }: SmtpSink, count: number): Promise<LogRow[]> => waitFor(() => read({ line: { contains: `:${port} ` } }), (rows) => rows.length >= count);

describe('a delivery', () => {
  test('that succeeded leaves one line and no transcript', async () => {
    const { key, chain } = await (await createPki()).issue({ dnsNames: ['localhost'] });
    const server = await sink({ tls: { key, cert: chain } });
    await settings(server.port, { security: 'startTls', verifyCertificate: false });
    await subscribe('alice@example.com');
    const [email] = await publish('sent');
    const rows = await loggedOf([email!], 1);
    expect(rows).toEqual([expect.objectContaining({ kind: 'delivery', subjectId: email!.id, worker: expect.stringMatching(`:${process.pid}$`), transcript: null })]);
    expect(rows[0]!.line).toMatch(new RegExp(`^sent relay=127\\.0\\.0\\.1 address=127\\.0\\.0\\.1:${server.port} tls=TLSv1\\.3 from=<mailroom@example\\.com> to=<alice@example\\.com> `
      + `message-id=${email!.messageId} queue-id=1 ms=\\d+ reply="250 .*queued as 1"$`));
  });

  test('that failed leaves the transcript of the opening and of that mail alone, though the session had others', async () => {
    const server = await sink({ refuse: (address, command) => (command === 'RCPT' && address.startsWith('refused') ? '550 5.1.1 No such user' : undefined) });
    await settings(server.port);
    await subscribe('good1@example.com');
    await subscribe('refused1@example.com');
    await subscribe('refused2@example.com');
    await subscribe('good2@example.com');
    const body = await mailroom.sdk.publishEvent({ body: { type: 'PasswordCheckFailed' } });
    const rows = await loggedWith(server, 4);
    expect(rows).toHaveLength(4);
    expect(server.connections).toBe(1);
    for (const name of ['refused1', 'refused2']) {
      const { line, transcript, subjectId } = rows.find((row) => row.line.includes(name))!;
      expect(line).toMatch(/^failed .* reply="550 5\.1\.1 No such user" code=\w+ message="/);
      expect(transcript).toMatch(/^0\.\d{3} \* Connecting to 127\.0\.0\.1, port \d+\.\n\d+\.\d{3} S: 220 /);
      expect(transcript).toMatch(/C: EHLO /);
      expect(transcript!.match(/C: (MAIL|RCPT) .*/g)).toEqual([expect.stringContaining('C: MAIL FROM:<mailroom@example.com>'), `C: RCPT TO:<${name}@example.com>`]);
      expect(transcript).toMatch(/S: 550 5\.1\.1 No such user/);
      const email = await mailroom.container.database.prisma.email.findUniqueOrThrow({ where: { id: subjectId! } });
      expect(email).toMatchObject({ eventId: body.id, toAddress: `${name}@example.com`, status: 'failed' });
    }
    expect(rows.filter(({ line }) => line.startsWith('sent ')).map(({ transcript }) => transcript)).toEqual([null, null]);
  });

  test.each(['PLAIN', 'LOGIN', 'CRAM-MD5'] as const)('does not tell the password that a server refused (%s)', async (method) => {
    const server = await sink({ auth: { user: 'mailroom', password: 'another', methods: [method], required: true } });
    const password = `s3cret-of-${method}`;
    await settings(server.port, { authentication: { type: 'password', accountName: 'mailroom', password } });
    await subscribe('auth@example.com');
    await publish('deferred');
    const [row] = await loggedWith(server, 1);
    expect(row!.line).toMatch(/^not-connected .* emails=1 .* code=AUTH/);
    expect(row!.transcript).toMatch(new RegExp(`C: AUTH ${method}[^]*\\[redacted\\][^]*S: 535 `));
    const whole = `${row!.line}\n${row!.transcript}`;
    for (const form of [password, Buffer.from(password).toString('base64'), Buffer.from(`\0mailroom\0${password}`).toString('base64')]) expect(whole).not.toContain(form);
  });

  test('to a relay that cannot be reached leaves one row for the batch, not one for each mail or connection', async () => {
    const server = await sink();
    await server.close();
    await settings(server.port, { maxConnections: 5 });
    await mailroom.container.database.prisma.$executeRaw`
      INSERT INTO subscriptions (id, email_address, email_key, all_events, event_types, updated_by)
      SELECT uuid_v7(), 'many' || n || '@example.com', 'many' || n || '@example.com', false, ARRAY['PasswordCheckFailed'], 'test' FROM generate_series(1, 200) n`;
    const emails = await publish('deferred');
    const rows = await loggedWith(server, 1);
    expect(emails).toHaveLength(200);
    expect(rows[0]!.line).toMatch(new RegExp(`^not-connected relay=127\\.0\\.0\\.1 address=127\\.0\\.0\\.1:${server.port} emails=200 ms=\\d+ code=CONNECTION_REFUSED message="`));
    expect(rows.slice(1).every(({ line }) => line.includes(' emails=1 '))).toBe(true); // one connection that tried again since
    expect(rows[0]!.transcript).toMatch(/Connecting to 127\.0\.0\.1[^]*refused the connection/);
    expect(await mailroom.container.database.prisma.smtpSessionLog.count({ where: { subjectId: { in: emails.map(({ id }) => id) } } })).toBe(0);
  });

  test('does not wait for its log: mails go out while the log cannot be written, and their lines come later', async () => {
    const { prisma } = mailroom.container.database;
    const server = await sink();
    await settings(server.port);
    await subscribe('patient@example.com');
    await prisma.$executeRaw`ALTER TABLE smtp_session_logs RENAME TO smtp_session_logs_away`;
    const emails = [...(await publish('sent')), ...(await publish('sent'))];
    await prisma.$executeRaw`ALTER TABLE smtp_session_logs_away RENAME TO smtp_session_logs`;
    expect(server.mails).toHaveLength(2);
    expect((await loggedOf(emails, 2)).map(({ line }) => line.slice(0, 5))).toEqual(['sent ', 'sent ']);
  });

  test('of many mails is logged in few statements, each mail once', async () => {
    const { prisma } = mailroom.container.database;
    const server = await sink();
    await settings(server.port, { maxConnections: 10 });
    await prisma.$executeRaw`
      INSERT INTO subscriptions (id, email_address, email_key, all_events, event_types, updated_by)
      SELECT uuid_v7(), 'all' || n || '@example.com', 'all' || n || '@example.com', false, ARRAY['PasswordCheckFailed'], 'test' FROM generate_series(1, 2000) n`;
    const emails = await publish('sent');
    await loggedOf(emails, 2_000);
    const [{ rows, statements }] = await prisma.$queryRaw<[{ rows: number; statements: number }]>(Prisma.sql`
      SELECT count(*)::int AS rows, count(DISTINCT xmin::text)::int AS statements FROM smtp_session_logs WHERE subject_id = ANY(${emails.map(({ id }) => id)}::uuid[])`);
    expect(rows).toBe(2_000);
    expect(statements).toBeLessThan(100);
  }, 90_000);
});

describe('sessions of more than two days ago', () => {
  /** Without a worker, which would purge them. */
  let idle: TestMailroom;
  beforeAll(async () => { idle = await startMailroom({ workers: false }); });
  afterAll(() => idle.close());
  const insertOld = (count: number, age: string) => idle.container.database.prisma.$executeRaw`
    INSERT INTO smtp_session_logs (id, at, kind, worker, line) SELECT uuid_v7(), now() - ${age}::interval, 'delivery', 'old', 'sent' FROM generate_series(1, ${count}::int)`;
  const countOld = () => idle.container.database.prisma.smtpSessionLog.count({ where: { worker: 'old' } });

  test('are purged in batches, also by several processes at once; younger ones stay', async () => {
    await insertOld(2_500, '2 days 1 second');
    await insertOld(7, '1 day 23 hours 59 minutes');
    const logs = new SmtpSessionLogsService(new SmtpSessionLogsRepository(idle.container.database));
    expect(await logs.purge(1_000)).toBe(1_000);
    const [one, two] = await Promise.all([logs.purge(1_000), logs.purge(1_000)]);
    const rest = await logs.purge(1_000);
    expect(one + two + rest).toBe(1_500);
    expect(await logs.purge(1_000)).toBe(0);
    expect(await countOld()).toBe(7);
  });

  test('are purged by the sweeper of a worker', async () => {
    const other = await startMailroom({ workers: false });
    const { prisma } = other.container.database;
    await prisma.$executeRaw`INSERT INTO smtp_session_logs (id, at, kind, worker, line) SELECT uuid_v7(), now() - interval '3 days', 'test', 'old', 'sent' FROM generate_series(1, 6000)`;
    await other.container.startWorkers();
    await waitFor(() => prisma.smtpSessionLog.count(), (count) => count === 0);
    await other.close();
  });
});

test('a page of the log ends where its transcripts grow too long, and pages leave nothing out', async () => {
  const repository = new SmtpSessionLogsRepository(mailroom.container.database);
  const at = new Date('2120-01-01T12:00:00.000Z'); // not so old that a worker would purge it
  const transcript = 'x'.repeat(60_000);
  const rows = Array.from({ length: 200 }, (_, index) => ({ id: uuidv7(), at: new Date(at.getTime() + Math.floor(index / 50)), kind: 'test' as const, subjectId: null, worker: 'pages', line: `${index}`, transcript }));
  await repository.insert(rows);
  await repository.insert(rows); // as after an answer that was lost
  const pages: number[] = [];
  const seen: string[] = [];
  const span = { from: at, until: new Date('2120-01-02T00:00:00.000Z') };
  for await (const page of new SmtpSessionLogsService(repository).pages(span)) {
    pages.push(page.length);
    seen.push(...page.map(({ line }) => line));
  }
  expect(seen).toEqual(rows.map(({ line }) => line));
  expect(Math.max(...pages)).toBeLessThanOrEqual(71);
  await mailroom.container.database.prisma.smtpSessionLog.deleteMany({ where: { worker: 'pages' } });
});
