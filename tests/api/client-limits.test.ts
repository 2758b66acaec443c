import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import supertest, { type Response } from 'supertest';
import { ADMIN_KEY, startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { waitFor } from '../setup/wait.js';
import { expectProblem } from './expect-problem.js';

const FAILURES = 20;
let mailroom: TestMailroom;
const ask = (address: string, key: string, on = mailroom): Promise<Response> => supertest(on.container.app).get('/v1/events').set('Authorization', `Bearer ${key}`).set('X-Forwarded-For', address);

async function fail(address: string, times: number): Promise<void> {
  for (let n = 0; n < times; n += 1) expectProblem(await ask(address, `mr_guess-${n}`), 401, 'API_KEY_UNKNOWN');
}

describe('failed keys', () => {
  beforeAll(async () => {
    mailroom = await startMailroom({ workers: false, env: { MAILROOM_TRUSTED_PROXIES: '127.0.0.0/8, ::1' } });
  });
  afterAll(() => mailroom.close());

  test('are limited for each address: then no key is looked at, right ones neither', async () => {
    await fail('198.51.100.1', FAILURES);
    for (const key of ['mr_guess', ADMIN_KEY]) {
      const response = await ask('198.51.100.1', key);
      expectProblem(response, 429, 'TOO_MANY_FAILED_KEYS');
      expect(Number(response.headers['retry-after'])).toBeGreaterThan(0);
      expect(Number(response.headers['retry-after'])).toBeLessThanOrEqual(60);
    }
    expect((await ask('198.51.100.2', ADMIN_KEY)).status).toBe(200);
  });

  test('are few enough not to lock out a service that had an old key for a moment', async () => {
    await fail('198.51.100.3', FAILURES - 1);
    expect((await ask('198.51.100.3', ADMIN_KEY)).status).toBe(200);
  });

  test('count for a whole /64 of IPv6, and for an IPv4 address however it is written', async () => {
    await fail('2001:db8:1:2::1', FAILURES / 2);
    await fail('2001:db8:1:2:ffff::9', FAILURES / 2);
    expectProblem(await ask('2001:db8:1:2::77', ADMIN_KEY), 429, 'TOO_MANY_FAILED_KEYS');
    expect((await ask('2001:db8:1:3::1', ADMIN_KEY)).status).toBe(200);
    await fail('::ffff:198.51.100.4', FAILURES);
    expectProblem(await ask('198.51.100.4', ADMIN_KEY), 429, 'TOO_MANY_FAILED_KEYS');
  });

  test('are not what requests without a key are', async () => {
    for (let n = 0; n <= FAILURES; n += 1) expect((await supertest(mailroom.container.app).get('/v1/events').set('X-Forwarded-For', '198.51.100.5')).status).toBe(401);
    expect((await ask('198.51.100.5', ADMIN_KEY)).status).toBe(200);
  });

  test('keys that have expired count too', async () => {
    const { id, key } = (await mailroom.as().post('/v1/api-keys', { name: 'old', role: 'auditor' }).expect(201)).body as { id: string; key: string };
    await mailroom.container.database.prisma.apiKey.update({ where: { id }, data: { expiresAt: new Date() } });
    for (let n = 0; n < FAILURES; n += 1) expectProblem(await ask('198.51.100.6', key), 401, 'API_KEY_EXPIRED');
    expectProblem(await ask('198.51.100.6', key), 429, 'TOO_MANY_FAILED_KEYS');
  });
});

test('the word of a client about its own address is believed by nobody: only that of a trusted proxy', async () => {
  const direct = await startMailroom({ workers: false });
  try {
    for (let n = 0; n < FAILURES; n += 1) await ask(`198.51.100.${n}`, 'mr_guess', direct);
    expectProblem(await ask('198.51.100.99', ADMIN_KEY, direct), 429, 'TOO_MANY_FAILED_KEYS');
  } finally {
    await direct.close();
  }
});

describe('MAILROOM_RATE_LIMIT', () => {
  const LIMIT = 5;
  let limited: TestMailroom;
  beforeAll(async () => {
    limited = await startMailroom({ workers: false, env: { MAILROOM_RATE_LIMIT: String(LIMIT) } });
  });
  afterAll(() => limited.close());

  test('is told with each answer, and requests beyond it are refused until its second is over', async () => {
    const answers = await Promise.all(Array.from({ length: 3 * LIMIT }, () => limited.as().get('/v1/events')));
    const refused = answers.filter(({ status }) => status === 429);
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(LIMIT);
    expect(refused.length).toBeGreaterThan(0);
    for (const { headers } of answers) {
      expect(headers['ratelimit-policy']).toBe(`"key";q=${LIMIT};w=1`);
      expect(headers['ratelimit']).toMatch(/^"key";r=\d+;t=1$/);
    }
    expectProblem(refused[0]!, 429, 'RATE_LIMITED');
    expect(refused[0]!.headers).toMatchObject({ 'retry-after': '1', ratelimit: '"key";r=0;t=1' });
    await waitFor(() => limited.as().get('/v1/events'), ({ status }) => status === 200);
  });

  test('is for each key', async () => {
    const key = await waitFor(() => limited.as().post('/v1/api-keys', { name: 'other', role: 'auditor' }), ({ status }) => status === 201);
    await Promise.all(Array.from({ length: 2 * LIMIT }, () => limited.as().get('/v1/events')));
    expect((await limited.as((key.body as { key: string }).key).get('/v1/events')).status).toBe(200);
  });

  test('is off by default', async () => {
    const free = await startMailroom({ workers: false });
    const response = await free.as().get('/v1/events').expect(200);
    expect(response.headers).not.toHaveProperty('ratelimit');
    await free.close();
  });
});
