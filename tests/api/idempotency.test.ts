import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Response } from 'supertest';
import { buildEvent } from '../factories/build-event.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { expectProblem } from './expect-problem.js';

let mailroom: TestMailroom;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
});
beforeEach(async () => {
  await mailroom.container.database.prisma.event.deleteMany();
  await mailroom.container.database.prisma.idempotencyKey.deleteMany();
});
afterAll(async () => {
  await mailroom.close();
});

const post = async (key: string, body: object = buildEvent(), path = '/v1/events', apiKey?: string): Promise<Response> =>
  mailroom.as(apiKey).post(path, body).set('Idempotency-Key', key);
const count = () => mailroom.container.database.prisma.event.count();
const age = (interval: string) => mailroom.container.database.prisma.$executeRawUnsafe(`UPDATE idempotency_keys SET created_at = now() - interval '${interval}'`);

describe('the same key and body', () => {
  test.each([
    ['/v1/events', buildEvent({ properties: { Zeta: 1, Alpha: 'x', longerName: true } })],
    ['/v1/events/batch', { events: [buildEvent(), { type: 'ApplianceHealthy' }] }],
  ])('%s answers the first answer again and makes nothing', async (path, body) => {
    const first = await post('key-1', body, path);
    const made = await count();
    const again = await post('key-1', body, path);
    expect([first.status, again.status]).toEqual([202, 202]);
    expect(again.body).toEqual(first.body);
    expect(again.headers['location']).toBe(first.headers['location']);
    expect(again.headers['etag']).toBe(first.headers['etag']);
    expect([first.headers['idempotency-replayed'], again.headers['idempotency-replayed']]).toEqual([undefined, 'true']);
    expect(await count()).toBe(made);
  });

  test('in another order of its properties, and with other white space, is the same body', async () => {
    const first = await post('key-1', { type: 'PasswordCheckFailed', objectId: '1', properties: { A: 1, B: 2 } });
    const again = await mailroom.as().post('/v1/events').set('Idempotency-Key', 'key-1').set('Content-Type', 'application/json')
      .send('{ "properties": {"B": 2, "A": 1.0}, "objectId": "1",\n "type": "PasswordCheckFailed" }');
    expect(again.status).toBe(202);
    expect(again.body).toEqual(first.body);
  });

  test('at the same time make one event; the others get its answer or "in progress"', async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => post('key-1')));
    expect(await count()).toBe(1);
    const accepted = answers.filter(({ status }) => status === 202);
    expect(new Set(accepted.map(({ body }) => (body as { id: string }).id)).size).toBe(1);
    expect(accepted.filter(({ headers }) => headers['idempotency-replayed'] === undefined)).toHaveLength(1);
    for (const answer of answers.filter(({ status }) => status !== 202)) {
      expectProblem(answer, 409, 'IDEMPOTENCY_KEY_IN_PROGRESS');
      expect(answer.headers['retry-after']).toBe('1');
    }
    expect((await post('key-1')).body).toEqual(accepted[0]!.body);
  });
});

describe('the same key and another body', () => {
  test.each<[string, object]>([
    ['another type', buildEvent({ type: 'ApplianceHealthy' })],
    ['another value', buildEvent({ properties: { AccountName: 'other' } })],
    ['a number for a text', buildEvent({ properties: { AccountName: 1 } })],
    ['one field more', buildEvent({ objectId: '1' })],
  ])('%s is 422 and makes nothing', async (_name, body) => {
    await post('key-1');
    expectProblem(await post('key-1', body), 422, 'IDEMPOTENCY_KEY_REUSED', [{ parameter: 'Idempotency-Key' }]);
    expect(await count()).toBe(1);
  });

  test('a list in another order is another body', async () => {
    const events = [buildEvent(), { type: 'ApplianceHealthy' }];
    await post('key-1', { events }, '/v1/events/batch');
    expectProblem(await post('key-1', { events: [...events].reverse() }, '/v1/events/batch'), 422, 'IDEMPOTENCY_KEY_REUSED');
  });
});

describe('keys do not collide', () => {
  test('of two callers', async () => {
    const publisher = await mailroom.keyOf('publisher');
    const [one, other] = [await post('key-1'), await post('key-1', buildEvent({ objectId: '2' }), '/v1/events', publisher)];
    expect([one.status, other.status]).toEqual([202, 202]);
    expect(await count()).toBe(2);
  });

  test('of two operations', async () => {
    await post('key-1');
    expect((await post('key-1', { events: [buildEvent()] }, '/v1/events/batch')).status).toBe(202);
    expect(await count()).toBe(2);
  });

  test('in another case', async () => {
    await post('key-1');
    expect((await post('KEY-1', buildEvent({ objectId: '2' }))).status).toBe(202);
  });
});

test('without a key each request makes an event', async () => {
  await mailroom.as().post('/v1/events', buildEvent()).expect(202);
  await mailroom.as().post('/v1/events', buildEvent()).expect(202);
  expect(await count()).toBe(2);
});

test('a key is kept 24 hours', async () => {
  const first = await post('key-1');
  await age('23 hours 59 minutes');
  expect((await post('key-1')).body).toEqual(first.body);
  expect((await post('key-1', buildEvent({ objectId: '2' }))).status).toBe(422);
  await age('24 hours 1 second');
  const second = await post('key-1', buildEvent({ objectId: '2' }));
  expect(second.status).toBe(202);
  expect(await count()).toBe(2);
  expect((await post('key-1', buildEvent({ objectId: '2' }))).body).toEqual(second.body);
});

test('a request that was refused does not use its key up', async () => {
  expect((await post('key-1', { type: 'NoSuchType' })).status).toBe(400);
  expect((await post('key-1')).status).toBe(202);
});

test('the longest key is taken', async () => {
  expect((await post('k'.repeat(255))).status).toBe(202);
});

test.each([['empty', ''], ['256 characters', 'k'.repeat(256)], ['a space', 'a b'], ['not ASCII', 'schl\u00fcssel']])('a key that is refused: %s', async (_name, key) => {
  expectProblem(await post(key), 400, 'IDEMPOTENCY_KEY_INVALID', [{ parameter: 'Idempotency-Key' }]);
  expect(await count()).toBe(0);
});
