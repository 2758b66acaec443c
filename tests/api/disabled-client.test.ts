import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Email } from '../../src/emails/emails.contract.js';
import type { Event } from '../../src/events/events.contract.js';
import { buildEvent } from '../factories/build-event.js';
import { buildSubscription } from '../factories/build-subscription.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { waitFor } from '../setup/wait.js';

let mailroom: TestMailroom;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: true });
});
afterAll(async () => {
  await mailroom.close();
});

async function published(overrides: Parameters<typeof buildEvent>[0] = {}): Promise<Event> {
  const { id } = (await mailroom.as().post('/v1/events', buildEvent(overrides)).expect(202)).body as Event;
  return waitFor(async () => (await mailroom.as().get(`/v1/events/${id}`).expect(200)).body as Event, ({ matchedAt }) => matchedAt !== null);
}
const emailsOf = async ({ id }: Event): Promise<Email[]> => ((await mailroom.as().get(`/v1/emails?eventId=${id}`).expect(200)).body as { items: Email[] }).items;
const subscribe = (overrides: Parameters<typeof buildSubscription>[0]) => mailroom.as().post('/v1/subscriptions', buildSubscription(overrides)).expect(201);

test('while no server is set, an event makes skipped e-mails that say why', async () => {
  await subscribe({ emailAddress: 'Alice@example.com' });
  await subscribe({ emailAddress: 'alice@EXAMPLE.com', allEvents: true, eventTypes: [] });
  await subscribe({ emailAddress: 'bob@example.com', objectId: '42' });
  await subscribe({ emailAddress: 'carol@example.com', objectId: '43' });
  await subscribe({ emailAddress: 'dora@example.com', enabled: false });
  await subscribe({ emailAddress: 'emil@example.com', eventTypes: ['ApplianceHealthy'] });

  const event = await published({ objectId: '42' });
  expect(event.emails).toMatchObject({ skipped: 2, queued: 0, sending: 0 });
  const emails = await emailsOf(event);
  expect(emails.map(({ to }) => to.toLowerCase()).sort()).toEqual(['alice@example.com', 'bob@example.com']);
  for (const email of emails) {
    expect(email).toMatchObject({ status: 'skipped', reason: { code: 'EMAIL_CLIENT_DISABLED' }, attemptCount: 0, nextAttemptAt: null });
    expect(email.subject).toContain('Password Check Failed');
  }
});

test('an event that nobody asked for makes none', async () => {
  await mailroom.container.database.prisma.subscription.deleteMany();
  const event = await published();
  expect(await emailsOf(event)).toEqual([]);
  expect(await mailroom.container.database.prisma.emailContent.count({ where: { eventId: event.id } })).toBe(0);
});
