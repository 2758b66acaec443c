import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import type supertest from 'supertest';
import { buildEvent } from '../factories/build-event.js';
import { buildSettings } from '../factories/build-settings.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { named, operations, takesHeader } from './conventions.js';
import { expectProblem } from './expect-problem.js';

/** For each operation that makes work: two bodies, and under what name it keeps its keys. */
const BODIES: Record<string, { one: object; other: object; name?: string }> = {
  publishEvent: { one: buildEvent(), other: buildEvent({ objectId: 'other' }) },
  publishEvents: { one: { events: [buildEvent()] }, other: { events: [buildEvent(), buildEvent()] } },
  startSmtpTest: { one: { sendTo: 'one@example.com' }, other: { sendTo: 'other@example.com' } },
  sendTestEmail: { one: { sendTo: 'one@example.com' }, other: { sendTo: 'other@example.com' }, name: 'sendTestEmail PasswordCheckFailed' },
};

let mailroom: TestMailroom;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
  await mailroom.as().put('/v1/smtp-settings', buildSettings()).expect(200);
});
afterAll(async () => {
  await mailroom.close();
});

test('every POST that makes work takes a key', () => {
  expect(operations.filter(takesHeader('Idempotency-Key')).map(({ operationId }) => operationId).sort()).toEqual(Object.keys(BODIES).sort());
  const queueing = operations.filter(({ method, operationId }) => method === 'post' && /^(start|send|publish)/.test(operationId));
  expect(queueing.every(takesHeader('Idempotency-Key'))).toBe(true);
});

describe.each(named(operations.filter(takesHeader('Idempotency-Key'))))('%s', (_name, { path, operationId }) => {
  const { one, other, name = operationId } = BODIES[operationId]!;
  const post = (key: string, body = one): supertest.Test => mailroom.as().post(`/v1${path.replace('{eventType}', 'PasswordCheckFailed')}`, body).set('Idempotency-Key', key);

  test('answers the first answer again, whether the key has quotes or not; to another body 422', async () => {
    const first = await post('a-key').expect(202);
    expect(first.headers).not.toHaveProperty('idempotency-replayed');
    for (const key of ['a-key', '"a-key"', ' "a-key" ']) {
      const again = await post(key).expect(202);
      expect(again.body).toEqual(first.body);
      expect(again.headers).toMatchObject({ 'idempotency-replayed': 'true', location: first.headers['location'] });
      expect(again.headers['etag']).toBe(first.headers['etag']);
    }
    for (const key of ['a-key', '"a-key"']) expectProblem(await post(key, other), 422, 'IDEMPOTENCY_KEY_REUSED', [{ parameter: 'Idempotency-Key' }]);
  });

  test.each(['"a key, of words"', '"with \\" and \\\\"', `"${'\\"'.repeat(255)}"`, 'b"c', `"${'q'.repeat(255)}"`])('takes %s', async (key) => {
    await post(key).expect(202);
    expect((await post(key).expect(202)).headers['idempotency-replayed']).toBe('true');
  });

  test.each(['', '""', '"half', '"', '"a"b"', '"a\\b"', '"a\\"', '"a";p=1', '"a", "b"', 'a b', 'a, b', 'schl\u00fcssel', '"schl\u00fcssel"', `"${'q'.repeat(256)}"`, 'q'.repeat(256)])('refuses %j', async (key) => {
    expectProblem(await post(key), 400, 'IDEMPOTENCY_KEY_INVALID', [{ parameter: 'Idempotency-Key' }]);
  });

  test('is 409 while the first is at work, and says when to come again', async () => {
    const { id } = await mailroom.container.database.prisma.apiKey.findFirstOrThrow({ where: { origin: 'environment' } });
    const first = new pg.Client({ connectionString: mailroom.databaseUrl });
    await first.connect();
    try {
      await first.query('SELECT pg_advisory_lock(hashtextextended($1, 7))', [JSON.stringify([id, name, 'busy'])]);
      const response = await post('busy');
      expectProblem(response, 409, 'IDEMPOTENCY_KEY_IN_PROGRESS');
      expect(response.headers['retry-after']).toBe('1');
    } finally {
      await first.end();
    }
    await post('busy').expect(202);
  });
});
