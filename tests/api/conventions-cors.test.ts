import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type supertest from 'supertest';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { contractPaths, request, Resources } from './conventions.js';
import { expectProblem } from './expect-problem.js';

const [OURS, OTHER, THEIRS] = ['https://console.example.com', 'http://localhost:5173', 'https://elsewhere.example'] as const;
const NOBODY = '/v1/users/01900000-0000-7000-8000-000000000000';

let off: TestMailroom;
let some: TestMailroom;
let any: TestMailroom;
let resources: Resources;

beforeAll(async () => {
  // One after the other: a slow machine has enough to do with one start.
  off = await startMailroom({ workers: false });
  some = await startMailroom({ workers: false, env: { MAILROOM_CORS_ORIGINS: `${OURS}, ${OTHER}` } });
  any = await startMailroom({ workers: false, env: { MAILROOM_CORS_ORIGINS: '*' } });
  resources = await Resources.create(some);
}, 60_000);
afterAll(async () => {
  await Promise.all([off, some, any].map((mailroom) => mailroom?.close()));
});

const preflight = (mailroom: TestMailroom, path: string, origin: string, method = 'PUT'): supertest.Test =>
  request(mailroom, 'options', path, null).set({ Origin: origin, 'Access-Control-Request-Method': method, 'Access-Control-Request-Headers': 'authorization,content-type,if-match' });
const corsHeaders = (headers: Record<string, string>): string[] => Object.keys(headers).filter((name) => name.startsWith('access-control-'));
const listOf = (text: string | undefined): string[] => (text ?? '').split(',').map((item) => item.trim().toLowerCase()).sort();

test('by itself no answer has a header of it, whoever asks', async () => {
  for (const response of [await preflight(off, '/v1/smtp-settings', OURS), await off.as().get('/v1/users').set('Origin', OURS), await off.as(null).get('/openapi.json').set('Origin', OURS)]) {
    expect(corsHeaders(response.headers as Record<string, string>)).toEqual([]);
    expect(listOf(response.headers['vary'])).not.toContain('origin');
  }
});

describe.each(Object.keys(contractPaths))('%s', (path) => {
  test('answers a preflight of an origin that may, without a key, and OPTIONS as ever to one that may not', async () => {
    const [granted, refused] = [await preflight(some, resources.pathOf(path), OTHER), await preflight(some, resources.pathOf(path), THEIRS)];
    expect([granted.status, refused.status]).toEqual([204, 204]);
    expect(granted.headers).toMatchObject({ 'access-control-allow-origin': OTHER, 'access-control-allow-methods': 'GET,HEAD,POST,PUT,DELETE', 'access-control-max-age': '600', vary: expect.stringContaining('Origin') });
    expect(listOf(granted.headers['access-control-allow-headers'])).toEqual(['authorization', 'content-type', 'idempotency-key', 'if-match', 'if-none-match', 'prefer', 'x-request-id']);
    expect(granted.headers).not.toHaveProperty('access-control-allow-credentials');
    expect(corsHeaders(refused.headers as Record<string, string>)).toEqual([]);
    expect(refused.headers).toMatchObject({ allow: granted.headers['allow'], vary: expect.stringContaining('Origin') });
  });
});

describe('answers to an origin that may', () => {
  test.each<[string, number, () => supertest.Test]>([
    ['a resource', 200, () => some.as().get('/v1/smtp-settings')],
    ['304', 304, () => some.as().get('/v1/smtp-settings').set('If-None-Match', '*')],
    ['nothing there', 404, () => some.as().get(NOBODY)],
    ['no such path', 404, () => some.as().get('/v1/nothing')],
    ['a wrong method', 405, () => some.as().put('/v1/users')],
    ['no key', 401, () => some.as(null).get('/v1/users')],
    ['a wrong body', 400, () => some.as().post('/v1/users', { name: 5 })],
    ['a URL that is no UTF-8', 400, () => some.as().get('/v1/event-types/%ff')],
    ['too much', 413, () => some.as().post('/v1/users', { name: 'x'.repeat(1_100_000) })],
    ['a stale copy', 412, () => some.as().delete(resources.pathOf('/users/{id}')).set('If-Match', '"stale"')],
    ['a stream', 200, () => request(some, 'head', resources.pathOf('/smtp-tests/{id}/stream'))],
    ['a file', 200, () => some.as().get('/v1/support-bundle')],
    ['the contract', 200, () => some.as(null).get('/openapi.json')],
  ])('%s (%i) can be read, with the headers that clients need', async (_name, status, send) => {
    const response = await send().set('Origin', OURS);
    expect(response.status).toBe(status);
    expect(response.headers).toMatchObject({ 'access-control-allow-origin': OURS, vary: expect.stringContaining('Origin') });
    expect(listOf(response.headers['access-control-expose-headers'])).toEqual(expect.arrayContaining(
      ['etag', 'location', 'retry-after', 'ratelimit', 'ratelimit-policy', 'idempotency-replayed', 'preference-applied', 'x-request-id', 'content-disposition']));
  });

  test('keep what else they vary by', async () => {
    const { headers } = await some.as().get(resources.pathOf('/certificate-requests/{id}')).set('Origin', OURS).expect(200);
    expect(listOf(headers['vary'])).toEqual(['accept', 'origin']);
  });
});

test('429 can be read too', async () => {
  const narrow = await startMailroom({ workers: false, env: { MAILROOM_CORS_ORIGINS: OURS, MAILROOM_RATE_LIMIT: '1' } });
  try {
    const answers = await Promise.all(Array.from({ length: 8 }, async () => narrow.as().get('/v1/users').set('Origin', OURS)));
    const refused = answers.find(({ status }) => status === 429)!;
    expectProblem(refused, 429, 'RATE_LIMITED');
    expect(refused.headers).toMatchObject({ 'access-control-allow-origin': OURS, 'retry-after': expect.stringMatching(/^\d+$/) });
  } finally {
    await narrow.close();
  }
});

test.each([THEIRS, `${OURS}.evil.example`, `${OURS}:443`, 'https://CONSOLE.example.com', 'null'])('an origin that may not (%s) gets none of it, and its answer all the same', async (origin) => {
  const response = await some.as().get('/v1/users').set('Origin', origin).expect(200);
  expect(corsHeaders(response.headers as Record<string, string>)).toEqual([]);
});

test('with * any origin may, and what is read without a key inside the network is for none', async () => {
  const response = await any.as().get('/v1/users').set('Origin', THEIRS).expect(200);
  expect(response.headers['access-control-allow-origin']).toBe('*');
  expect((await preflight(any, '/v1/users', THEIRS, 'POST').expect(204)).headers['access-control-allow-origin']).toBe('*');
  for (const path of ['/metrics', '/health/ready', '/docs/']) {
    for (const mailroom of [any, some]) expect(corsHeaders((await mailroom.as(null).get(path).set('Origin', OURS)).headers as Record<string, string>)).toEqual([]);
  }
});
