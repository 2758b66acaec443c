import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { simpleParser } from 'mailparser';
import { deliverEmails } from '../../src/emails/deliver-emails.job.js';
import type { Email, EmailStatus, EmailWithAttempts } from '../../src/emails/emails.contract.js';
import type { User } from '../../src/users/users.contract.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { lies, type ScriptedServer, type SmtpSink, startScriptedServer, startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';

const TYPE = 'DiskUsageWarning';

let mailroom: TestMailroom;
let sink: SmtpSink;
let liar: ScriptedServer | undefined;
/** Where nobody listens. */
const CLOSED_PORT = 1;

beforeAll(async () => {
  mailroom = await startMailroom({ env: { MAILROOM_RETRY_BASE_MS: '300' } });
  const refusals: Record<string, string> = { busy: '450 4.2.1 Mailbox busy', gone: '550 5.1.1 No such user' };
  sink = await startSmtpSink({ refuse: (address, command) => (command === 'RCPT' ? refusals[address.replace(/\d*@.*/, '')] : undefined) });
});
beforeEach(async () => {
  await mailroom.container.database.prisma.subscription.deleteMany();
  await settings(sink.port);
});
afterAll(async () => {
  await mailroom.close();
  await sink.close();
  await liar?.close();
});

const settings = (port: number) => mailroom.sdk.putSmtpSettings({ body: { serverAddress: 'localhost', port, security: 'none', senderAddress: 'mailroom@example.com' } });
const release = () => settings(sink.port);

let made = 0;
/** An address that no other test has. */
const fresh = (name: string): string => `${name}${made += 1}@example.com`;

const subscribe = (recipient: object) => mailroom.sdk.createSubscription({ body: { ...recipient, eventTypes: [TYPE] } });
const subscriber = async (emailAddress: string): Promise<User> => {
  const body = await mailroom.sdk.createUser({ body: { name: 'Dana', emailAddress } });
  await subscribe({ userId: (body).id });
  return body;
};
const change = (user: User, overrides: Partial<User>) => mailroom.sdk.putUser({ path: { id: user.id }, body: { ...user, ...overrides } });
const move = (user: User, emailAddress: string) => change(user, { emailAddress });
const remove = ({ id }: User) => mailroom.sdk.deleteUser({ path: { id } });

const publish = async (): Promise<string> => (await mailroom.sdk.publishEvent({ body: { type: TYPE, properties: { DiskUsagePercent: 93 } } })).id;
const emailsOf = async (eventId: string): Promise<Email[]> => (await mailroom.sdk.listEmails({ query: { eventId, limit: 200 } })).items;
const reached = async (eventId: string, ...statuses: EmailStatus[]): Promise<Email[]> =>
  waitFor(() => emailsOf(eventId), (emails) => emails.map(({ status }) => status).sort().join() === [...statuses].sort().join());
/** An event whose e-mails wait, for the server cannot be reached. */
const waiting = async (count = 1): Promise<{ id: string; emails: Email[] }> => {
  await settings(CLOSED_PORT);
  const id = await publish();
  return { id, emails: await reached(id, ...Array<EmailStatus>(count).fill('deferred')) };
};
const whole = async ({ id }: Email): Promise<EmailWithAttempts> => (await mailroom.sdk.getEmail({ path: { id } }));
const mailsTo = (...addresses: string[]) => sink.mails.filter(({ to }) => to.some((address) => addresses.includes(address)));
const found = async (to: string): Promise<string[]> => ((await mailroom.sdk.listEmails({ query: { to } })).items as Email[]).map(({ id }) => id);
const rowOf = ({ id }: Email) => mailroom.container.database.prisma.email.findUniqueOrThrow({ where: { id } });

/** Expects that the e-mail was sent to this address, and that the server has it once, with the address in its header. */
async function expectSent(email: Email, address: string): Promise<void> {
  expect(await whole(email)).toMatchObject({ status: 'sent', to: address, reason: null, messageId: email.messageId });
  const mails = sink.mails.filter(({ raw }) => raw.includes(email.messageId));
  expect(mails.map(({ to }) => to)).toEqual([[address]]);
  const header = (await simpleParser(mails[0]!.raw)).to;
  expect([header].flat().flatMap((one) => one?.value ?? []).map((one) => one.address)).toEqual([address]);
  expect(await found(address)).toContain(email.id);
}

/** Expects that nothing was begun for an e-mail, and nothing will be. */
async function expectSkipped(email: Email, code: string): Promise<void> {
  const { attempts, ...skipped } = await whole(email);
  expect(skipped).toMatchObject({ status: 'skipped', reason: { code, message: expect.stringMatching(/^The user.*\.$/) }, nextAttemptAt: null, sentAt: null, serverReply: null });
  expect(attempts.map(({ outcome }) => outcome)).toEqual(attempts.map(() => 'deferred'));
  expect(await rowOf(email)).toMatchObject({ leaseId: null, nudgeAt: null, attemptCount: attempts.length });
  expect(sink.mails.filter(({ raw }) => raw.includes(email.messageId))).toEqual([]);
}

describe('the address of a user', () => {
  test('is the one at the time of the event; a disabled user gets no mail', async () => {
    const [dana, eve] = [await subscriber(fresh('dana')), await subscriber(fresh('eve'))];
    const address = fresh('dana');
    await move(dana, address);
    await change(eve, { enabled: false });
    const [email] = await reached(await publish(), 'sent');
    expect(email).toMatchObject({ userId: dana.id, subscriptionId: expect.any(String) });
    await expectSent(email!, address);
    expect(mailsTo(dana.emailAddress, eve.emailAddress)).toEqual([]);
  });

  test.each([['another address', () => fresh('corrected')], ['the same in another case', (first: string) => first.replace('dana', 'DANA')]])('corrected to %s is where waiting mail goes', async (_name, corrected) => {
    const dana = await subscriber(fresh('dana'));
    const { emails: [email] } = await waiting();
    expect(email).toMatchObject({ to: dana.emailAddress, reason: { code: 'CONNECTION_REFUSED' } });
    expect(Date.parse(email!.nextAttemptAt!)).toBeGreaterThan(Date.parse(email!.createdAt));
    const address = corrected(dana.emailAddress);
    await move(dana, address);
    await release();
    await reached(email!.eventId, 'sent');
    await expectSent(email!, address);
    expect(mailsTo(dana.emailAddress)).toEqual([]);
    expect((await whole(email!)).attempts.at(-1)).toMatchObject({ outcome: 'sent', port: sink.port });
    if (address.toLowerCase() !== dana.emailAddress) expect(await found(dana.emailAddress)).toEqual([]);
  });

  test('corrected while the server puts the first one off is where the next attempt goes', async () => {
    const dana = await subscriber(fresh('busy'));
    const [email] = await reached(await publish(), 'deferred');
    const address = fresh('dana');
    await move(dana, address);
    await reached(email!.eventId, 'sent');
    await expectSent(email!, address);
    const { attempts } = await whole(email!);
    expect(attempts.slice(0, -1).every(({ outcome, stage }) => outcome === 'deferred' && stage === 'rcptTo')).toBe(true);
    expect([attempts.length > 1, attempts.at(-1)!.outcome]).toEqual([true, 'sent']);
  });

  test('corrected after the server refused the first one for good is where a retry goes', async () => {
    const dana = await subscriber(fresh('gone'));
    const [email] = await reached(await publish(), 'failed');
    const address = fresh('dana');
    await move(dana, address);
    await mailroom.sdk.retryEmail({ path: { id: email!.id } });
    await reached(email!.eventId, 'sent');
    await expectSent(email!, address);
  });

  test('does not matter any more once a server may have the mail', async () => {
    const dana = await subscriber(fresh('dana'));
    liar = await startScriptedServer(lies.closesAfterFinalDot);
    await settings(liar.port);
    const [email] = await reached(await publish(), 'unconfirmed');
    const address = fresh('dana');
    await move(dana, address);
    await release();
    await reached(email!.eventId, 'sent');
    await expectSent(email!, dana.emailAddress);
    expect(mailsTo(address)).toEqual([]);
  });
});

describe('a user who is gone when mail is about to be sent', () => {
  const GONE: [string, string, (user: User) => PromiseLike<unknown>][] = [
    ['disabled', 'USER_DISABLED', (user) => change(user, { enabled: false })],
    ['deleted', 'USER_DELETED', remove],
  ];

  test.each(GONE)('%s: waiting mail is skipped, and tells why; so is a retry of it', async (_name, code, go) => {
    const dana = await subscriber(fresh('dana'));
    const { id, emails: [email] } = await waiting();
    await go(dana);
    await release();
    await reached(id, 'skipped');
    await expectSkipped(email!, code);
    expect((await mailroom.sdk.getEvent({ path: { id } })).emails).toMatchObject({ skipped: 1, sent: 0, deferred: 0 });
    await mailroom.sdk.retryEmail({ path: { id: email!.id } });
    await reached(id, 'skipped');
    await expectSkipped(email!, code);
    await waitFor(() => mailroom.container.queue.depth(deliverEmails), ({ waiting: jobs, active }) => jobs + active === 0);
  });

  test('skipped mail is sent by a retry once the user is enabled, to the address of then', async () => {
    const dana = await subscriber(fresh('dana'));
    const { id, emails: [email] } = await waiting();
    await change(dana, { enabled: false });
    await release();
    await reached(id, 'skipped');
    const address = fresh('dana');
    await move(dana, address);
    await mailroom.sdk.retryEmail({ path: { id: email!.id } });
    await reached(id, 'sent');
    await expectSent(email!, address);
  });

  const SHARED: [string, (address: string) => Promise<unknown>][] = [['subscribes itself', (emailAddress) => subscribe({ emailAddress })], ['another user has', (emailAddress) => subscriber(emailAddress.toUpperCase())]];
  test.each(SHARED.flatMap(([how, share]) => GONE.map(([name, , go]) => [name, how, share, go] as const)))('%s: the address, which %s, gets its one mail', async (_name, _how, share, go) => {
    const dana = await subscriber(fresh('dana'));
    await share(dana.emailAddress);
    const { id, emails: [email] } = await waiting();
    await go(dana);
    await release();
    await reached(id, 'sent');
    await expectSent(email!, email!.to);
  });
});

describe('an address gets an event once, and none that asks for it goes without', () => {
  test('a user who moved to an address that gets it already is skipped', async () => {
    const [address, dana] = [fresh('team'), await subscriber(fresh('dana'))];
    await subscribe({ emailAddress: address });
    const { id, emails } = await waiting(2);
    await move(dana, address);
    await release();
    await reached(id, 'sent', 'skipped');
    await expectSkipped(emails.find(({ userId }) => userId === dana.id)!, 'ADDRESS_HAS_MAIL');
    await expectSent(emails.find(({ userId }) => userId === null)!, address);
  });

  test.each([2, 7])('of %i users who moved to one address one gets it', async (count) => {
    const users: User[] = [];
    while (users.length < count) users.push(await subscriber(fresh('dana')));
    const { id } = await waiting(count);
    const address = fresh('team');
    for (const user of users) await move(user, address);
    await release();
    const emails = await reached(id, 'sent', ...Array<EmailStatus>(count - 1).fill('skipped'));
    await expectSent(emails.find(({ status }) => status === 'sent')!, address);
    for (const email of emails.filter(({ status }) => status === 'skipped')) await expectSkipped(email, 'ADDRESS_HAS_MAIL');
  });

  /** Waits until no e-mail of an event waits, and answers how many mails each address has got. */
  const mailsOf = async (id: string, addresses: string[]): Promise<number[]> => {
    await waitFor(() => emailsOf(id), (emails) => emails.every(({ status }) => status === 'sent' || status === 'skipped'));
    return addresses.map((address) => mailsTo(address).length);
  };

  test.each([['swapped', true], ['handed on', false]])('users whose addresses were %s each get it at the new one', async (_name, swapped) => {
    const [dana, eve, other] = [await subscriber(fresh('dana')), await subscriber(fresh('eve')), fresh('other')];
    const { id } = await waiting(2);
    const last = swapped ? dana.emailAddress : other;
    await move(dana, eve.emailAddress);
    await move(eve, last);
    await release();
    expect(await mailsOf(id, [eve.emailAddress, last])).toEqual([1, 1]);
  });

  test('a user who took over the address of one who is disabled gets it there', async () => {
    const [dana, eve] = [await subscriber(fresh('dana')), await subscriber(fresh('eve'))];
    const { id } = await waiting(2);
    await change(eve, { enabled: false });
    await move(dana, eve.emailAddress);
    await release();
    expect(await mailsOf(id, [dana.emailAddress, eve.emailAddress])).toEqual([0, 1]);
  });

  test('a user who took over the address of one whose mail was skipped already gets it there', async () => {
    const [dana, eve] = [await subscriber(fresh('busy')), await subscriber(fresh('eve'))];
    const { id } = await waiting(2);
    await change(eve, { enabled: false });
    await release();
    await reached(id, 'deferred', 'skipped');
    await move(dana, eve.emailAddress);
    expect(await mailsOf(id, [dana.emailAddress, eve.emailAddress])).toEqual([0, 1]);
  });

  test('of two users who share an address one moves away, and each gets it', async () => {
    const [dana, other] = [await subscriber(fresh('dana')), fresh('other')];
    await subscriber(dana.emailAddress);
    const { id, emails: [email] } = await waiting();
    expect(email!.userId).toBe(dana.id);
    await move(dana, other);
    await release();
    expect(await mailsOf(id, [dana.emailAddress, other])).toEqual([1, 1]);
    const emails = await emailsOf(id);
    await expectSent(emails.find(({ to }) => to === dana.emailAddress)!, dana.emailAddress);
    await expectSent(emails.find(({ to }) => to === other)!, other);
    expect(emails.find(({ to }) => to === other)).toMatchObject({ userId: dana.id, eventId: id });
  });

  test('and the address that it moves to may be one that got the event before its user left it', async () => {
    const [dana, carl] = [await subscriber(fresh('busy')), await subscriber(fresh('carl'))];
    await subscriber(dana.emailAddress);
    const { id, emails } = await waiting(2);
    const [busy, another] = [emails.find(({ to }) => to === dana.emailAddress)!, fresh('carl')];
    await move(carl, another);
    await release();
    await reached(id, 'deferred', 'sent');
    expect(mailsTo(another)).toHaveLength(1);
    await move(dana, carl.emailAddress);
    await waitFor(() => mailsTo(carl.emailAddress).length, (count) => count > 0).finally(() => waitFor(() => mailroom.sdk.results.cancelEmail({ path: { id: busy.id } }), ({ error }) => error === undefined));
    expect(mailsTo(carl.emailAddress)).toHaveLength(1);
  });

  test('100 users of whom some moved, some are disabled and some were deleted', async () => {
    const { prisma } = mailroom.container.database;
    const prefix = fresh('bulk').replace(/@.*/, '_');
    await prisma.$executeRaw`INSERT INTO users (id, name, email_address, email_key, updated_by) SELECT gen_random_uuid(), n::text, ${prefix} || n || '@example.com', ${prefix} || n || '@example.com', 'test' FROM generate_series(0, 99) n`;
    await prisma.$executeRaw`INSERT INTO subscriptions (id, user_id, all_events, event_types, updated_by) SELECT gen_random_uuid(), id, false, ${[TYPE]}, 'test' FROM users WHERE starts_with(email_key, ${prefix})`;
    const { id } = await waiting(100);
    await prisma.$executeRaw`UPDATE users SET email_address = 'new-' || email_address, email_key = 'new-' || email_key WHERE starts_with(email_key, ${prefix}) AND name::int % 4 = 1`;
    await prisma.$executeRaw`UPDATE users SET enabled = false WHERE starts_with(email_key, ${prefix}) AND name::int % 4 = 2`;
    for (const user of await prisma.user.findMany({ where: { emailKey: { startsWith: prefix } } })) if (Number(user.name) % 4 === 3) await mailroom.sdk.deleteUser({ path: { id: user.id } });
    await release();
    const emails = await reached(id, ...Array<EmailStatus>(50).fill('sent'), ...Array<EmailStatus>(50).fill('skipped'));
    const expected = Array.from({ length: 100 }, (_, n) => [`${prefix}${n}@example.com`, `new-${prefix}${n}@example.com`, 'USER_DISABLED', 'USER_DELETED'][n % 4]!);
    expect(emails.map(({ status, to, reason }) => (status === 'sent' ? to : reason!.code)).sort()).toEqual(expected.sort());
    expect(sink.mails.flatMap(({ to }) => to).filter((address) => address.includes(prefix)).sort()).toEqual(expected.filter((one) => one.includes('@')));
  });
});
