import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type Claim, DeliveryRepository } from '../../src/emails/delivery.repository.js';
import { Marks } from '../../src/emails/marks.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';

let mailroom: TestMailroom;
let deliveries: DeliveryRepository;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
  deliveries = new DeliveryRepository(mailroom.container.database);
  await mailroom.sdk.putSmtpSettings({ body: { serverAddress: '127.0.0.1', port: 2525, security: 'none', senderAddress: 'mailroom@example.com' } });
});
afterAll(() => mailroom.close());
beforeEach(() => mailroom.container.database.prisma.email.deleteMany());

/** So many e-mails, by age; `status` and when they are due in SQL. */
async function waiting(count: number, status = 'queued', due = 'now()'): Promise<string[]> {
  const rows = await mailroom.container.database.prisma.$queryRawUnsafe<{ id: string }[]>(`
    INSERT INTO emails (id, event_id, event_type, publisher_key_id, to_address, to_key, match_key, message_id, status, give_up_at, next_attempt_at, nudge_at)
    SELECT uuid_v7(), gen_random_uuid(), 'Test', gen_random_uuid(), a, a, a, '<m>', '${status}', now() + interval '3 days', ${due}, now() + interval '15 seconds'
    FROM (SELECT n || '@example.com' AS a FROM generate_series(1, ${count}) n) made RETURNING id`);
  return rows.map(({ id }) => id).sort();
}

const claimed = async (ids: string[], most = 250) => (await deliveries.claim(ids, 'worker', most)).emails.map(({ id }) => id);

test('a small job takes the oldest of the others along, and their own jobs find nothing left', async () => {
  const ids = await waiting(5);
  expect(await claimed([ids[4]!], 3)).toEqual([ids[0], ids[1], ids[4]]);
  expect(await claimed([ids[0]!])).toEqual([]);
  expect(await claimed([ids[2]!, ids[3]!])).toEqual([ids[2], ids[3]]);
});

test('a full job takes nothing along', async () => {
  const ids = await waiting(4);
  expect(await claimed(ids.slice(2), 2)).toEqual(ids.slice(2));
});

test('only what is queued and due is taken along', async () => {
  const [own] = await waiting(1);
  await waiting(2, 'deferred');
  await waiting(2, 'sent', 'NULL');
  await waiting(2, 'queued', `now() + interval '1 hour'`);
  expect(await claimed([own!])).toEqual([own]);
});

test('a job whose e-mails are gone takes nothing: what waits has jobs of its own', async () => {
  const [own, ...others] = await waiting(3);
  await mailroom.container.database.prisma.email.delete({ where: { id: own! } });
  expect(await claimed([own!])).toEqual([]);
  expect(await claimed([others[0]!])).toEqual(others);
});

test('claims at the same time share nothing', async () => {
  const ids = await waiting(60);
  const claims = await Promise.all(ids.slice(0, 6).map((id) => claimed([id], 10)));
  const all = claims.flat();
  expect(new Set(all).size).toBe(all.length);
});

test('what is left when a lease ends is due at once; an attempt that is under way stays with the lease, which is over', async () => {
  const { prisma } = mailroom.container.database;
  await waiting(3);
  const [first] = await prisma.email.findMany({ orderBy: { id: 'asc' } });
  const claim = await deliveries.claim([first!.id], 'worker', 250);
  const [sending, held, done] = claim.emails;
  await deliveries.mark([sending!, done!].map(({ id, leaseId }) => ({ id, leaseId, forUser: false, relayVersion: claim.relayVersion })), []);
  await deliveries.mark([], [{ ...OUTCOME, id: done!.id, leaseId: claim.leaseId, relayVersion: claim.relayVersion }]);
  await deliveries.release(claim.leaseId, new Map([[sending!.id, null], [held!.id, 'queued']]));
  const rows = new Map((await prisma.email.findMany()).map((row) => [row.id, row]));
  expect(rows.get(sending!.id)).toMatchObject({ status: 'sending', leaseId: claim.leaseId });
  expect(rows.get(held!.id)).toMatchObject({ status: 'queued', leaseId: null });
  expect(rows.get(held!.id)!.nudgeAt!.getTime()).toBeLessThanOrEqual(Date.now() + 1_000);
  expect(rows.get(done!.id)).toMatchObject({ status: 'sent', leaseId: null });
  const [lease] = await prisma.deliveryLease.findMany({ where: { id: claim.leaseId } });
  expect(lease!.expiresAt.getTime()).toBeLessThanOrEqual(Date.now() + 1_000);
});

test.each(['queued', 'deferred', 'unconfirmed'] as const)('a start that nobody heard of is taken back when its lease ends: the mail is %s and due, as it was', async (status) => {
  const { email } = mailroom.container.database.prisma;
  const [id] = await waiting(1, status);
  const before = await email.findUniqueOrThrow({ where: { id: id! } });
  const { leaseId, relayVersion } = await deliveries.claim([id!], 'worker', 250);
  await deliveries.mark([{ id: id!, leaseId, forUser: false, relayVersion }], []);
  expect(await email.findUniqueOrThrow({ where: { id: id! } })).toMatchObject({ status: 'sending', attemptCount: 1, tries: 1 });
  await deliveries.release(leaseId, new Map([[id!, status]]));
  const { attemptCount, tries } = before;
  expect(await email.findUniqueOrThrow({ where: { id: id! } })).toMatchObject({ status, attemptCount, tries, leaseId: null, nextAttemptAt: expect.any(Date) });
  expect((await deliveries.claim([id!], 'worker', 250)).emails).toHaveLength(1);
});

test('of two leases that want to start the same e-mail in one statement, the one that lost it is told no', async () => {
  const [id] = await waiting(1, 'unconfirmed');
  const lost = await deliveries.claim([id!], 'worker', 250);
  await mailroom.sdk.retryEmails({ body: { status: 'unconfirmed' } });
  const holder = await deliveries.claim([id!], 'worker', 250);
  expect([lost.emails.length, holder.emails.length]).toEqual([1, 1]);
  const marks = new Marks((starts, outcomes) => deliveries.mark(starts, outcomes));
  const startOf = ({ leaseId, relayVersion }: Claim) => marks.start({ id: id!, leaseId, forUser: false, relayVersion });
  expect(await Promise.all([startOf(lost), startOf(holder)])).toEqual([null, expect.objectContaining({ id, leaseId: holder.leaseId })]);
});

test('contents are read in the order that was asked for, as many as fit, but one at least', async () => {
  const { prisma } = mailroom.container.database;
  const ids = [3, 1, 2].map((n) => `01900000-0000-7000-8000-00000000000${n}`);
  const SIZES = [200_000, 10, 100];
  for (const [index, eventId] of ids.entries()) await prisma.emailContent.create({ data: { eventId, subject: 's', textBody: 'ä'.repeat(SIZES[index]! / 2), htmlBody: '', replyTo: null, warnings: [] } });
  const read = async (bytes: number) => (await deliveries.contents(ids, bytes)).map(({ eventId }) => eventId);
  expect(await read(1)).toEqual([ids[0]]);
  expect(await read(200_010)).toEqual([ids[0], ids[1]]);
  expect(await read(200_110)).toEqual(ids);
  expect((await deliveries.contents([ids[1]!, '01900000-0000-7000-8000-000000000009'], 1)).map(({ textBody }) => textBody)).toEqual(['äääää']);
  await prisma.emailContent.deleteMany();
});

test('a claim tells which relay its e-mails are for, and whether it could be reached', async () => {
  const { prisma } = mailroom.container.database;
  const [one] = await waiting(1);
  const { relayVersion, isUnreachable } = await deliveries.claim([one!], 'worker', 250);
  expect(isUnreachable).toBe(false);
  expect(await deliveries.maySend(relayVersion)).toBe(true);
  await prisma.relayState.create({ data: { relay: relayVersion, openUntil: new Date() } });
  const [two] = await waiting(1);
  expect(await deliveries.claim([two!], 'worker', 250)).toMatchObject({ relayVersion, isUnreachable: true });
});

const OUTCOME = { number: 1, status: 'sent' as const, retryInMs: null, startedAt: new Date(), durationMs: 1, worker: 'worker', address: null, port: null, stage: 'data', code: null, reply: '250 OK', enhancedCode: null, message: null, hint: null, queueId: null };
