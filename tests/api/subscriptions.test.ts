import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Subscription, SubscriptionWrite } from '../../src/subscriptions/subscriptions.contract.js';
import { buildSubscription } from '../factories/build-subscription.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { auditOf } from './audit.js';
import { expectProblem } from './expect-problem.js';
import { meetAtLock } from './race.js';

const PATH = '/v1/subscriptions';
const NOWHERE = `${PATH}/01900000-0000-7000-8000-000000000000`;

let mailroom: TestMailroom;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
});
beforeEach(async () => {
  await mailroom.container.database.prisma.subscription.deleteMany();
});
afterAll(async () => {
  await mailroom.close();
});

const create = async (overrides: Partial<SubscriptionWrite> = {}) =>
  (await mailroom.as().post(PATH, buildSubscription(overrides)).expect(201)).body as Subscription;
const rows = () => mailroom.container.database.prisma.subscription.findMany();

describe('create', () => {
  test('stores what is given, with its defaults, and tells where it is', async () => {
    const response = await mailroom.as().post(PATH, { emailAddress: 'Alice@Example.com', eventTypes: ['PasswordCheckFailed'] }).expect(201);
    const { id, createdAt } = response.body as Subscription;
    expect(response.body).toEqual({
      id, emailAddress: 'Alice@Example.com', userId: null, allEvents: false, eventTypes: ['PasswordCheckFailed'], objectId: null, description: '', enabled: true,
      createdAt, updatedAt: createdAt, updatedBy: 'MAILROOM_ADMIN_KEY',
    });
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    expect(response.headers).toMatchObject({ location: `${PATH}/${id}`, etag: '"1"' });
    expect(await rows()).toEqual([expect.objectContaining({ id, emailAddress: 'Alice@Example.com', emailKey: 'alice@example.com', version: 1 })]);

    const read = await mailroom.as().get(response.headers['location']!).expect(200);
    expect(read.body).toEqual(response.body);
    expect(read.headers['etag']).toBe(response.headers['etag']);
  });

  test('is in the audit log', async () => {
    const { id } = await create({ objectId: '42' });
    expect(await auditOf(mailroom, 'subscription', id)).toEqual([expect.objectContaining({
      action: 'create', actor: 'MAILROOM_ADMIN_KEY', oldValue: null, newValue: expect.objectContaining({ emailAddress: 'alice@example.com', objectId: '42' }),
    })]);
  });

  test('the same event type twice is kept once', async () => {
    const { eventTypes } = await create({ eventTypes: ['PasswordCheckFailed', 'ApplianceHealthy', 'PasswordCheckFailed'] });
    expect(eventTypes).toEqual(['PasswordCheckFailed', 'ApplianceHealthy']);
  });

  test('all events, of one object, disabled', async () => {
    const all = { allEvents: true, eventTypes: [], objectId: 'object 1', enabled: false };
    expect(await create(all)).toMatchObject(all);
  });
});

describe('replace', () => {
  test('what is left out takes its default; id and creation stay; read-only fields are ignored', async () => {
    const before = await create({ objectId: '42', enabled: false });
    const write = { emailAddress: 'bob@example.com', allEvents: true, id: 'x', createdAt: 'x', updatedAt: 'x', updatedBy: 'x' };
    const { body, headers } = await mailroom.as().put(`${PATH}/${before.id}`, write).expect(200);
    expect(body).toEqual({
      id: before.id, emailAddress: 'bob@example.com', userId: null, allEvents: true, eventTypes: [], objectId: null, description: '', enabled: true,
      createdAt: before.createdAt, updatedAt: expect.any(String), updatedBy: 'MAILROOM_ADMIN_KEY',
    });
    expect(headers['etag']).toBe('"2"');
    expect(await rows()).toEqual([expect.objectContaining({ emailKey: 'bob@example.com', allEvents: true, version: 2 })]);
    expect((await auditOf(mailroom, 'subscription', before.id)).at(-1)).toMatchObject({
      action: 'update', oldValue: { emailAddress: 'alice@example.com', objectId: '42' }, newValue: { emailAddress: 'bob@example.com', objectId: null },
    });
  });

  test('what was read can be sent back as it is', async () => {
    const before = await create({ objectId: '42' });
    const { body } = await mailroom.as().put(`${PATH}/${before.id}`, before).expect(200);
    expect({ ...body, updatedAt: before.updatedAt }).toEqual(before);
  });

  test('what is not there is 404, and is not made', async () => {
    expectProblem(await mailroom.as().put(NOWHERE, buildSubscription()), 404, 'NOT_FOUND');
    expectProblem(await mailroom.as().get(NOWHERE), 404, 'NOT_FOUND');
    expectProblem(await mailroom.as().delete(NOWHERE), 404, 'NOT_FOUND');
    expect(await rows()).toEqual([]);
  });
});

describe('If-Match', () => {
  test('a stale PUT and a stale DELETE are 412 and change nothing', async () => {
    const { id } = await create();
    await mailroom.as().put(`${PATH}/${id}`, buildSubscription({ description: 'second' })).set('If-Match', '"1"').expect(200);
    const [before, audited] = [await rows(), await auditOf(mailroom, 'subscription', id)];
    expectProblem(await mailroom.as().put(`${PATH}/${id}`, buildSubscription()).set('If-Match', '"1"'), 412, 'PRECONDITION_FAILED');
    expectProblem(await mailroom.as().delete(`${PATH}/${id}`).set('If-Match', '"1"'), 412, 'PRECONDITION_FAILED');
    expect(await rows()).toEqual(before);
    expect(await auditOf(mailroom, 'subscription', id)).toEqual(audited);
    await mailroom.as().delete(`${PATH}/${id}`).set('If-Match', '"2"').expect(204);
  });

  test('of a PUT and a DELETE at once with one ETag exactly one wins', async () => {
    const { id } = await create();
    const answers = await meetAtLock(mailroom, 'SELECT 1 FROM subscriptions FOR UPDATE', [
      () => mailroom.as().put(`${PATH}/${id}`, buildSubscription()).set('If-Match', '"1"'),
      () => mailroom.as().delete(`${PATH}/${id}`).set('If-Match', '"1"'),
    ]);
    expect(answers.filter(({ ok }) => ok)).toHaveLength(1);
    expect([404, 412]).toContain(answers.find(({ ok }) => !ok)!.status);
  });
});

test('delete is 204, then 404; the audit log keeps what it was', async () => {
  const { id } = await create();
  expect((await mailroom.as().delete(`${PATH}/${id}`).expect(204)).text).toBe('');
  expectProblem(await mailroom.as().get(`${PATH}/${id}`), 404, 'NOT_FOUND');
  expectProblem(await mailroom.as().delete(`${PATH}/${id}`), 404, 'NOT_FOUND');
  const entries = await auditOf(mailroom, 'subscription', id);
  expect(entries.map(({ action }) => action)).toEqual(['create', 'delete']);
  expect(entries.at(-1)).toMatchObject({ oldValue: { emailAddress: 'alice@example.com' }, newValue: null });
});

describe('filters', () => {
  beforeEach(async () => {
    await create({ emailAddress: 'Alice@Example.com', description: 'checks' });
    await create({ emailAddress: 'alice@example.com', allEvents: true, eventTypes: [], description: 'everything' });
    await create({ emailAddress: 'bob@example.com', eventTypes: ['ApplianceHealthy'], description: 'health' });
    await create({ emailAddress: 'carol@xn--bcher-kva.example', eventTypes: ['ApplianceHealthy'], description: 'idn' });
  });

  test.each([
    ['', ['idn', 'health', 'everything', 'checks']],
    ['emailAddress=alice@example.com', ['everything', 'checks']],
    ['emailAddress=ALICE@EXAMPLE.COM', ['everything', 'checks']],
    [`emailAddress=${encodeURIComponent('carol@bücher.example')}`, ['idn']],
    ['emailAddress=nobody', []],
    ['eventType=PasswordCheckFailed', ['everything', 'checks']],
    ['eventType=ApplianceHealthy&emailAddress=bob@example.com', ['health']],
    ['eventType=NoSuchType', ['everything']],
    ['eventType=ApplianceHealthy&limit=1', ['idn']],
  ])('%s', async (query, descriptions) => {
    const { body } = await mailroom.as().get(`${PATH}?${query}`).expect(200);
    expect((body.items as Subscription[]).map(({ description }) => description)).toEqual(descriptions);
  });
});

describe('refused, and nothing is stored', () => {
  const SHAPE = 'VALIDATION_FAILED';
  const ADDRESS = 'EMAIL_ADDRESS_INVALID';

  test.each<[string, object, string, string]>([
    ['no recipient', { emailAddress: undefined }, 'SUBSCRIPTION_RECIPIENT_REQUIRED', '/emailAddress'],
    ['null as recipient', { emailAddress: null, userId: null }, 'SUBSCRIPTION_RECIPIENT_REQUIRED', '/emailAddress'],
    ['an empty address', { emailAddress: '' }, ADDRESS, '/emailAddress'],
    ['an address without @', { emailAddress: 'alice' }, ADDRESS, '/emailAddress'],
    ['an address with a name', { emailAddress: 'Alice <alice@example.com>' }, ADDRESS, '/emailAddress'],
    ['two addresses', { emailAddress: 'alice@example.com, bob@example.com' }, ADDRESS, '/emailAddress'],
    ['an address with CR LF', { emailAddress: 'alice@example.com\r\nRCPT TO:<x@example.com>' }, ADDRESS, '/emailAddress'],
    ['an address of 321 characters', { emailAddress: `a@${'b'.repeat(319)}` }, SHAPE, '/emailAddress'],
    ['no event types', { eventTypes: undefined }, 'SUBSCRIPTION_EMPTY', '/eventTypes'],
    ['an empty list of event types', { eventTypes: [] }, 'SUBSCRIPTION_EMPTY', '/eventTypes'],
    ['all events and some', { allEvents: true }, 'SUBSCRIPTION_AMBIGUOUS', '/eventTypes'],
    ['an event type that is not there', { eventTypes: ['PasswordCheckFailed', 'NoSuchType'] }, 'EVENT_TYPE_UNKNOWN', '/eventTypes/1'],
    ['an event type in another case', { eventTypes: ['passwordcheckfailed'] }, 'EVENT_TYPE_UNKNOWN', '/eventTypes/0'],
    ['an event type that is a number', { eventTypes: ['PasswordCheckFailed', 5] }, SHAPE, '/eventTypes/1'],
    ['one event type without a list', { eventTypes: 'PasswordCheckFailed' }, SHAPE, '/eventTypes'],
    ['1,001 event types', { eventTypes: Array<string>(1_001).fill('PasswordCheckFailed') }, SHAPE, '/eventTypes'],
    ['an empty object id', { objectId: '' }, SHAPE, '/objectId'],
    ['an object id of 256 characters', { objectId: 'o'.repeat(256) }, SHAPE, '/objectId'],
    ['a description of 256 characters', { description: 'd'.repeat(256) }, SHAPE, '/description'],
    ['enabled as text', { enabled: 'yes' }, SHAPE, '/enabled'],
    ['a misspelt field', { eventType: 'PasswordCheckFailed' }, SHAPE, '/eventType'],
  ])('%s', async (_name, overrides, code, pointer) => {
    const { id } = await create();
    const before = await rows();
    const body = { ...buildSubscription(), ...overrides };
    expectProblem(await mailroom.as().post(PATH, body), 400, code, [{ pointer }]);
    expectProblem(await mailroom.as().put(`${PATH}/${id}`, body), 400, code, [{ pointer }]);
    expect(await rows()).toEqual(before);
  });
});
