import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { DueEmailsRepository } from '../../src/emails/due-emails.repository.js';
import type { EmailStatus } from '../../src/emails/emails.contract.js';
import { RelayStatesRepository } from '../../src/emails/relay-states.repository.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { honestUntil, startScriptedServer, startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';

const TYPE = 'PasswordCheckFailed';
let mailroom: TestMailroom;

beforeAll(async () => {
  mailroom = await startMailroom({ env: { MAILROOM_RETRY_BASE_MS: '3000' } });
  await mailroom.sdk.createSubscription({ body: { emailAddress: 'ops@example.com', eventTypes: [TYPE] } });
});
afterAll(() => mailroom.close());

const settings = (port: number, overrides = {}) =>
  mailroom.sdk.putSmtpSettings({ body: { serverAddress: '127.0.0.1', port, security: 'none', senderAddress: 'mailroom@example.com', maxConnections: 4, ...overrides } });
const publish = async (count: number): Promise<string[]> => {
  const body = await mailroom.sdk.publishEvents({ body: { events: Array.from({ length: count }, () => ({ type: TYPE })) } });
  return (body.items as { id: string }[]).map(({ id }) => id);
};
const emails = (eventIds: string[]) => mailroom.container.database.prisma.email.findMany({ where: { eventId: { in: eventIds } } });
/** Counts before it reads: reading many rows again and again would be most of the work of the process. */
async function allReach(eventIds: string[], status: EmailStatus, deadlineMs?: number) {
  const { email } = mailroom.container.database.prisma;
  await waitFor(() => email.count({ where: { eventId: { in: eventIds }, status } }), (count) => count === eventIds.length, deadlineMs);
  return emails(eventIds);
}
const state = () => mailroom.container.database.prisma.relayState.findFirst({ orderBy: { updatedAt: 'desc' } });

/** Writes the relay's row while nobody tries the relay, nor is about to: whoever does holds a lease until the failure is on record. */
async function setState(data: { openUntil: Date; probeUntil?: Date }): Promise<void> {
  const { prisma } = mailroom.container.database;
  const { relay } = (await state())!;
  await waitFor(async () => {
    await prisma.relayState.update({ where: { relay }, data });
    if (await prisma.email.count({ where: { leaseId: { not: null } } }) > 0) return false;
    return (await prisma.relayState.findUniqueOrThrow({ where: { relay } })).openUntil?.getTime() === data.openUntil.getTime();
  }, Boolean);
}
const inTenMinutes = () => new Date(Date.now() + 600_000);

/** A port where nobody listens; a server can come back to it. */
async function deadPort(): Promise<number> {
  const server = await startSmtpSink();
  await server.close();
  return server.port;
}

describe('a relay that cannot be reached', () => {
  test('is tried by one connection and not by all; the others wait with the reason, and go out when it is back', async () => {
    let [connections, open, mostAtOnce] = [0, 0, 0];
    const down = await startScriptedServer(async (peer) => {
      [connections, open] = [connections + 1, open + 1];
      mostAtOnce = Math.max(mostAtOnce, open);
      peer.end();
      await peer.closed;
      open -= 1;
    });
    const { prisma } = mailroom.container.database;
    await settings(down.port);
    const first = await publish(3);
    await allReach(first, 'deferred');
    const { relay } = (await state())!;
    await setState({ openUntil: inTenMinutes() });

    const before = connections;
    const waiting = await publish(300);
    const rows = await allReach(waiting, 'deferred');
    expect(connections).toBe(before);
    expect(rows.every(({ attemptCount, reason, nextAttemptAt }) => attemptCount === 0 && reason!.includes('It is tried by one connection') && nextAttemptAt !== null)).toBe(true);

    const { failures } = (await state())!;
    mostAtOnce = 0;
    await prisma.relayState.update({ where: { relay }, data: { openUntil: new Date() } });
    await waitFor(state, (row) => row!.failures > failures);
    expect(mostAtOnce).toBe(1);

    await down.close();
    const back = await startScriptedServer(async (peer) => void (await honestUntil(peer, 'never')), { port: down.port });
    await allReach([...first, ...waiting], 'sent', 90_000);
    expect(await state()).toMatchObject({ failures: 0, openUntil: null, code: null });
    await back.close();
  }, 120_000);

  test('leaves what waited to go out by age when it is back, whatever became due meanwhile', async () => {
    const port = await deadPort();
    await settings(port);
    const events = await publish(1);
    await allReach(events, 'deferred');
    const { prisma } = mailroom.container.database;
    const { relay } = (await state())!;
    await setState({ openUntil: inTenMinutes() });
    for (let batch = 0; batch < 3; batch += 1) events.push(...(await publish(500)));
    await allReach(events, 'deferred');
    const youngest = events.slice(-300);
    await prisma.email.updateMany({ where: { eventId: { in: youngest } }, data: { nextAttemptAt: new Date(), nudgeAt: new Date() } });
    await waitFor(() => prisma.email.count({ where: { eventId: { in: youngest }, nextAttemptAt: { gt: new Date() } } }), (count) => count === youngest.length);

    const back = await startScriptedServer(async (peer) => void (await honestUntil(peer, 'never')), { port });
    await prisma.relayState.update({ where: { relay }, data: { openUntil: new Date() } });
    const sent = (await allReach(events, 'sent', 90_000)).sort((one, other) => one.sentAt!.getTime() - other.sentAt!.getTime());
    const distances = sent.map(({ eventId }, index) => Math.abs(events.indexOf(eventId) - index));
    expect(Math.max(...distances)).toBeLessThan(600); // two jobs of 250 go out side by side
    await back.close();
  }, 120_000);

  test('that comes back in the middle of a postponement leaves nothing postponed', async () => {
    await settings(await deadPort());
    const [id] = await publish(1);
    await allReach([id!], 'deferred');
    const { database } = mailroom.container;
    const dueEmails = new DueEmailsRepository(database);
    await setState({ openUntil: inTenMinutes() });
    let postponed: Promise<number> | undefined;
    await database.prisma.$transaction(async (recovery) => {
      await recovery.relayState.updateMany({ data: { openUntil: null } });
      await database.prisma.email.updateMany({ where: { eventId: id! }, data: { nextAttemptAt: new Date(), nudgeAt: new Date() } });
      postponed = dueEmails.postponeDue(10);
      await waitFor(() => database.prisma.$queryRaw`SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%FOR SHARE%'`, (rows) => (rows as unknown[]).length > 0);
    }, { timeout: 20_000 });
    expect(await postponed).toBe(0);
  });

  test('is not looked for any more when the settings name another one', async () => {
    await settings(await deadPort());
    const [id] = await publish(1);
    await allReach([id!], 'deferred');
    const { database } = mailroom.container;
    await database.prisma.$transaction(async (prisma) => { // so that no worker sees it
      const states = new RelayStatesRepository({ ...database, prisma: prisma as typeof database.prisma });
      await prisma.relayState.updateMany({ data: { openUntil: new Date(Date.now() - 1_000), probeUntil: null } });
      expect(await states.wantsProbe()).toBe(true);
      await prisma.smtpSettings.updateMany({ data: { version: { increment: 1 } } });
      expect(await states.wantsProbe()).toBe(false);
    });
  });

  test('whose retry window has ended fails without another attempt', async () => {
    await settings(await deadPort());
    const [blocked] = await publish(1);
    await allReach([blocked!], 'deferred');
    const { prisma } = mailroom.container.database;
    await setState({ openUntil: inTenMinutes() });
    await prisma.email.updateMany({ where: { eventId: blocked! }, data: { giveUpAt: new Date(Date.now() - 1_000), nextAttemptAt: new Date(), nudgeAt: new Date() } });
    const [row] = await allReach([blocked!], 'failed');
    expect(row!.reason).toMatch(/^No success within the retry window\. Last: /);
    expect(row!.nextAttemptAt).toBeNull();
  });

  test('gets mail whose retry window ended while nobody tried it, as after a long stop', async () => {
    const port = await deadPort();
    await settings(port);
    const [late] = await publish(1);
    await allReach([late!], 'deferred');
    const { prisma } = mailroom.container.database;
    const relay = (await state())!.relay;
    const [ago, soon] = [new Date(Date.now() - 3_600_000), new Date(Date.now() + 60_000)];
    await setState({ openUntil: ago, probeUntil: soon });
    await prisma.email.updateMany({ where: { eventId: late! }, data: { giveUpAt: new Date(Date.now() - 60_000), nextAttemptAt: ago, nudgeAt: ago } });
    const [put] = await waitFor(() => emails([late!]), ([row]) => row!.nextAttemptAt === null || row!.nextAttemptAt > ago);
    expect(put!.status).toBe('deferred');
    const back = await startScriptedServer(async (peer) => void (await honestUntil(peer, 'never')), { port });
    await prisma.relayState.update({ where: { relay }, data: { probeUntil: null } });
    await allReach([late!], 'sent');
    await back.close();
  });

  test('is tried at once when the DNS servers are changed', async () => {
    await settings(await deadPort());
    const [id] = await publish(1);
    await allReach([id!], 'deferred');
    const { prisma } = mailroom.container.database;
    await setState({ openUntil: inTenMinutes() });
    await prisma.email.updateMany({ where: { eventId: id! }, data: { nextAttemptAt: new Date(Date.now() + 600_000), nudgeAt: new Date(Date.now() + 600_000) } });
    const { failures } = (await state())!;
    await prisma.dnsSettings.updateMany({ data: { version: { increment: 1 } } });
    await waitFor(state, (row) => row!.failures > failures);
  });
});

describe('a relay that asks for less', () => {
  test.each([['421 4.3.2 Slow down'], ['452 4.3.1 Out of room']])('with %s gets it, from all workers, and for a while only', async (reply) => {
    let refused = 0;
    const server = await startScriptedServer(async (peer) => {
      if (!await honestUntil(peer, 'MAIL')) return;
      refused += 1;
      peer.say(reply);
      peer.end();
    });
    await settings(server.port, { maxConnections: 1 });
    const [id] = await publish(1);
    await waitFor(() => refused, (count) => count > 0);
    const slowed = await waitFor(state, (row) => (row?.slowIntervalMs ?? 0) > 0);
    expect(slowed!.slowIntervalMs).toBeGreaterThanOrEqual(200);
    await server.close();
    await mailroom.sdk.results.cancelEmail({ path: { id: (await emails([id!]))[0]!.id } });
  });

  test('by complaints that come together is slowed down once, by later ones further, to ten seconds at most; half of it is over after 30 s', async () => {
    const { database } = mailroom.container;
    const states = new RelayStatesRepository(database);
    const ago = (seconds: number) => database.prisma.$executeRaw`UPDATE relay_states SET slowed_at = now() - make_interval(secs => ${seconds}) WHERE relay = 'r1'`;
    await Promise.all(Array.from({ length: 5 }, () => states.slowDown('r1')));
    expect(await states.slowDown('r1')).toBe(200);
    await ago(2);
    const doubled = await states.slowDown('r1');
    expect(doubled).toBeLessThanOrEqual(Math.ceil(2 * 200 / 2 ** (2 / 30)));
    expect(doubled).toBeGreaterThan(330); // some seconds later
    const set = (ms: number) => database.prisma.$executeRaw`UPDATE relay_states SET slow_interval_ms = ${ms} WHERE relay = 'r1'`;
    await set(9_000);
    await ago(2);
    expect(await states.slowDown('r1')).toBe(10_000);
    await set(4_000);
    await ago(30);
    const halved = await states.slowDown('r1');
    expect(halved).toBeLessThanOrEqual(4_000); // twice the half
    expect(halved).toBeGreaterThan(3_300);
    await ago(3_600);
    expect(await states.slowDown('r1')).toBe(200); // it had recovered
  });
});

describe('the breaker', () => {
  let states: RelayStatesRepository;
  beforeEach(() => { states = new RelayStatesRepository(mailroom.container.database); });

  test('lets one of many try when its time has come, and doubles the time with each failure', async () => {
    const fail = () => states.unreachable('r2', { code: 'CONNECTION_REFUSED', message: 'It refused.' }, 1_000, 60_000);
    expect(await states.standing('r2')).toBe('closed');
    await fail();
    expect(await states.standing('r2')).toBe('open');
    await mailroom.container.database.prisma.$executeRaw`UPDATE relay_states SET open_until = now() WHERE relay = 'r2'`;
    const standings = await Promise.all(Array.from({ length: 8 }, () => states.standing('r2')));
    expect(standings.filter((standing) => standing === 'probe')).toHaveLength(1);
    expect(standings.filter((standing) => standing === 'open')).toHaveLength(7);
    const pauses: number[] = [];
    for (let failure = 0; failure < 8; failure += 1) {
      await fail();
      const [row] = await mailroom.container.database.prisma.$queryRaw<{ pause: number }[]>`SELECT round(extract(epoch FROM open_until - updated_at))::int AS pause FROM relay_states WHERE relay = 'r2'`;
      pauses.push(row!.pause);
    }
    expect(pauses).toEqual([2, 4, 8, 16, 32, 60, 60, 60]);
    await states.reached('r2');
    expect(await states.standing('r2')).toBe('closed');
  });
});
