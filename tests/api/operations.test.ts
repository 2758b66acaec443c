import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import supertest from 'supertest';
import { buildEvent } from '../factories/build-event.js';
import { insertEmail } from '../factories/insert-email.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { waitFor } from '../setup/wait.js';
import { expectProblem } from './expect-problem.js';

let mailroom: TestMailroom;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
});
afterAll(async () => {
  await mailroom.close();
});

const get = (path: string): supertest.Test => supertest(mailroom.container.app).get(path);
const metrics = async (): Promise<string> => (await get('/metrics').expect(200)).text;

describe('health', () => {
  test('live tells that the process answers', async () => {
    const { body, headers } = await get('/health/live').expect(200);
    expect(body).toEqual({ status: 'up' });
    expect(headers['cache-control']).toBe('no-store');
  });

  test('ready tells each part', async () => {
    const { body, headers } = await get('/health/ready').expect(200);
    expect(body).toEqual({ status: 'up', parts: { database: { status: 'up' }, queue: { status: 'up' } } });
    expect(headers['cache-control']).toBe('no-store');
  });

  test.each(['database', 'queue'] as const)('ready is 503 when the %s alone is down, and says why in one line', async (part) => {
    const spy = jest.spyOn(mailroom.container[part], 'ping').mockRejectedValue(new Error('it is gone\n    at stack (file.ts:1)'));
    const { body } = await get('/health/ready').expect(503);
    spy.mockRestore();
    const parts = { database: { status: 'up' }, queue: { status: 'up' }, [part]: { status: 'down', detail: 'it is gone' } };
    expect(body).toEqual({ status: 'down', parts });
    await get('/health/ready').expect(200);
  });
});

describe('headers', () => {
  test.each(['/health/live', '/metrics', '/v1/events', '/openapi.json', '/nowhere'])('of %s let a browser run, load and frame nothing, and tell no program or version', async (path) => {
    const { headers } = await mailroom.as().get(path);
    expect(headers).toMatchObject({ 'content-security-policy': "default-src 'none';frame-ancestors 'none';base-uri 'none';form-action 'none'", 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY', 'referrer-policy': 'no-referrer' });
    expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(['x-powered-by']));
    expect(Object.keys(headers)).not.toContain('server');
    expect(headers).not.toHaveProperty('strict-transport-security');
  });

  test('of Swagger UI allow its own scripts alone', async () => {
    const { headers } = await get('/docs/').expect(200);
    expect(headers['content-security-policy']).toContain("script-src 'self';");
    expect(headers['content-security-policy']).not.toMatch(/script-src[^;]*unsafe/);
  });
});

describe('metrics', () => {
  const countOf = (text: string, labels: string): number => Number(new RegExp(`^mailroom_http_request_seconds_count\\{${labels}\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);

  test('count requests by the pattern of their route, never by what was in the path', async () => {
    const id = '01900000-0000-7000-8000-000000000000';
    for (let round = 0; round < 3; round += 1) await mailroom.as().get(`/v1/events/${id}`).expect(404);
    await mailroom.as().get('/v1/secret-in-path-123').expect(404);
    const text = await waitFor(metrics, (value) => countOf(value, 'method="GET",route="/v1/events/:id",status="404"') >= 3);
    expect(text).toMatch(/method="GET",route="other",status="404"/);
    expect(text).not.toContain(id);
    expect(text).not.toContain('secret-in-path');
  });

  test('count a refusal under the route that it was for', async () => {
    await get('/v1/subscriptions/01900000-0000-7000-8000-000000000000').expect(401);
    await supertest(mailroom.container.app).put('/v1/events').expect(405);
    const text = await waitFor(metrics, (value) => countOf(value, 'method="PUT",route="/v1/events",status="405"') === 1);
    expect(countOf(text, 'method="GET",route="/v1/subscriptions/:id",status="401"')).toBe(1);
  });

  test('tell what waits in the rows and in the queue', async () => {
    await insertEmail(mailroom.container.database, { status: 'queued' });
    await insertEmail(mailroom.container.database, { status: 'deferred' });
    await insertEmail(mailroom.container.database, { status: 'sent' });
    await mailroom.as().post('/v1/events', buildEvent()).expect(202);
    const text = await waitFor(metrics, (value) => /^mailroom_queue_jobs\{kind="match-events",state="waiting"\} 1$/m.test(value));
    expect(text).toMatch(/^mailroom_emails_waiting\{status="queued"\} 1$/m);
    expect(text).toMatch(/^mailroom_emails_waiting\{status="deferred"\} 1$/m);
    expect(text).not.toMatch(/^mailroom_emails_waiting\{status="sent"\}/m);
    expect(text).toMatch(/^process_resident_memory_bytes /m);
  });

  test('are text in the format of Prometheus', async () => {
    expect((await get('/metrics')).headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
  });
});

describe('the contract', () => {
  test('/openapi.json has every operation with its problems, and needs no key', async () => {
    const { body } = await get('/openapi.json').expect(200);
    expect(body.openapi).toMatch(/^3\./);
    const paths = body.paths as Record<string, Record<string, { operationId: string; summary: string; responses: object; security: object[] }>>;
    const operations = Object.values(paths).flatMap((methods) => Object.values(methods));
    expect(operations.length).toBeGreaterThanOrEqual(24);
    for (const { operationId, summary, responses, security } of operations) {
      expect({ operationId, summary, security, statuses: Object.keys(responses) }).toEqual({
        operationId, summary: expect.stringMatching(/\w/), security: [{ apiKey: [] }], statuses: expect.arrayContaining(['400', '401', '403', '503']),
      });
    }
  });

  test('/docs is Swagger UI with this contract', async () => {
    expect((await get('/').expect(302)).headers['location']).toBe('/docs/');
    expect((await get('/docs').redirects(1)).text).toContain('<title>Mailroom</title>');
    expect((await get('/docs/').expect(200)).text).toContain('swagger-ui');
    expect((await get('/docs/swagger-ui-init.js').expect(200)).text).toContain('publishEvent');
    await get('/docs/swagger-ui-bundle.js').expect(200);
  });

  test.each(['/docs/nothing', '/docs/x/swagger-ui-init.js', '/docs/index.html', '/docs/package.json', '/docs/swagger-initializer.js', '/docs/..%2fpackage.json', '/docsx'])('%s is not there', async (path) => {
    expectProblem(await get(path), 404, 'ROUTE_NOT_FOUND');
  });

  test('answers do not tell what they are made with', async () => {
    expect((await get('/health/live')).headers).not.toHaveProperty('x-powered-by');
  });
});
