import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { EmailTemplatesRepository } from '../../src/email-templates/email-templates.repository.js';
import { EmailTemplatesService } from '../../src/email-templates/email-templates.service.js';
import type { Email } from '../../src/emails/emails.contract.js';
import { EmailsRepository } from '../../src/emails/emails.repository.js';
import { EmailsService } from '../../src/emails/emails.service.js';
import { EventTypesRepository } from '../../src/event-types/event-types.repository.js';
import { KnownEventTypes } from '../../src/event-types/known-event-types.js';
import { EventsRepository } from '../../src/events/events.repository.js';
import { Matcher } from '../../src/events/matcher.js';
import type { SmtpSettingsService } from '../../src/smtp-settings/smtp-settings.service.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';

const TYPE = 'DiskUsageWarning';

let mailroom: TestMailroom;
beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
});
beforeEach(async () => {
  const { prisma } = mailroom.container.database;
  await prisma.$executeRaw`TRUNCATE events, email_contents, emails, subscriptions, email_templates`;
  await settings('mailroom@example.com');
});
afterAll(async () => {
  await mailroom.close();
});

/** A matcher as the worker has it, whose nudges are only noted. */
function matching(limits?: { portion: number; nudged: number }) {
  const { database } = mailroom.container;
  const repository = new EmailsRepository(database);
  const nudge = jest.fn((_ids: string[]): Promise<void> => Promise.resolve());
  const sender = { get: async () => ({ settings: (await mailroom.sdk.getSmtpSettings()) }) } as unknown as SmtpSettingsService;
  const templates = new EmailTemplatesService(database, new EmailTemplatesRepository(database), new KnownEventTypes(new EventTypesRepository(database)));
  const emails = new EmailsService(database, repository, sender, nudge);
  const matcher = new Matcher(database, new EventsRepository(database), templates, emails, limits);
  return { matcher, repository, nudged: () => nudge.mock.calls.flatMap(([ids]) => ids), nudge };
}

const settings = (senderAddress: string | null, serverAddress: string | null = 'mail.example.com') =>
  mailroom.sdk.putSmtpSettings({ body: { serverAddress, senderAddress } });

const publish = async (overrides: object = {}, key?: string): Promise<string> =>
  (await mailroom.as(key).post('/v1/events', { type: TYPE, ...overrides }).expect(202)).body.id as string;

const subscribe = (count: number, type = TYPE) => mailroom.container.database.prisma.$executeRaw`
  INSERT INTO subscriptions (id, email_address, email_key, all_events, event_types, updated_by)
  SELECT uuid_v7(), 'S' || n || '@example.com', 's' || n || '@example.com', false, ARRAY[${type}], 'test' FROM generate_series(1, ${count}::int) n`;

const emailsOf = (eventId: string) => mailroom.container.database.prisma.email.findMany({ where: { eventId }, orderBy: { subscriptionId: 'asc' } });
const eventOf = (id: string) => mailroom.container.database.prisma.event.findUniqueOrThrow({ where: { id } });
const contentOf = (eventId: string) => mailroom.container.database.prisma.emailContent.findUniqueOrThrow({ where: { eventId } });

describe('in portions', () => {
  test('an event with more subscribers than a portion gets an e-mail for each', async () => {
    await subscribe(8);
    const { matcher, repository, nudged } = matching({ portion: 3, nudged: 100 });
    const make = jest.spyOn(repository, 'insertForSubscribers');
    const id = await publish();
    await matcher.match([id]);
    const emails = await emailsOf(id);
    expect(emails.map(({ toKey }) => toKey).sort()).toEqual(Array.from({ length: 8 }, (_, n) => `s${n + 1}@example.com`));
    expect(make.mock.calls.map(([, { after }]) => after)).toEqual([null, emails[2]!.subscriptionId, emails[5]!.subscriptionId]);
    expect(nudged().sort()).toEqual(emails.map((email) => email.id).sort());
    expect(await eventOf(id)).toMatchObject({ matchedAt: expect.any(Date), nudgeAt: null });
  });

  test.each([1, 2, 3, 4, 6])('portions of three for %i subscribers', async (count) => {
    await subscribe(count);
    const id = await publish();
    await matching({ portion: 3, nudged: 100 }).matcher.match([id]);
    expect(await emailsOf(id)).toHaveLength(count);
    expect((await eventOf(id)).matchedAt).not.toBeNull();
  });

  test('events share a transaction as long as they have a portion together', async () => {
    await subscribe(2);
    await subscribe(5, 'ApplianceSick');
    const { matcher, repository } = matching({ portion: 4, nudged: 100 });
    const make = jest.spyOn(repository, 'insertForSubscribers');
    const ids = [];
    for (const type of [TYPE, TYPE, TYPE, 'ApplianceSick', TYPE, 'PasswordCheckFailed']) ids.push(await publish({ type }));
    await matcher.match([...ids].reverse());
    const [a, b, c, large, d, unwanted] = ids;
    expect(make.mock.calls.map(([, { eventIds }]) => [...eventIds].sort())).toEqual([[a, b], [c], [large], [large], [d]]);
    const counts = await Promise.all(ids.map(async (id) => (await emailsOf(id)).length));
    expect(counts).toEqual([2, 2, 2, 5, 2, 0]);
    for (const id of ids) expect((await eventOf(id)).matchedAt).not.toBeNull();
    expect(await mailroom.container.database.prisma.emailContent.count({ where: { eventId: unwanted! } })).toBe(0);
  });

  test('an address with two subscriptions in different portions gets one e-mail', async () => {
    for (const emailAddress of ['Alice@example.com', 'bob@example.com', 'alice@Example.com']) {
      await mailroom.sdk.createSubscription({ body: { emailAddress, eventTypes: [TYPE] } });
    }
    const id = await publish();
    await matching({ portion: 1, nudged: 100 }).matcher.match([id]);
    expect((await emailsOf(id)).map(({ toAddress }) => toAddress)).toEqual(['Alice@example.com', 'bob@example.com']);
  });
});

describe('interrupted', () => {
  test('what is committed stays, the sweeper comes later, and the next matching makes what is missing, with the same content', async () => {
    await subscribe(8);
    const { matcher, repository, nudge } = matching({ portion: 3, nudged: 100 });
    const insert = repository.insertForSubscribers.bind(repository);
    jest.spyOn(repository, 'insertForSubscribers').mockImplementationOnce(insert).mockRejectedValueOnce(new Error('the database is gone'));
    const id = await publish();
    await expect(matcher.match([id])).rejects.toThrow('the database is gone');
    const first = await emailsOf(id);
    expect(first).toHaveLength(3);
    expect(nudge).toHaveBeenCalledTimes(1);
    const { matchedAt, nudgeAt } = await eventOf(id);
    expect(matchedAt).toBeNull();
    expect(nudgeAt!.getTime() - Date.now()).toBeGreaterThan(20_000);
    const { subject } = await contentOf(id);

    const again = matching({ portion: 3, nudged: 100 });
    await mailroom.as().put(`/v1/email-templates/${TYPE}`, { subject: 'of a later template', textBody: 't' }).expect(200);
    await again.matcher.match([id]);
    const all = await emailsOf(id);
    expect(all).toHaveLength(8);
    expect(all.slice(0, 3)).toEqual(first);
    expect(again.nudged().sort()).toEqual(all.slice(3).map((email) => email.id).sort());
    expect((await contentOf(id)).subject).toBe(subject);
    expect((await eventOf(id)).matchedAt).not.toBeNull();
  });

  test('a process that is to end stops between two portions', async () => {
    await subscribe(8);
    const end = new AbortController();
    const { matcher, nudge } = matching({ portion: 3, nudged: 100 });
    nudge.mockImplementationOnce(() => Promise.resolve(end.abort(new Error('the process ends'))));
    const id = await publish();
    await expect(matcher.match([id], end.signal)).rejects.toThrow('the process ends');
    expect(await emailsOf(id)).toHaveLength(3);
    expect((await eventOf(id)).matchedAt).toBeNull();
  });

  test('ids are UUIDv7 of the moment in createdAt that count up in the order of addresses', async () => {
    await subscribe(300);
    const id = await publish();
    await matching().matcher.match([id]);
    const emails = (await emailsOf(id)).sort((one, other) => (one.id < other.id ? -1 : 1));
    expect(emails).toHaveLength(300);
    expect(emails.map(({ toKey }) => toKey)).toEqual(emails.map(({ toKey }) => toKey).sort());
    for (const email of emails) {
      expect(email.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(parseInt(email.id.replaceAll('-', '').slice(0, 12), 16)).toBe(email.createdAt.getTime());
    }
  });

  test('several matchers at once for the same events make each e-mail once', async () => {
    await subscribe(9);
    const ids = [await publish(), await publish(), await publish()];
    await Promise.all([2, 3, 4, 20].map((portion) => matching({ portion, nudged: 100 }).matcher.match(ids)));
    for (const id of ids) {
      expect(await emailsOf(id)).toHaveLength(9);
      expect((await eventOf(id)).matchedAt).not.toBeNull();
    }
  });

  test('a subscription that goes meanwhile does not leave its event unmatched', async () => {
    await subscribe(4);
    const { matcher, nudge } = matching({ portion: 2, nudged: 100 });
    nudge.mockImplementationOnce(async () => void (await mailroom.container.database.prisma.subscription.deleteMany()));
    const id = await publish();
    await matcher.match([id]);
    expect(await emailsOf(id)).toHaveLength(2);
    expect((await eventOf(id)).matchedAt).not.toBeNull();
  });
});

describe('nudges', () => {
  test('5,000 e-mails at most are put into the queue; the others are due for the sweeper at once', async () => {
    await subscribe(12_000);
    const { matcher, nudged } = matching();
    const id = await publish();
    await matcher.match([id]);
    const emails = await emailsOf(id);
    expect(emails).toHaveLength(12_000);
    const later = emails.filter(({ nudgeAt, createdAt }) => nudgeAt!.getTime() > createdAt.getTime() + 1_000).map((email) => email.id);
    expect(later).toHaveLength(5_000);
    expect(nudged().sort()).toEqual(later.sort());
    expect(emails.every(({ nextAttemptAt }) => nextAttemptAt!.getTime() <= Date.now())).toBe(true);
  });

  test('the bound is that of the whole matching, not of a portion or event', async () => {
    await subscribe(4);
    const ids = [await publish(), await publish(), await publish()];
    const { matcher, nudged } = matching({ portion: 3, nudged: 6 });
    await matcher.match(ids);
    expect(nudged()).toHaveLength(6);
    const { prisma } = mailroom.container.database;
    expect(await prisma.email.count({ where: { nudgeAt: { lte: new Date() } } })).toBe(6);
  });

  test('e-mails that are skipped are not nudged', async () => {
    await settings('mailroom@example.com', null);
    await subscribe(3);
    const id = await publish();
    const { matcher, nudge } = matching();
    await matcher.match([id]);
    expect(await emailsOf(id)).toMatchObject(Array(3).fill({ status: 'skipped', nudgeAt: null, nextAttemptAt: null }));
    expect(nudge).not.toHaveBeenCalled();
  });
});

describe('an e-mail', () => {
  test.each([
    ['m@bücher.example', 'xn--bcher-kva.example'],
    ['Mailroom@Mail.EXAMPLE.com', 'mail.example.com'],
    ['"a@b"@example.com', 'example.com'],
    ['m@[192.0.2.1]', '[192.0.2.1]'],
    ['m@[IPv6:2001:DB8::1]', '[IPv6:2001:db8::1]'],
  ])('from %s has its Message-ID in %s', async (sender, domain) => {
    await settings(sender);
    expect(await messageIdOf()).toBe(`<ID@${domain}>`);
  });

  test('without a sender has its Message-ID in a domain that nobody has', async () => {
    await settings(null, null);
    expect(await messageIdOf()).toBe('<ID@mailroom.invalid>');
  });

  async function messageIdOf(): Promise<string> {
    await subscribe(1);
    const id = await publish();
    await matching().matcher.match([id]);
    const [email] = await emailsOf(id);
    return email!.messageId.replace(email!.id, 'ID');
  }

  test('is found by the millisecond in which it was made', async () => {
    await subscribe(3);
    for (let round = 0; round < 5; round += 1) await matching().matcher.match([await publish()]);
    const rows = await mailroom.container.database.prisma.email.findMany();
    for (const { id, createdAt } of rows) {
      const inMs = async (from: number, until: number): Promise<string[]> => {
        const { body } = await mailroom.as().get(`/v1/emails?from=${new Date(from).toISOString()}&until=${new Date(until).toISOString()}`).expect(200);
        return (body.items as Email[]).map((email) => email.id);
      };
      const made = createdAt.getTime();
      expect(await inMs(made, made + 1)).toContain(id);
      expect(await inMs(made - 1_000, made)).not.toContain(id);
      expect(await inMs(made + 1, made + 1_000)).not.toContain(id);
    }
  });

  test('is seen by the key that published its event', async () => {
    await subscribe(2);
    const [own, other] = [await mailroom.keyOf('publisher'), await mailroom.keyOf('publisher')];
    const id = await publish({}, own);
    await matching().matcher.match([id, await publish({}, other)]);
    const { body } = await mailroom.as(own).get('/v1/emails').expect(200);
    expect((body.items as Email[]).map(({ eventId }) => eventId)).toEqual([id, id]);
  });
});

test('what is not there is no fault', async () => {
  await matching().matcher.match([uuidv7()]);
  expect(await mailroom.container.database.prisma.email.count()).toBe(0);
});
