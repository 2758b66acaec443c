import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import type { Query } from '../../src/db/statements.js';
import { RelayStatesRepository } from '../../src/emails/relay-states.repository.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { honestUntil, startScriptedServer, startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';

/** An e-mail of it that is in doubt is not sent again. */
const ONCE = 'PasswordCheckFailed';
const READERS = Array.from({ length: 6 }, (_, n) => `reader${n}@example.com`);
let mailroom: TestMailroom;
const closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  mailroom = await startMailroom({ env: { MAILROOM_RETRY_BASE_MS: '3000' } });
  await mailroom.as().put(`/v1/event-types/${ONCE}`, { deliveryPolicy: 'atMostOnce' }).expect(200);
  for (const emailAddress of READERS) await mailroom.sdk.createSubscription({ body: { emailAddress, eventTypes: [ONCE] } });
});
afterAll(() => mailroom.close());
afterEach(async () => {
  jest.restoreAllMocks();
  await Promise.all(closers.splice(0).map((close) => close()));
});

/** One connection, so that mail goes after mail. */
const use = (port: number) =>
  mailroom.sdk.putSmtpSettings({ body: { serverAddress: '127.0.0.1', port, security: 'none', senderAddress: 'mailroom@example.com', maxConnections: 1 } });
const publish = async (): Promise<string> => (await mailroom.sdk.publishEvent({ body: { type: ONCE } })).id;
const emailsOf = (eventId: string) => mailroom.container.database.prisma.email.findMany({ where: { eventId }, orderBy: { toAddress: 'asc' } });
const allReach = (eventId: string, status: string) => waitFor(() => emailsOf(eventId), (rows) => rows.length === READERS.length && rows.every((row) => row.status === status), 60_000);
const attemptsOf = async (eventId: string) =>
  mailroom.container.database.prisma.emailAttempt.findMany({ where: { emailId: { in: (await emailsOf(eventId)).map(({ id }) => id) } }, orderBy: [{ emailId: 'asc' }, { number: 'asc' }] });

interface Marks { starts: number; outcomes: number }
const marksOf = ({ values }: Query): Marks => {
  const marks = values.flatMap((value) => (typeof value === 'string' && value.startsWith('[') ? JSON.parse(value) as { status?: string }[] : []));
  return { starts: marks.filter(({ status }) => status === undefined).length, outcomes: marks.filter(({ status }) => status !== undefined).length };
};

/** Lets one statement of marks fail, after Postgres has done it or before; what leases still held when they ended, as rows of `release`. */
function failOnce(which: (marks: Marks) => boolean, when: 'before' | 'after'): { failures: number; released: unknown[][] } {
  const { statements } = mailroom.container.database;
  const rows = statements.rows.bind(statements);
  const seen = { failures: 0, released: [] as unknown[][] };
  jest.spyOn(statements, 'rows').mockImplementation(async (query: Query) => {
    if (query.name === 'release') seen.released.push(query.values.filter((value) => Array.isArray(value)));
    if (!query.name.startsWith('mark') || seen.failures > 0 || !which(marksOf(query))) return rows(query);
    seen.failures += 1;
    if (when === 'after') await rows(query);
    throw new Error('Connection terminated unexpectedly');
  });
  return seen;
}

test('the outcome of a mail that was sent is on record before its lease ends, also when the next start fails with it: no mail is in doubt, or sent twice', async () => {
  const sink = await startSmtpSink();
  closers.push(() => sink.close());
  await use(sink.port);
  const seen = failOnce(({ starts, outcomes }) => starts > 0 && outcomes > 0, 'before');
  const event = await publish();
  await allReach(event, 'sent');
  expect(seen.failures).toBe(1);
  expect(seen.released.flat(2)).not.toContain(null); // an attempt whose end is not on record
  expect(sink.mails.flatMap(({ to }) => to).sort()).toEqual(READERS);
  expect((await attemptsOf(event)).map(({ number, outcome }) => [number, outcome])).toEqual(READERS.map(() => [1, 'sent']));
});

test('a start that is on record, but whose answer was lost, is taken back: the mail was not begun, and is not in doubt', async () => {
  const sink = await startSmtpSink();
  closers.push(() => sink.close());
  await use(sink.port);
  const seen = failOnce(({ starts, outcomes }) => starts > 0 && outcomes === 0, 'after');
  const event = await publish();
  const emails = await allReach(event, 'sent');
  expect(seen.failures).toBe(1);
  expect(sink.mails.flatMap(({ to }) => to).sort()).toEqual(READERS);
  expect(emails.map(({ attemptCount, tries }) => [attemptCount, tries])).toEqual(READERS.map(() => [1, 1]));
  expect((await attemptsOf(event)).map(({ number, outcome }) => [number, outcome])).toEqual(READERS.map(() => [1, 'sent']));
});

test('what a relay says is the outcome, also when the slow-down that it asks for cannot be recorded', async () => {
  let refusals = 1;
  const sink = await startSmtpSink({ refuse: (address, command) => (command === 'RCPT' && address === READERS[2] && refusals-- > 0 ? '452 4.3.1 Insufficient system storage' : undefined) });
  closers.push(() => sink.close());
  await use(sink.port);
  const slowDown = jest.spyOn(RelayStatesRepository.prototype, 'slowDown').mockRejectedValueOnce(new Error('Connection terminated unexpectedly'));
  const event = await publish();
  const [, , refused] = await allReach(event, 'sent');
  expect(slowDown).toHaveBeenCalledTimes(1);
  expect((await attemptsOf(event)).filter(({ emailId }) => emailId === refused!.id)).toEqual([
    expect.objectContaining({ number: 1, outcome: 'deferred', reply: '452 4.3.1 Insufficient system storage' }),
    expect.objectContaining({ number: 2, outcome: 'sent' }),
  ]);
});

test('a relay that is back, which cannot be recorded, is tried again soon, and its only connection is not lost', async () => {
  let isUp = false;
  const relay = await startScriptedServer(async (peer) => {
    if (isUp) return void (await honestUntil(peer, 'never'));
    peer.say('554 5.3.2 Not now');
    peer.end();
  });
  closers.push(() => relay.close());
  await use(relay.port);
  const event = await publish();
  await allReach(event, 'deferred');
  const reached = jest.spyOn(RelayStatesRepository.prototype, 'reached').mockRejectedValueOnce(new Error('Connection terminated unexpectedly'));
  isUp = true;
  await allReach(event, 'sent');
  expect(reached.mock.calls.length).toBeGreaterThan(1);
});
