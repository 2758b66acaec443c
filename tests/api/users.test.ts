import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { FieldError } from '../../src/errors.js';
import type { Subscription } from '../../src/subscriptions/subscriptions.contract.js';
import type { User, UserWrite } from '../../src/users/users.contract.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { auditOf } from './audit.js';
import { expectProblem } from './expect-problem.js';
import { meetAtLock } from './race.js';

const PATH = '/v1/users';
const SUBSCRIPTIONS = '/v1/subscriptions';
const NOBODY = '01900000-0000-7000-8000-000000000000';
const EVERY_SUBSCRIPTION = 'SELECT 1 FROM subscriptions FOR UPDATE';
const EVENT_TYPES = ['PasswordCheckFailed'];

let mailroom: TestMailroom;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
});
beforeEach(async () => {
  await mailroom.container.database.prisma.subscription.deleteMany();
  await mailroom.container.database.prisma.user.deleteMany();
});
afterAll(async () => {
  await mailroom.close();
});

const buildUser = (overrides: Partial<UserWrite> = {}): UserWrite => ({ name: 'Dana Whitfield', emailAddress: 'Dana.Whitfield@Example.com', ...overrides });
const make = async (overrides: Partial<UserWrite> = {}) => (await mailroom.as().post(PATH, buildUser(overrides)).expect(201)).body as User;
const subscribe = async (userId: string, rest: object = {}) => (await mailroom.as().post(SUBSCRIPTIONS, { userId, eventTypes: EVENT_TYPES, ...rest }).expect(201)).body as Subscription;
const rows = () => mailroom.container.database.prisma.user.findMany({ orderBy: { id: 'asc' } });
const subscriptions = () => mailroom.container.database.prisma.subscription.findMany({ orderBy: { id: 'asc' } });
const state = async () => [await rows(), await auditOf(mailroom, 'user')];

describe('create, read, list, delete', () => {
  test('stores what is given, with its defaults, and tells where it is', async () => {
    const response = await mailroom.as().post(PATH, buildUser()).expect(201);
    const { id, createdAt } = response.body as User;
    expect(response.body).toEqual({ id, name: 'Dana Whitfield', emailAddress: 'Dana.Whitfield@Example.com', enabled: true, createdAt, updatedAt: createdAt, updatedBy: 'MAILROOM_ADMIN_KEY' });
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    expect(response.headers).toMatchObject({ location: `${PATH}/${id}`, etag: '"1"' });
    expect(await rows()).toEqual([expect.objectContaining({ id, emailAddress: 'Dana.Whitfield@Example.com', emailKey: 'dana.whitfield@example.com', version: 1 })]);
    const read = await mailroom.as().get(`${PATH}/${id}`).expect(200);
    expect(read.body).toEqual(response.body);
    expect(read.headers['etag']).toBe('"1"');
  });

  test('blanks around a name are dropped; two users may have one name and one address', async () => {
    expect(await make({ name: '  Dana Whitfield\u00a0' })).toMatchObject({ name: 'Dana Whitfield' });
    await make();
    expect(await rows()).toHaveLength(2);
  });

  test('the list is newest first, in pages', async () => {
    const made = [await make(), await make(), await make()].map(({ id }) => id).reverse();
    const first = await mailroom.as().get(`${PATH}?limit=2`).expect(200);
    expect((first.body.items as User[]).map(({ id }) => id)).toEqual(made.slice(0, 2));
    const next = await mailroom.as().get(`${PATH}?limit=1&cursor=${first.body.nextCursor}`).expect(200);
    expect((next.body.items as User[]).map(({ id }) => id)).toEqual(made.slice(2));
    expect(next.body.nextCursor).toBeNull();
    expectProblem(await mailroom.as().get(`${PATH}?limit=0`), 400, 'VALIDATION_FAILED', [{ parameter: 'limit' }]);
    expectProblem(await mailroom.as().get(`${PATH}?cursor=x`), 400, 'CURSOR_INVALID');
  });

  test.each<['get' | 'put' | 'delete', object | undefined]>([['get', undefined], ['put', buildUser()], ['delete', undefined]])('%s of none there is: 404; of no id: 400', async (method, body) => {
    expectProblem(await mailroom.as()[method](`${PATH}/${NOBODY}`, body), 404, 'NOT_FOUND');
    expectProblem(await mailroom.as()[method](`${PATH}/x`, body), 400, 'VALIDATION_FAILED', [{ parameter: 'id' }]);
    expect(await rows()).toEqual([]);
  });

  test('each change is in the audit log, with what it was and who did it', async () => {
    const { id } = await make();
    await mailroom.as().put(`${PATH}/${id}`, buildUser({ emailAddress: 'dana@example.net', enabled: false })).expect(200);
    expect((await mailroom.as().delete(`${PATH}/${id}`).expect(204)).text).toBe('');
    expectProblem(await mailroom.as().get(`${PATH}/${id}`), 404, 'NOT_FOUND');
    const [first, second] = [{ name: 'Dana Whitfield', emailAddress: 'Dana.Whitfield@Example.com', enabled: true }, { name: 'Dana Whitfield', emailAddress: 'dana@example.net', enabled: false }];
    expect((await auditOf(mailroom, 'user', id)).map(({ action, actor, oldValue, newValue }) => [action, actor, oldValue, newValue])).toEqual([
      ['create', 'MAILROOM_ADMIN_KEY', null, first], ['update', 'MAILROOM_ADMIN_KEY', first, second], ['delete', 'MAILROOM_ADMIN_KEY', second, null],
    ]);
  });
});

describe('replace', () => {
  test('what is left out takes its default; id and creation stay; read-only fields are ignored', async () => {
    const before = await make({ enabled: false });
    const { body, headers } = await mailroom.as().put(`${PATH}/${before.id}`, { name: 'Dana Hill', emailAddress: 'hill@bücher.example', id: 'x', createdAt: 'x', updatedAt: 'x', updatedBy: 'x' }).expect(200);
    expect(body).toEqual({ ...before, name: 'Dana Hill', emailAddress: 'hill@bücher.example', enabled: true, updatedAt: expect.any(String) });
    expect(headers['etag']).toBe('"2"');
    expect(await rows()).toEqual([expect.objectContaining({ emailKey: 'hill@xn--bcher-kva.example', version: 2 })]);
  });

  test('what was read can be sent back as it is', async () => {
    const before = await make();
    const { body } = await mailroom.as().put(`${PATH}/${before.id}`, before).expect(200);
    expect({ ...body, updatedAt: before.updatedAt }).toEqual(before);
  });

  test('a stale PUT and a stale DELETE are 412 and change nothing', async () => {
    const { id } = await make();
    await mailroom.as().put(`${PATH}/${id}`, buildUser({ name: 'second' })).set('If-Match', '"1"').expect(200);
    const before = await state();
    expectProblem(await mailroom.as().put(`${PATH}/${id}`, buildUser()).set('If-Match', '"1"'), 412, 'PRECONDITION_FAILED');
    expectProblem(await mailroom.as().delete(`${PATH}/${id}`).set('If-Match', '"1"'), 412, 'PRECONDITION_FAILED');
    expect(await state()).toEqual(before);
    await mailroom.as().delete(`${PATH}/${id}`).set('If-Match', '"2"').expect(204);
  });

  test('of a PUT and a DELETE at once with one ETag exactly one wins', async () => {
    const { id } = await make();
    const answers = await meetAtLock(mailroom, 'SELECT 1 FROM users FOR UPDATE', [
      () => mailroom.as().put(`${PATH}/${id}`, buildUser()).set('If-Match', '"1"'), () => mailroom.as().delete(`${PATH}/${id}`).set('If-Match', '"1"'),
    ]);
    expect(answers.filter(({ ok }) => ok)).toHaveLength(1);
    expect([404, 412]).toContain(answers.find(({ ok }) => !ok)!.status);
  });
});

describe('refused, and nothing is stored', () => {
  const SHAPE = 'VALIDATION_FAILED';
  const ADDRESS = 'EMAIL_ADDRESS_INVALID';

  test.each<[string, object, string, Partial<FieldError>]>([
    ['no name', { name: undefined }, SHAPE, { pointer: '/name', message: 'is required' }],
    ['an empty name', { name: '' }, SHAPE, { pointer: '/name' }],
    ['a name of 256 characters', { name: 'n'.repeat(256) }, SHAPE, { pointer: '/name' }],
    ['a blank name', { name: ' \u00a0 ' }, 'USER_NAME_INVALID', { pointer: '/name' }],
    ['a name of two lines', { name: 'a\r\nBcc: b' }, 'USER_NAME_INVALID', { pointer: '/name' }],
    ['a name with a paragraph separator', { name: 'a\u2029b' }, 'USER_NAME_INVALID', { pointer: '/name' }],
    ['a name that is a number', { name: 5 }, SHAPE, { pointer: '/name' }],
    ['no address', { emailAddress: undefined }, SHAPE, { pointer: '/emailAddress', message: 'is required' }],
    ['null as address', { emailAddress: null }, SHAPE, { pointer: '/emailAddress' }],
    ['an empty address', { emailAddress: '' }, ADDRESS, { pointer: '/emailAddress' }],
    ['an address without @', { emailAddress: 'dana' }, ADDRESS, { pointer: '/emailAddress' }],
    ['an address with a name', { emailAddress: 'Dana <dana@example.com>' }, ADDRESS, { pointer: '/emailAddress' }],
    ['two addresses', { emailAddress: 'dana@example.com,bob@example.com' }, ADDRESS, { pointer: '/emailAddress' }],
    ['an address with CR LF', { emailAddress: 'dana@example.com\r\nRCPT TO:<x@example.com>' }, ADDRESS, { pointer: '/emailAddress' }],
    ['an address of 321 characters', { emailAddress: `a@${'b'.repeat(319)}` }, SHAPE, { pointer: '/emailAddress' }],
    ['enabled as text', { enabled: 'yes' }, SHAPE, { pointer: '/enabled' }],
    ['a misspelt field', { email: 'dana@example.com' }, SHAPE, { pointer: '/email' }],
  ])('%s', async (_name, overrides, code, error) => {
    const { id } = await make();
    const before = await state();
    const body = { ...buildUser(), ...overrides };
    expectProblem(await mailroom.as().post(PATH, body), 400, code, [error]);
    expectProblem(await mailroom.as().put(`${PATH}/${id}`, body), 400, code, [error]);
    expect(await state()).toEqual(before);
  });

  test('auditors read, publishers do not, neither changes anything', async () => {
    const { id } = await make();
    const before = await state();
    const [auditor, publisher] = [await mailroom.keyOf('auditor'), await mailroom.keyOf('publisher')];
    for (const path of [PATH, `${PATH}/${id}`]) {
      await mailroom.as(auditor).get(path).expect(200);
      expectProblem(await mailroom.as(publisher).get(path), 403, 'ROLE_INSUFFICIENT');
      expectProblem(await mailroom.as(null).get(path), 401, 'API_KEY_REQUIRED');
    }
    for (const key of [auditor, publisher]) {
      expectProblem(await mailroom.as(key).post(PATH, buildUser()), 403, 'ROLE_INSUFFICIENT');
      expectProblem(await mailroom.as(key).put(`${PATH}/${id}`, buildUser()), 403, 'ROLE_INSUFFICIENT');
      expectProblem(await mailroom.as(key).delete(`${PATH}/${id}`), 403, 'ROLE_INSUFFICIENT');
    }
    expect(await state()).toEqual(before);
  });
});

describe('filters', () => {
  beforeEach(async () => {
    await make({ name: 'Dana 100%', emailAddress: 'Dana@Example.com' });
    await make({ name: 'Dana_Hill', emailAddress: 'hill@example.com' });
    await make({ name: 'Back\\slash', emailAddress: 'dana@example.com' });
    await make({ name: 'Émile', emailAddress: 'emile@xn--bcher-kva.example' });
  });

  test.each([
    ['', ['Émile', 'Back\\slash', 'Dana_Hill', 'Dana 100%']],
    ['q=DANA', ['Back\\slash', 'Dana_Hill', 'Dana 100%']], ['q=example.com', ['Back\\slash', 'Dana_Hill', 'Dana 100%']], ['q=hill@', ['Dana_Hill']], ['q=émile', ['Émile']],
    ['q=%25', ['Dana 100%']], ['q=_', ['Dana_Hill']], ['q=0%25', ['Dana 100%']], ['q=a_h', ['Dana_Hill']], ['q=%5C', ['Back\\slash']], ['q=a%25h', []], ['q=a__', []], ['q=%27', []],
    ['emailAddress=dana@EXAMPLE.com', ['Back\\slash', 'Dana 100%']], [`emailAddress=${encodeURIComponent('emile@bücher.example')}`, ['Émile']], ['emailAddress=dana', []],
    ['emailAddress=dana@example.com&q=slash', ['Back\\slash']], ['emailAddress=dana@example.com&limit=1', ['Back\\slash']],
  ])('%s', async (query, names) => {
    const { body } = await mailroom.as().get(`${PATH}?${query}`).expect(200);
    expect((body.items as User[]).map(({ name }) => name)).toEqual(names);
  });

  test.each([['q', 101], ['emailAddress', 321]])('%s of %i characters is refused', async (parameter, length) => {
    expectProblem(await mailroom.as().get(`${PATH}?${parameter}=${'x'.repeat(length)}`), 400, 'VALIDATION_FAILED', [{ parameter }]);
  });
});

describe('a user who is deleted', () => {
  test('takes along all subscriptions of the user, and no others, each with an audit row', async () => {
    const [user, other] = [await make(), await make()];
    const own = [await subscribe(user.id, { description: 'first' }), await subscribe(user.id, { allEvents: true, eventTypes: [], enabled: false })];
    const kept = [await subscribe(other.id), (await mailroom.as().post(SUBSCRIPTIONS, { emailAddress: user.emailAddress, eventTypes: EVENT_TYPES }).expect(201)).body as Subscription];
    await mailroom.as().delete(`${PATH}/${user.id}`).expect(204);
    expect((await subscriptions()).map(({ id }) => id)).toEqual(kept.map(({ id }) => id));
    expect((await rows()).map(({ id }) => id)).toEqual([other.id]);
    const { requestId } = (await auditOf(mailroom, 'user', user.id)).at(-1)!;
    const entries = (await auditOf(mailroom, 'subscription')).filter((entry) => entry.requestId === requestId);
    expect(entries.map(({ action, actor, resourceId, oldValue, newValue }) => ({ action, actor, resourceId, oldValue, newValue }))).toEqual(own.map(({ id, description }) =>
      ({ action: 'delete', actor: 'MAILROOM_ADMIN_KEY', resourceId: id, oldValue: expect.objectContaining({ userId: user.id, description }), newValue: null })));
  });

  test('with 2,500 subscriptions is deleted with all of them', async () => {
    const { id } = await make();
    await mailroom.container.database.prisma.$executeRaw`
      INSERT INTO subscriptions (id, user_id, all_events, event_types, object_id, updated_by)
      SELECT uuid_v7(), ${id}::uuid, false, ${EVENT_TYPES}, n::text, 'test' FROM generate_series(1, 2500) n`;
    await mailroom.as().delete(`${PATH}/${id}`).expect(204);
    expect(await subscriptions()).toEqual([]);
    const { requestId } = (await auditOf(mailroom, 'user', id)).at(-1)!;
    expect(await mailroom.container.database.prisma.auditEntry.count({ where: { requestId, resourceType: 'subscription', action: 'delete' } })).toBe(2_500);
  });

  test('is gone for a subscription that is made at the same time, or takes it along', async () => {
    for (let round = 0; round < 20; round += 1) {
      const { id } = await make();
      const [made, deleted] = await Promise.all([mailroom.as().post(SUBSCRIPTIONS, { userId: id, eventTypes: EVENT_TYPES }), mailroom.as().delete(`${PATH}/${id}`)]);
      expect([[201, 204], [400, 204]]).toContainEqual([made.status, deleted.status]);
      if (made.status === 400) expectProblem(made, 400, 'USER_UNKNOWN', [{ pointer: '/userId' }]);
      expect([await subscriptions(), await rows()]).toEqual([[], []]);
    }
  });

  test('is gone for a subscription of the user that is replaced at the same time, or takes it along', async () => {
    const { id } = await make();
    const { id: subscriptionId } = await subscribe(id);
    const replace = () => mailroom.as().put(`${SUBSCRIPTIONS}/${subscriptionId}`, { userId: id, eventTypes: ['ApplianceSick'] });
    const [replaced, deleted] = await meetAtLock(mailroom, EVERY_SUBSCRIPTION, [replace, () => mailroom.as().delete(`${PATH}/${id}`)]);
    expect([[200, 204], [400, 204], [404, 204]]).toContainEqual([replaced!.status, deleted!.status]);
    expect([await subscriptions(), await rows()]).toEqual([[], []]);
  });

  test('does not take along a subscription that was given to an address at the same time', async () => {
    const { id } = await make();
    const { id: subscriptionId } = await subscribe(id);
    const give = () => mailroom.as().put(`${SUBSCRIPTIONS}/${subscriptionId}`, { emailAddress: 'bob@example.com', eventTypes: EVENT_TYPES });
    const [given, deleted] = await meetAtLock(mailroom, EVERY_SUBSCRIPTION, [give, () => mailroom.as().delete(`${PATH}/${id}`)]);
    expect([[200, 204], [404, 204]]).toContainEqual([given!.status, deleted!.status]);
    expect((await subscriptions()).map(({ emailKey }) => emailKey)).toEqual(given!.status === 200 ? ['bob@example.com'] : []);
  });
});
