import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import supertest from 'supertest';
import { buildEvent } from '../factories/build-event.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { expectProblem } from './expect-problem.js';

const MEBIBYTE = 1_048_576;

let mailroom: TestMailroom;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
});
afterEach(() => {
  jest.restoreAllMocks();
});
afterAll(async () => {
  await mailroom.close();
});

const postRaw = (body: string | Buffer, type = 'application/json'): supertest.Test =>
  mailroom.as().post('/v1/events').set('Content-Type', type).send(body as string);
const eventCount = (): Promise<number> => mailroom.container.database.prisma.event.count();
/** Valid JSON of exactly this many bytes. */
const eventOf = (bytes: number): string => {
  const bare = JSON.stringify({ type: 'PasswordCheckFailed', properties: {} });
  return `${bare}${' '.repeat(bytes - bare.length)}`;
};

describe('a problem', () => {
  test('names the path without its query, and the request', async () => {
    const response = await mailroom.as().get('/v1/events/01900000-0000-7000-8000-000000000000?secret=1').set('X-Request-Id', 'order-42:a.b_c');
    const problem = expectProblem(response, 404, 'NOT_FOUND');
    expect(problem).toMatchObject({ instance: '/v1/events/01900000-0000-7000-8000-000000000000', requestId: 'order-42:a.b_c' });
    expect(response.headers['cache-control']).toBe('no-store');
  });

  test.each(['', 'with space', '<script>', 'x'.repeat(129)])('a request id that is not one (%j) is replaced', async (given) => {
    const response = await mailroom.as().get('/v1/nothing').set('X-Request-Id', given);
    expect(expectProblem(response, 404, 'ROUTE_NOT_FOUND').requestId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  });

  test('a success names the request too', async () => {
    const response = await mailroom.as().get('/v1/events').set('X-Request-Id', 'abc').expect(200);
    expect(response.headers['x-request-id']).toBe('abc');
  });
});

describe('routes', () => {
  test.each(['/', '/v2/events', '/v1', '/v1/nothing', '/v1/events/a/b', '/v1/__proto__', '/v1/constructor'])('%s', async (path) => {
    const response = await mailroom.as().post(path, {});
    expect(expectProblem(response, 404, 'ROUTE_NOT_FOUND').detail).toContain(`POST ${path}`);
  });

  test.each(['patch', 'delete', 'put'] as const)('%s of a list is no route', async (method) => {
    expectProblem(await supertest(mailroom.container.app)[method]('/v1/events').send({}), 404, 'ROUTE_NOT_FOUND');
  });

  test.each(['/v1/smtp-settings', '/v1/events', '/health/live', '/openapi.json'])('HEAD and OPTIONS %s', async (path) => {
    const key = { Authorization: 'Bearer test-administrator-key' };
    const head = await supertest(mailroom.container.app).head(path).set(key).expect(200);
    expect(head.text).toBeUndefined();
    const options = await supertest(mailroom.container.app).options(path);
    if (options.status === 200) expect(options.headers['allow']).toContain('GET');
    else expectProblem(options, 404, 'ROUTE_NOT_FOUND');
  });
});

describe('bodies', () => {
  test.each([
    '{"type":', '"text"', 'null', '1', "{'type':'x'}", '{"type":"x",}', '{}{}', '\0{}', '{"type":"x"', '\uFEFF\uFEFF{}',
  ])('%j is no JSON object', async (body) => {
    expectProblem(await postRaw(body), 400, 'JSON_INVALID');
  });

  test('that are a list, or empty, are told at the root or at what is missing', async () => {
    expect(expectProblem(await postRaw('[]'), 400, 'VALIDATION_FAILED', [{ pointer: '' }]).detail).toMatch(/^The body must be an object/);
    expectProblem(await postRaw('{}'), 400, 'VALIDATION_FAILED', [{ pointer: '/type', message: 'is required' }]);
  });

  test.each(['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/jsonx', 'nonsense'])(
    'of type %s are refused', async (type) => {
      expectProblem(await postRaw('{"type":"PasswordCheckFailed"}', type), 415, 'MEDIA_TYPE_UNSUPPORTED');
    });

  test('of another charset or encoding are refused', async () => {
    expectProblem(await postRaw('{}', 'application/json; charset=latin1'), 415, 'CHARSET_UNSUPPORTED');
    expectProblem(await postRaw('{}').set('Content-Encoding', 'compress'), 415, 'ENCODING_UNSUPPORTED');
  });

  test('up to 1 MiB are taken, one byte more is not', async () => {
    await postRaw(eventOf(MEBIBYTE)).expect(202);
    const before = await eventCount();
    expectProblem(await postRaw(eventOf(MEBIBYTE + 1)), 413, 'BODY_TOO_LARGE');
    expect(await eventCount()).toBe(before);
  });

  test('that are compressed are measured as they unfold', async () => {
    const gzipped = (bytes: number): supertest.Test => postRaw(gzipSync(eventOf(bytes))).set('Content-Encoding', 'gzip').serialize((body) => body as string);
    await gzipped(1_000).expect(202);
    expectProblem(await gzipped(50 * MEBIBYTE), 413, 'BODY_TOO_LARGE');
    expectProblem(await postRaw('no gzip at all').set('Content-Encoding', 'gzip'), 400, 'REQUEST_INVALID');
  });
});

describe('validation', () => {
  test.each<[string, object, { pointer: string; message?: string }[]]>([
    ['wrong types', { type: 5, properties: 'x', objectId: 1, occurredAt: true }, [
      { pointer: '/type', message: 'must be a string' }, { pointer: '/properties', message: 'must be an object' },
      { pointer: '/objectId', message: 'must be a string' }, { pointer: '/occurredAt', message: 'must be a string' }]],
    ['a type that is missing', {}, [{ pointer: '/type', message: 'is required' }]],
    ['null where it means nothing', { type: null }, [{ pointer: '/type' }]],
    ['unknown properties', { ...buildEvent(), typo: 1, 'a/b~c': 2 }, [
      { pointer: '/typo', message: 'is not a known property' }, { pointer: '/a~1b~0c', message: 'is not a known property' }]],
    ['a value that is a list or an object', { ...buildEvent(), properties: { List: [], Object: {} } }, [
      { pointer: '/properties/List' }, { pointer: '/properties/Object' }]],
  ])('%s', async (_name, body, errors) => {
    const before = await eventCount();
    expectProblem(await mailroom.as().post('/v1/events', body), 400, 'VALIDATION_FAILED', errors);
    expect(await eventCount()).toBe(before);
  });

  test('inside lists the pointer has the index', async () => {
    const events = [buildEvent(), { type: 5, typo: 1, properties: { A: {} } }, buildEvent(), 'text'];
    expectProblem(await mailroom.as().post('/v1/events/batch', { events }), 400, 'VALIDATION_FAILED', [
      { pointer: '/events/1/type', message: 'must be a string' },
      { pointer: '/events/1/properties/A' },
      { pointer: '/events/1/typo', message: 'is not a known property' },
      { pointer: '/events/3', message: 'must be an object' },
    ]);
  });

  test('unions speak of the branch that was meant, and never repeat a secret', async () => {
    const put = (authentication: unknown): supertest.Test => mailroom.as().put('/v1/smtp-settings', { authentication });
    const responses = [
      [await put({ type: 'password', accountName: 5, password: 'hunter2' }), '/authentication/accountName'],
      [await put({ type: 'passwort', password: 'hunter2' }), '/authentication/type'],
      [await put({ type: 'password', accountName: 'a', password: 'hunter2', typo: 'hunter2' }), '/authentication/typo'],
      [await put('hunter2'), '/authentication'],
    ] as const;
    for (const [response, pointer] of responses) {
      expectProblem(response, 400, 'VALIDATION_FAILED', [{ pointer }]);
      expect(response.text).not.toContain('hunter2');
    }
  });

  test.each([
    ['/v1/events/not-a-uuid', 'id'], ['/v1/emails/123', 'id'], ['/v1/emails?eventId=x', 'eventId'], ['/v1/emails?status=lost', 'status'],
    ['/v1/emails?from=yesterday', 'from'], ['/v1/events?typo=1', 'typo'], ['/v1/events?__proto__=1', '__proto__'],
  ])('%s names the parameter %s', async (path, parameter) => {
    expectProblem(await mailroom.as().get(path), 400, 'VALIDATION_FAILED', [{ parameter }]);
  });
});

test('what nobody expected is a 500 that tells nothing of the inside', async () => {
  jest.spyOn(mailroom.container.apiKeys, 'holderOf').mockRejectedValue(new Error('relation "api_keys" at /srv/app.ts:1'));
  const response = await mailroom.as().get('/v1/events');
  expectProblem(response, 500, 'INTERNAL');
  expect(response.text).not.toMatch(/relation|srv/);
});
