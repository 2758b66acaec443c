import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { DueEmailsRepository } from '../../src/emails/due-emails.repository.js';
import { insertEmail } from '../factories/insert-email.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { honestUntil, type Script, startScriptedServer, startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';

/** Long, so that a mail which is deferred without need is not sent within the test. */
const RETRY_BASE_MS = '60000';

describe('relays that behave oddly, and settings that change under way', () => {
  let mailroom: TestMailroom;
  const closers: (() => Promise<unknown>)[] = [];

  const useRelay = (port: number, overrides = {}) =>
    mailroom.sdk.putSmtpSettings({ body: { serverAddress: '127.0.0.1', port, security: 'none', senderAddress: 'mailroom@example.com', ...overrides } });
  const relay = async (script: Script) => {
    const server = await startScriptedServer(script);
    closers.push(() => server.close());
    return server;
  };
  const publish = async () => (await mailroom.sdk.publishEvent({ body: { type: 'DiskUsageWarning' } })).id;
  const counts = async (id: string) => (await mailroom.sdk.getEvent({ path: { id } })).emails as Record<string, number>;
  const attemptsOf = (eventId: string) => mailroom.container.database.prisma.$queryRaw<{ number: number; outcome: string; code: string | null }[]>`
    SELECT a.number, a.outcome, a.code FROM email_attempts a JOIN emails e ON e.id = a.email_id WHERE e.event_id = ${eventId}::uuid`;

  beforeAll(async () => {
    mailroom = await startMailroom({ env: { MAILROOM_RETRY_BASE_MS: RETRY_BASE_MS } });
    await mailroom.container.database.prisma.$executeRaw`
      INSERT INTO subscriptions (id, email_address, email_key, all_events, event_types, updated_by)
      SELECT uuid_v7(), 'odd' || n || '@example.com', 'odd' || n || '@example.com', false, ARRAY['DiskUsageWarning'], 'test' FROM generate_series(1, 60) n`;
  });
  afterEach(async () => {
    await mailroom.container.database.prisma.$executeRaw`UPDATE emails SET status = 'cancelled', next_attempt_at = NULL, nudge_at = NULL WHERE status IN ('queued', 'deferred', 'unconfirmed')`;
    await Promise.all(closers.splice(0).map((close) => close()));
  });
  afterAll(() => mailroom.close());

  test('one that closes the connection after each mail: all mail goes out, none is deferred', async () => {
    const server = await relay(async (peer) => {
      if (!(await honestUntil(peer, 'message'))) return;
      peer.say('250 2.0.0 OK');
      peer.end();
    });
    await useRelay(server.port);
    const id = await publish();
    await waitFor(() => counts(id), ({ sent }) => sent === 60);
    expect((await attemptsOf(id)).every(({ number, outcome }) => number === 1 && outcome === 'sent')).toBe(true);
  });

  test('one that takes two connections and answers 421 to more: the others wait for a place, and no mail is deferred', async () => {
    let open = 0;
    const server = await relay(async (peer) => {
      open += 1;
      void peer.closed.then(() => (open -= 1));
      if (open <= 2) return void (await honestUntil(peer, 'never'));
      peer.say('421 4.7.0 Too many connections');
      peer.end();
    });
    await useRelay(server.port, { maxConnections: 8 });
    const id = await publish();
    await waitFor(() => counts(id), ({ sent }) => sent === 60);
    expect((await attemptsOf(id)).every(({ number, outcome }) => number === 1 && outcome === 'sent')).toBe(true);
  });

  test('one whose words cannot be cut between two characters: the reason is on record, and the mail goes on', async () => {
    const server = await relay((peer) => peer.say(`554 ${'x'.repeat(1_995)}😀😀😀`));
    await useRelay(server.port);
    const id = await publish();
    await waitFor(() => counts(id), ({ deferred }) => deferred === 60);
    const [attempt] = await mailroom.container.database.prisma.emailAttempt.findMany({ where: { reply: { not: null } }, take: 1 });
    expect(attempt!.reply!.isWellFormed()).toBe(true);
  });

  test('after serverAddress is set to null no further mail starts, and what waited goes out when it is set again', async () => {
    const slow = await startSmtpSink({ delayMs: 200 });
    closers.push(() => slow.close());
    await useRelay(slow.port, { maxConnections: 2 });
    const id = await publish();
    await waitFor(() => slow.mails.length, (length) => length >= 2);
    await mailroom.sdk.putSmtpSettings({ body: { serverAddress: null } });
    const { sending, sent } = await counts(id);
    await waitFor(() => counts(id), (now) => now['sending'] === 0 && now['queued'] === 0);
    expect(slow.mails.length).toBeLessThanOrEqual(sent! + sending! + 2); // those that had started
    const fast = await startSmtpSink();
    closers.push(() => fast.close());
    await useRelay(fast.port, { maxConnections: 10 });
    await waitFor(() => counts(id), (now) => now['sent'] === 60);
  });

  test('an attempt that fails on a server which the settings have left meanwhile is repeated at once on the new one', async () => {
    const silent = await relay(async (peer) => {
      await honestUntil(peer, 'RCPT');
      await new Promise((wake) => setTimeout(wake, 1_000));
      peer.end();
    });
    await useRelay(silent.port, { maxConnections: 60 });
    const id = await publish();
    await waitFor(() => counts(id), ({ sending }) => sending! > 0);
    const server = await startSmtpSink();
    closers.push(() => server.close());
    await useRelay(server.port, { maxConnections: 10 });
    await waitFor(() => counts(id), ({ sent }) => sent === 60);
  });

  test('a fault of our own is an attempt with a back-off, and not a loop', async () => {
    const server = await startSmtpSink();
    closers.push(() => server.close());
    await useRelay(server.port);
    const now = new Date();
    const { id } = await insertEmail(mailroom.container.database, { messageId: 'no message id', nextAttemptAt: now, nudgeAt: now });
    const email = () => mailroom.sdk.getEmail({ path: { id } });
    const deferred = await waitFor(email, ({ status }) => status === 'deferred');
    expect(deferred).toMatchObject({ reason: { code: 'INTERNAL' }, attempts: [{ number: 1, code: 'INTERNAL', outcome: 'deferred' }] });
    expect(Date.parse(deferred.nextAttemptAt!) - Date.now()).toBeGreaterThan(30_000);
  });

  test('an e-mail that loses its worker again and again waits longer each time, and ends with its window', async () => {
    const { database } = mailroom.container;
    const lost = async (tries: number, giveUpAt: Date) => {
      const leaseId = uuidv7();
      const { id } = await insertEmail(database, { status: 'sending', leaseId, tries, attemptCount: tries, giveUpAt, attemptStartedAt: new Date() });
      await database.prisma.deliveryLease.create({ data: { id: leaseId, worker: 'a dead one', expiresAt: new Date(Date.now() - 1_000) } });
      return id;
    };
    const [soon, later] = [new Date(Date.now() + 3_600_000), new Date(Date.now() - 1_000)];
    const ids = [await lost(1, soon), await lost(4, soon), await lost(4, later)];
    await new DueEmailsRepository(database).takeOverExpired(60_000);
    const rows = await Promise.all(ids.map((id) => waitFor(() => database.prisma.email.findUniqueOrThrow({ where: { id } }), ({ status }) => status !== 'sending')));
    const [first, fourth, ended] = rows;
    expect(fourth!.nextAttemptAt!.getTime() - Date.now()).toBeGreaterThan(200_000);
    expect(ended).toMatchObject({ status: 'unconfirmed', nextAttemptAt: null });
    expect(first!.attemptCount > 1 || first!.nextAttemptAt!.getTime() - Date.now() < 5_000).toBe(true); // due at once, or tried since
    expect(await database.prisma.emailAttempt.count({ where: { emailId: { in: ids }, code: 'WORKER_LOST' } })).toBe(3);
  });
});

