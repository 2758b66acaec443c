import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { builtInEventTypes } from '../../src/event-types/catalogue.js';
import { ROLE_DEFAULTS } from '../../src/subscriptions/role-defaults.js';
import type { Explanation, ExplanationCode, Subscription, SubscriptionWrite } from '../../src/subscriptions/subscriptions.contract.js';
import type { User } from '../../src/users/users.contract.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { type SmtpSink, startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';
import { auditOf } from './audit.js';
import { expectProblem } from './expect-problem.js';
import { meetAtLock } from './race.js';

const PATH = '/v1/subscriptions';
const NOBODY = '01900000-0000-7000-8000-000000000000';
const TYPE = 'PasswordCheckFailed';
const OTHER_TYPE = 'ApplianceSick';

let mailroom: TestMailroom;
let sink: SmtpSink | undefined;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
});
beforeEach(async () => {
  await mailroom.container.database.prisma.subscription.deleteMany();
  await mailroom.container.database.prisma.user.deleteMany();
});
afterAll(async () => {
  await mailroom.close();
  await sink?.close();
});

const user = async (emailAddress: string, enabled = true, name = 'Dana') => (await mailroom.as().post('/v1/users', { name, emailAddress, enabled }).expect(201)).body as User;
const subscribe = async (write: object) => (await mailroom.as().post(PATH, { eventTypes: [TYPE], ...write }).expect(201)).body as Subscription;
const rows = () => mailroom.container.database.prisma.subscription.findMany({ orderBy: { id: 'asc' } });
const state = async () => [await rows(), await auditOf(mailroom, 'subscription')];
const settings = (serverAddress: string | null, port = 25) =>
  mailroom.as().put('/v1/smtp-settings', { serverAddress, port, security: 'none', senderAddress: 'mailroom@example.com' }).expect(200);

describe('a subscription by user', () => {
  test('has no address of its own, and can be sent back as it was read', async () => {
    const { id: userId } = await user('dana@example.com');
    const made = await mailroom.as().post(PATH, { userId, eventTypes: [TYPE] }).expect(201);
    const { id, createdAt } = made.body as Subscription;
    expect(made.body).toEqual({ id, emailAddress: null, userId, allEvents: false, eventTypes: [TYPE], objectId: null, description: '', enabled: true, createdAt, updatedAt: createdAt, updatedBy: 'MAILROOM_ADMIN_KEY' });
    expect(await rows()).toEqual([expect.objectContaining({ id, userId, emailAddress: null, emailKey: null })]);
    const { body } = await mailroom.as().put(`${PATH}/${id}`, made.body as object).expect(200);
    expect({ ...body, updatedAt: createdAt }).toEqual(made.body);
    expect(await auditOf(mailroom, 'subscription', id)).toMatchObject([{ action: 'create', newValue: { userId, emailAddress: null } }, { action: 'update' }]);
  });

  test('becomes one by address, and the other way round; an id in capitals is the same user', async () => {
    const { id: userId } = await user('dana@example.com');
    const { id } = await subscribe({ emailAddress: 'bob@example.com', userId: null });
    const put = async (write: object) => (await mailroom.as().put(`${PATH}/${id}`, { eventTypes: [TYPE], ...write }).expect(200)).body as Subscription;
    expect(await put({ userId: userId.toUpperCase() })).toMatchObject({ userId, emailAddress: null });
    expect(await rows()).toMatchObject([{ userId, emailAddress: null, emailKey: null, version: 2 }]);
    expect(await put({ userId: null, emailAddress: 'Bob@example.com' })).toMatchObject({ userId: null, emailAddress: 'Bob@example.com' });
    expect(await rows()).toMatchObject([{ userId: null, emailKey: 'bob@example.com', version: 3 }]);
  });

  test.each<[string, object, string, string]>([
    ['an address and a user', { emailAddress: 'dana@example.com', userId: NOBODY }, 'SUBSCRIPTION_AMBIGUOUS', '/userId'],
    ['neither', {}, 'SUBSCRIPTION_RECIPIENT_REQUIRED', '/emailAddress'],
    ['null for both', { emailAddress: null, userId: null }, 'SUBSCRIPTION_RECIPIENT_REQUIRED', '/emailAddress'],
    ['a user who is not there', { userId: NOBODY }, 'USER_UNKNOWN', '/userId'],
    ['a user that is no id', { userId: 'dana' }, 'VALIDATION_FAILED', '/userId'],
  ])('refused: %s', async (_name, recipient, code, pointer) => {
    const { id } = await subscribe({ emailAddress: 'bob@example.com' });
    const before = await state();
    const body = { eventTypes: [TYPE], ...recipient };
    expectProblem(await mailroom.as().post(PATH, body), 400, code, [{ pointer }]);
    expectProblem(await mailroom.as().put(`${PATH}/${id}`, body), 400, code, [{ pointer }]);
    expectProblem(await mailroom.as().post(`${PATH}/defaults`, { role: 'workflowUser', ...recipient }), 400, code, [{ pointer }]);
    expect(await state()).toEqual(before);
  });

  test('is listed under the address that its user has now, and under the user', async () => {
    const [dana, eve] = [await user('Dana@example.com'), await user('eve@example.com', false)];
    await subscribe({ userId: dana.id, description: 'dana' });
    await subscribe({ userId: eve.id, description: 'eve', allEvents: true, eventTypes: [] });
    await subscribe({ emailAddress: 'dana@Example.com', description: 'address' });
    const listed = async (query: string) => ((await mailroom.as().get(`${PATH}?${query}`).expect(200)).body.items as Subscription[]).map(({ description }) => description);
    expect(await listed('emailAddress=DANA@example.com')).toEqual(['address', 'dana']);
    expect(await listed(`userId=${dana.id}`)).toEqual(['dana']);
    expect(await listed(`userId=${eve.id.toUpperCase()}`)).toEqual(['eve']);
    expect(await listed(`userId=${NOBODY}`)).toEqual([]);
    await mailroom.as().put(`/v1/users/${dana.id}`, { name: 'Dana', emailAddress: 'eve@example.com' }).expect(200);
    expect(await listed('emailAddress=dana@example.com')).toEqual(['address']);
    expect(await listed('emailAddress=eve@example.com')).toEqual(['eve', 'dana']);
    expect(await listed(`emailAddress=eve@example.com&userId=${dana.id}`)).toEqual(['dana']);
    expect(await listed(`emailAddress=eve@example.com&eventType=${OTHER_TYPE}`)).toEqual(['eve']);
    expectProblem(await mailroom.as().get(`${PATH}?userId=dana`), 400, 'VALIDATION_FAILED', [{ parameter: 'userId' }]);
  });
});

describe('the defaults of roles', () => {
  const ROLES = Object.entries(ROLE_DEFAULTS);
  const DEFAULTS = `${PATH}/defaults`;

  test('are listed, for auditors too, and name event types that exist', async () => {
    const { body } = await mailroom.as(await mailroom.keyOf('auditor')).get(DEFAULTS).expect(200);
    expect(body).toEqual({ items: ROLES.map(([role, eventTypes]) => ({ role, eventTypes })) });
    for (const [, eventTypes] of ROLES) {
      expect(eventTypes.filter((name) => !builtInEventTypes.has(name))).toEqual([]);
      expect(new Set(eventTypes).size).toBe(eventTypes.length);
    }
  });

  test.each(ROLES)('%s: made once for an address and once for a user; asked for again they are the answer', async (role, eventTypes) => {
    const { id: userId } = await user('dana@example.com');
    for (const recipient of [{ emailAddress: 'dana@example.com' }, { userId }]) {
      const made = await mailroom.as().post(DEFAULTS, { role, ...recipient }).expect(201);
      const { id } = made.body as Subscription;
      expect(made.body).toMatchObject({ emailAddress: null, userId: null, ...recipient, eventTypes, allEvents: false, objectId: null, enabled: true, description: expect.stringContaining(role) });
      expect(made.headers).toMatchObject({ location: `${PATH}/${id}`, etag: '"1"' });
      expect((await mailroom.as().get(`${PATH}/${id}`).expect(200)).body).toEqual(made.body);
      const before = await state();
      const again = await mailroom.as().post(DEFAULTS, { role, ...recipient }).expect(200);
      expect([again.body, again.headers['etag']]).toEqual([made.body, '"1"']);
      expect(await state()).toEqual(before);
      expect(await auditOf(mailroom, 'subscription', id)).toMatchObject([{ action: 'create', newValue: { eventTypes, ...recipient } }]);
    }
    expect(await rows()).toHaveLength(2);
  });

  test.each<[string, object, number]>([
    ['another case of the address and another order of the types', { emailAddress: 'DANA@example.com', eventTypes: [...ROLE_DEFAULTS.workflowUser].reverse() }, 200],
    ['one type less', { eventTypes: ROLE_DEFAULTS.workflowUser.slice(1) }, 201], ['one type more', { eventTypes: [...ROLE_DEFAULTS.workflowUser, OTHER_TYPE] }, 201],
    ['for one object only', { objectId: '42' }, 201], ['disabled', { enabled: false }, 200], ['of another address', { emailAddress: 'eve@example.com' }, 201],
  ])('a subscription that is there, %s, is the answer or not: %#', async (_name, overrides, status) => {
    const there = await subscribe({ emailAddress: 'dana@example.com', eventTypes: ROLE_DEFAULTS.workflowUser, ...overrides });
    const { body } = await mailroom.as().post(DEFAULTS, { role: 'workflowUser', emailAddress: 'dana@example.com' }).expect(status);
    expect((body as Subscription).id === there.id).toBe(status === 200);
  });

  test('asked for several times at once they are made once', async () => {
    const ask = () => mailroom.as().post(DEFAULTS, { role: 'workflowUser', emailAddress: 'dana@example.com' });
    const answers = await meetAtLock(mailroom, 'LOCK TABLE subscriptions IN SHARE MODE', [ask, ask, ask]); // they read, and cannot write
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 201]);
    expect(await rows()).toHaveLength(1);
  });

  test.each([[{ role: 'root' }, '/role'], [{ role: undefined }, '/role'], [{ eventTypes: [TYPE] }, '/eventTypes']])('refused: %j', async (overrides, pointer) => {
    const before = await state();
    expectProblem(await mailroom.as().post(DEFAULTS, { role: 'workflowUser', emailAddress: 'dana@example.com', ...overrides }), 400, 'VALIDATION_FAILED', [{ pointer }]);
    expectProblem(await mailroom.as(await mailroom.keyOf('auditor')).post(DEFAULTS, { role: 'workflowUser', emailAddress: 'dana@example.com' }), 403, 'ROLE_INSUFFICIENT');
    expect(await state()).toEqual(before);
  });
});

describe('explain', () => {
  const ask = (query: Record<string, string>) => mailroom.as().get(`${PATH}/explain?${new URLSearchParams({ eventType: TYPE, emailAddress: 'dana@example.com', ...query }).toString()}`);
  const explain = async (query: Record<string, string> = {}) => (await ask(query).expect(200)).body as Explanation;

  beforeEach(() => settings('mail.example.com'));

  /** A subscription: its own fields, and whether it is by a user, who may be disabled. */
  type Given = Partial<SubscriptionWrite> & { by?: 'user' | 'disabled user' };
  const given = async ({ by, ...write }: Given): Promise<Subscription> =>
    subscribe(by === undefined ? { emailAddress: 'Dana@Example.com', ...write } : { userId: (await user('dana@example.com', by === 'user')).id, ...write });

  test.each<[string, Given, Record<string, string>, ExplanationCode[]]>([
    ['by address', {}, {}, ['SUBSCRIBED']],
    ['by user', { by: 'user' }, {}, ['SUBSCRIBED']],
    ['to all events', { allEvents: true, eventTypes: [] }, {}, ['SUBSCRIBED']],
    ['to the object', { objectId: '42' }, { objectId: '42' }, ['SUBSCRIBED']],
    ['to any object', {}, { objectId: '42' }, ['SUBSCRIBED']],
    ['the address in another case', {}, { emailAddress: 'DANA@EXAMPLE.COM' }, ['SUBSCRIBED']],
    ['disabled', { enabled: false }, {}, ['SUBSCRIPTION_DISABLED']],
    ['of a disabled user', { by: 'disabled user' }, {}, ['USER_DISABLED']],
    ['to another type', { eventTypes: [OTHER_TYPE] }, {}, ['EVENT_TYPE_NOT_SUBSCRIBED']],
    ['to another object', { objectId: '42' }, { objectId: '4' }, ['OBJECT_DIFFERS']],
    ['to an object, and the event has none', { allEvents: true, eventTypes: [], objectId: '42' }, {}, ['OBJECT_DIFFERS']],
    ['with all in its way', { by: 'disabled user', enabled: false, eventTypes: [OTHER_TYPE], objectId: '42' }, { objectId: '4' }, ['SUBSCRIPTION_DISABLED', 'USER_DISABLED', 'EVENT_TYPE_NOT_SUBSCRIBED', 'OBJECT_DIFFERS']],
    ['of another address', { emailAddress: 'eve@example.com' }, {}, ['NO_SUBSCRIPTION']],
  ])('a subscription %s', async (_name, subscription, query, codes) => {
    const { id, userId } = await given({ description: 'Dana at work', ...subscription });
    const [before, explanation] = [await state(), await explain(query)];
    const about = codes[0] === 'NO_SUBSCRIPTION' ? { subscriptionId: null, userId: null } : { subscriptionId: id, userId };
    expect(explanation).toEqual({
      eventType: TYPE, emailAddress: 'dana@example.com', objectId: null, ...query,
      answer: codes[0] === 'SUBSCRIBED' ? 'yes' : 'no', reasons: codes.map((code) => ({ code, message: expect.stringMatching(/^\w.*\.$/), ...about })),
    });
    if (about.subscriptionId !== null) for (const { message } of explanation.reasons) expect(message).toContain(`${id} (Dana at work)`);
    expect(await state()).toEqual(before);
  });

  test('what asks for it comes first; a disabled client says no to all', async () => {
    const disabled = await given({ enabled: false });
    const byUser = await given({ by: 'user' });
    const brief = ({ answer, reasons }: Explanation) => [answer, ...reasons.map(({ code, subscriptionId }) => [code, subscriptionId])];
    expect(brief(await explain())).toEqual(['yes', ['SUBSCRIBED', byUser.id], ['SUBSCRIPTION_DISABLED', disabled.id]]);
    await settings(null);
    expect(brief(await explain())).toEqual(['no', ['SUBSCRIBED', byUser.id], ['EMAIL_CLIENT_DISABLED', null], ['SUBSCRIPTION_DISABLED', disabled.id]]);
    expect(brief(await explain({ emailAddress: 'eve@example.com' }))).toEqual(['no', ['EMAIL_CLIENT_DISABLED', null], ['NO_SUBSCRIPTION', null]]);
  });

  test.each([['oldest', 0], ['newest', 149]])('the answer is right for an address with a subscription for each of 150 objects, also for the %s one', async (_name, index) => {
    await mailroom.container.database.prisma.$executeRaw`
      INSERT INTO subscriptions (id, email_address, email_key, all_events, event_types, object_id, updated_by)
      SELECT uuid_v7(), 'dana@example.com', 'dana@example.com', false, ${[TYPE]}, n::text, 'test' FROM generate_series(1, 150) n`;
    const { id, objectId } = (await rows())[index]!;
    const { answer, reasons } = await explain({ objectId: objectId! });
    expect([answer, reasons[0]]).toMatchObject(['yes', { code: 'SUBSCRIBED', subscriptionId: id }]);
    expect(new Set(reasons.map(({ subscriptionId }) => subscriptionId)).size).toBeLessThanOrEqual(100);
  });

  test.each<[string, Record<string, string>, string, string]>([
    ['an unknown event type', { eventType: 'NoSuchType' }, 'EVENT_TYPE_UNKNOWN', 'eventType'], ['another case of one', { eventType: 'passwordcheckfailed' }, 'EVENT_TYPE_UNKNOWN', 'eventType'],
    ['no address', { emailAddress: 'dana' }, 'EMAIL_ADDRESS_INVALID', 'emailAddress'], ['an object id of 256 characters', { objectId: 'o'.repeat(256) }, 'VALIDATION_FAILED', 'objectId'],
    ['a misspelt parameter', { object: '1' }, 'VALIDATION_FAILED', 'object'],
  ])('refused: %s', async (_name, query, code, parameter) => {
    expectProblem(await ask(query), 400, code, [{ parameter }]);
  });

  test('publishers may not ask, auditors may', async () => {
    const path = `${PATH}/explain?eventType=${TYPE}&emailAddress=dana@example.com`;
    expectProblem(await mailroom.as(await mailroom.keyOf('publisher')).get(path), 403, 'ROLE_INSUFFICIENT');
    await mailroom.as(await mailroom.keyOf('auditor')).get(path).expect(200);
    expectProblem(await mailroom.as().get(`${PATH}/explain`), 400, 'VALIDATION_FAILED', [{ parameter: 'eventType' }, { parameter: 'emailAddress' }]);
  });

  /** Numbers that look like chance and are the same in each run (mulberry32). */
  const chance = (seed: number) => (sides: number): number => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % sides;
  };

  test('says of 40 addresses with subscriptions of all sorts what matching then does', async () => {
    sink = await startSmtpSink();
    await settings('localhost', sink.port);
    await mailroom.container.startWorkers();
    const addresses = Array.from({ length: 40 }, (_, n) => `a${n}@example.com`);
    const populate = async (emailAddress: string, n: number): Promise<void> => {
      const roll = chance(20_260_301 + n);
      for (let count = roll(3); count >= 0; count -= 1) {
        const recipient = roll(2) ? { emailAddress } : { userId: (await user(emailAddress.toUpperCase(), roll(3) > 0)).id };
        const asked = roll(3) ? { eventTypes: [[TYPE], [OTHER_TYPE], [TYPE, OTHER_TYPE]][roll(3)] } : { allEvents: true, eventTypes: [] };
        await subscribe({ ...recipient, ...asked, enabled: roll(4) > 0, objectId: [null, null, '1', '2'][roll(4)] });
      }
    };
    for (let n = 0; n < addresses.length; n += 5) await Promise.all(addresses.slice(n, n + 5).map((address, index) => populate(address, n + index)));
    const answers: string[] = [];
    const events: { type: string; objectId?: string }[] = [{ type: TYPE }, { type: TYPE, objectId: '1' }, { type: OTHER_TYPE }, { type: OTHER_TYPE, objectId: '2' }];
    for (const event of events) {
      const { type: eventType, ...object } = event;
      const explained = Object.fromEntries(await Promise.all(addresses.map(async (emailAddress) => [emailAddress, (await explain({ eventType, emailAddress, ...object })).answer] as const)));
      const { id } = (await mailroom.as().post('/v1/events', event).expect(202)).body as { id: string };
      await waitFor(() => mailroom.as().get(`/v1/events/${id}`), ({ body }) => body.matchedAt !== null);
      const mailed = new Set((await mailroom.container.database.prisma.email.findMany({ where: { eventId: id } })).map(({ toKey }) => toKey));
      expect(explained).toEqual(Object.fromEntries(addresses.map((address) => [address, mailed.has(address) ? 'yes' : 'no'])));
      answers.push(...Object.values(explained));
    }
    expect(answers.filter((answer) => answer === 'yes').length).toBeGreaterThan(20);
    expect(answers.filter((answer) => answer === 'no').length).toBeGreaterThan(20);
    await sink.waitForMails(answers.filter((answer) => answer === 'yes').length);
  }, 60_000);
});
