import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { UntoldFailures } from '../../src/emails/emails.service.js';
import { noticesOf } from '../../src/events/failure-notices.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { type SmtpSink, startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';

const TYPE = 'PasswordCheckFailed';
let mailroom: TestMailroom;
let sink: SmtpSink;

beforeAll(async () => {
  mailroom = await startMailroom();
  sink = await startSmtpSink({ refuse: (address, command) => (command === 'RCPT' && address.startsWith('gone') ? '550 5.1.1 No such user' : undefined) });
  await mailroom.sdk.putSmtpSettings({ body: { serverAddress: '127.0.0.1', port: sink.port, security: 'none', senderAddress: 'mailroom@example.com' } });
});
beforeEach(async () => {
  await mailroom.container.database.prisma.$executeRaw`TRUNCATE events, emails, email_contents, email_attempts, subscriptions`;
});
afterAll(async () => {
  await mailroom.close();
  await sink.close();
});

const subscribe = (emailAddress: string, eventTypes = [TYPE]) => mailroom.sdk.createSubscription({ body: { emailAddress, eventTypes } });
const publish = async (count = 1): Promise<string[]> =>
  ((await mailroom.sdk.publishEvents({ body: { events: Array.from({ length: count }, () => ({ type: TYPE })) } })).items as { id: string }[]).map(({ id }) => id);
const notices = () => mailroom.container.database.prisma.event.findMany({ where: { type: 'EmailNotificationFailed' }, orderBy: { id: 'asc' } });
const untold = () => mailroom.container.database.prisma.email.count({ where: { failureUntold: true } });
const failed = (eventIds: string[], count: number) =>
  waitFor(() => mailroom.container.database.prisma.email.count({ where: { eventId: { in: eventIds }, status: 'failed' } }), (found) => found === count);

describe('e-mails that failed for good', () => {
  test('are published, once for their event, with how many and the first addresses, and that reaches its subscribers', async () => {
    for (let n = 1; n <= 7; n += 1) await subscribe(`gone${n}@example.com`);
    await subscribe('there@example.com');
    await subscribe('admin@example.com', ['EmailNotificationFailed']);
    const [id] = await publish();
    await failed([id!], 7);
    const [notice] = await waitFor(notices, (events) => events.length > 0 && events[0]!.matchedAt !== null);
    const properties = notice!.properties as Record<string, string | number>;
    expect(notice).toMatchObject({ publishedBy: 'Mailroom', objectId: id });
    expect(properties).toMatchObject({ FailedEventId: id, FailedEventName: TYPE });
    const addresses = String(properties['FailedAddresses']).split(', ');
    expect(addresses.length).toBe(Math.min(5, Number(properties['FailedCount'])));
    expect(addresses.every((address) => /^gone\d@example\.com$/.test(address))).toBe(true);
    const mail = await waitFor(() => sink.mails.find(({ to, raw }) => to.includes('admin@example.com') && raw.includes(TYPE)), (found) => found !== undefined);
    expect(mail!.raw).toContain('could not be delivered');
  });

  test('of one event make one notice a minute; what failed meanwhile comes with the next', async () => {
    await subscribe('gone1@example.com');
    const [id] = await publish();
    await waitFor(notices, (events) => events.length === 1);
    const { prisma } = mailroom.container.database;
    await prisma.email.updateMany({ where: { eventId: id! }, data: { failureUntold: true } });
    const other = await publish();
    await waitFor(notices, (events) => events.length === 2); // of the other event: there was a look
    expect((await notices()).map(({ objectId }) => objectId)).toEqual([id, other[0]]);
    expect(await untold()).toBe(1);
    await prisma.event.updateMany({ where: { id: id! }, data: { failuresToldAt: new Date(Date.now() - 61_000) } });
    await waitFor(notices, (events) => events.length === 3);
    expect(await untold()).toBe(0);
  });

  test('are never published of a mail that itself tells of failures', async () => {
    await subscribe('gone1@example.com', [TYPE, 'EmailNotificationFailed']);
    const [id] = await publish();
    await failed([id!], 1);
    const [notice] = await waitFor(notices, (events) => events.length > 0);
    await failed([notice!.id], 1);
    expect(await untold()).toBe(0);
    const later = await publish();
    await failed(later, 1);
    await waitFor(notices, (events) => events.length === 2); // of the later one, and of no notice
    expect((await notices()).map(({ objectId }) => objectId)).toEqual([id, later[0]]);
  });

  test('of very many events make no flood: 20 notices a minute, the last of which tells of all the others', async () => {
    await subscribe('gone1@example.com');
    const ids = await publish(60);
    await failed(ids, 60);
    const told = await waitFor(notices, ({ length }) => length >= 20, 30_000).catch(notices); // fewer, when they failed all at once
    expect(told.length).toBeLessThanOrEqual(20);
    const counts = told.map(({ properties }) => Number((properties as { FailedCount: number }).FailedCount));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(60 - (await untold()));
  }, 60_000);
});

describe('notices', () => {
  const failureOf = (n: number): UntoldFailures => ({ eventId: `event ${n}`, eventType: `Type${n % 7}`, count: n, addresses: [`a${n}@example.com`, 'b@example.com'] });
  const failures = (count: number) => Array.from({ length: count }, (_, index) => failureOf(index + 1));

  test('are one for each event as long as there is room', () => {
    expect(noticesOf(failures(3), 3).map(({ objectId }) => objectId)).toEqual(['event 1', 'event 2', 'event 3']);
  });

  test('tell of all that is left in the last one', () => {
    const told = noticesOf(failures(10), 3);
    expect(told).toHaveLength(3);
    expect(told[2]).toEqual({
      type: 'EmailNotificationFailed',
      properties: { FailedEventName: 'Type3, Type4, Type5, Type6, Type0 and 2 more', FailedEventCount: 8, FailedCount: 52, FailedAddresses: 'a3@example.com, b@example.com, a4@example.com, a5@example.com, a6@example.com' },
    });
  });

  test('are a single one when there is room for one', () => {
    expect(noticesOf(failures(2), 1)).toEqual([expect.objectContaining({ properties: expect.objectContaining({ FailedEventCount: 2, FailedCount: 3 }) })]);
  });
});
