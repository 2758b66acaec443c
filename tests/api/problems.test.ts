import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import supertest from 'supertest';
import { connectDatabase } from '../../src/db/client.js';
import { createLogger } from '../../src/logger.js';
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

const bare = (method: 'get' | 'post' | 'put' | 'patch' | 'delete' | 'options', path: string): supertest.Test => supertest(mailroom.container.app)[method](path);

describe('routes', () => {
  test.each(['/v2/events', '/v1', '/v1/nothing', '/v1/events/a/b', '/v1/__proto__', '/v1/constructor'])('%s', async (path) => {
    const response = await mailroom.as().post(path, {});
    expect(expectProblem(response, 404, 'ROUTE_NOT_FOUND').detail).toContain(`POST ${path}`);
  });

  test.each([
    ['put', '/v1/events', 'GET, HEAD, OPTIONS, POST'],
    ['patch', '/v1/smtp-settings', 'GET, HEAD, OPTIONS, PUT'],
    ['post', '/v1/api-keys/01900000-0000-7000-8000-000000000000', 'DELETE, GET, HEAD, OPTIONS'],
    ['delete', '/v1/emails/retry', 'OPTIONS, POST'],
    ['get', '/v1/events/batch/', 'OPTIONS, POST'],
    ['post', '/', 'GET, HEAD, OPTIONS'],
    ['post', '/openapi.json', 'GET, HEAD, OPTIONS'],
    ['delete', '/docs/', 'GET, HEAD, OPTIONS'],
    ['put', '/health/live', 'GET, HEAD, OPTIONS'],
    ['delete', '/metrics', 'GET, HEAD, OPTIONS'],
  ] as const)('%s %s', async (method, path, allow) => {
    const options = await bare('options', path);
    expect([options.status, options.headers['allow'], options.text]).toEqual([204, allow, '']);
    const response = await bare(method, path);
    const problem = expectProblem(response, 405, 'METHOD_NOT_ALLOWED');
    expect(response.headers['allow']).toBe(allow);
    expect(problem.detail).toContain(method.toUpperCase());
    expect(problem.instance).toBe(path);
  });

  test.each(['/v1/smtp-settings', '/v1/events', '/health/live', '/openapi.json', '/docs/'])('HEAD %s', async (path) => {
    const head = await supertest(mailroom.container.app).head(path).set('Authorization', 'Bearer test-administrator-key').expect(200);
    expect(head.text).toBeUndefined();
  });

  test.each(['/v1/nothing', '/v2/events', '/docs/nothing'])('OPTIONS %s', async (path) => {
    expectProblem(await bare('options', path), 404, 'ROUTE_NOT_FOUND');
  });

  test('what a wrong method sends is not read', async () => {
    expectProblem(await bare('put', '/v1/events').set('Content-Type', 'application/json').send('{'), 405, 'METHOD_NOT_ALLOWED');
    expectProblem(await bare('post', '/v1/nothing').set('Content-Type', 'application/json').send('{'), 404, 'ROUTE_NOT_FOUND');
  });
});

describe('who calls', () => {
  const send = (authorization: string | null, body: string, type = 'application/json'): supertest.Test => {
    const request = bare('post', '/v1/events').set('Content-Type', type);
    if (authorization !== null) request.set('Authorization', authorization);
    return request.send(body);
  };

  test.each([['no JSON', '{', 'application/json'], ['too much', eventOf(MEBIBYTE + 1), 'application/json'], ['another type', 'x', 'text/plain'], ['half a pair', '{"a":"\\ud800"}', 'application/json']])(
    'is asked before a body with %s is read', async (_name, body, type) => {
      expectProblem(await send(null, body, type), 401, 'API_KEY_REQUIRED');
      expectProblem(await send('Bearer mr_wrong', body, type), 401, 'API_KEY_UNKNOWN');
    });

  test('is looked up once for each request, and not at all for one without a key or a route', async () => {
    const lookUp = jest.spyOn(mailroom.container.apiKeys, 'holderOf');
    await mailroom.as().post('/v1/events', buildEvent()).expect(202);
    expect(lookUp).toHaveBeenCalledTimes(1);
    await send(null, '{}').expect(401);
    await mailroom.as().get('/v1/nothing').expect(404);
    await mailroom.as().put('/v1/events').expect(405);
    expect(lookUp).toHaveBeenCalledTimes(1);
  });

  test('may be refused for the role whatever the fields hold, but not before the body is JSON', async () => {
    const auditor = `Bearer ${await mailroom.keyOf('auditor')}`;
    expectProblem(await send(auditor, '{"type":5}'), 403, 'ROLE_INSUFFICIENT');
    expectProblem(await send(auditor, '{'), 400, 'JSON_INVALID');
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
    const { detail } = expectProblem(await postRaw('{}').set('Content-Encoding', 'compress'), 415, 'ENCODING_UNSUPPORTED');
    expect(detail).toContain('gzip, deflate or br');
  });

  test.each(['utf-7', 'utf-16', 'utf-16le', 'utf-32', 'utf-99', 'UTF-7'])('of charset %s are refused, also where they would be the same bytes', async (charset) => {
    expectProblem(await postRaw(JSON.stringify(buildEvent()), `application/json; charset=${charset}`), 415, 'CHARSET_UNSUPPORTED');
  });

  test.each(['utf-8', 'UTF-8', '"utf-8"'])('of charset %s are taken', async (charset) => {
    await postRaw(JSON.stringify(buildEvent()), `application/json; charset=${charset}`).expect(202);
  });

  const bytesOf = (...parts: (string | number[])[]): Buffer => Buffer.concat(parts.map((part) => Buffer.from(part as string)));
  const postBytes = (bytes: Buffer): supertest.Test => postRaw(bytes).serialize((body) => body as string);

  test.each([
    ['a byte of Latin-1', [0xfc]], ['a sequence that is cut', [0xe2, 0x82]], ['an overlong NUL', [0xc0, 0x80]], ['a surrogate', [0xed, 0xa0, 0x80]], ['0xFF', [0xff]],
  ])('that hold %s are no UTF-8, and nothing is made of them', async (_name, bytes) => {
    const before = await eventCount();
    const { detail } = expectProblem(await postBytes(bytesOf('{"type":"PasswordCheckFailed","objectId":"x', bytes, '"}')), 400, 'JSON_INVALID');
    expect(detail).toContain('not valid UTF-8');
    expect(await eventCount()).toBe(before);
  });

  test('may begin with a byte order mark', async () => {
    const { body } = await postBytes(bytesOf([0xef, 0xbb, 0xbf], '{"type":"PasswordCheckFailed","objectId":"ü"}')).expect(202);
    expect(body.objectId).toBe('ü');
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
  });

  const compressed = (bytes: Buffer, encoding: string): supertest.Test => postBytes(bytes).set('Content-Encoding', encoding);

  test.each([['gzip', gzipSync], ['deflate', deflateSync], ['br', brotliCompressSync]] as const)('are taken as %s; what is none, or is cut, is told as such', async (encoding, compress) => {
    const whole = compress(JSON.stringify(buildEvent()));
    await compressed(whole, encoding).expect(202);
    for (const bytes of [whole.subarray(0, whole.length - 9), bytesOf('not compressed at all')]) {
      const { detail } = expectProblem(await compressed(bytes, encoding), 400, 'REQUEST_INVALID');
      expect(detail).toContain('cannot be decompressed');
    }
  });
});

describe('validation', () => {
  test.each<[string, object, { pointer: string; message?: string }[]]>([
    ['wrong types', { type: 5, properties: 'x', objectId: 1, occurredAt: true }, [
      { pointer: '/type', message: 'must be a string' }, { pointer: '/properties', message: 'must be an object' },
      { pointer: '/objectId', message: 'must be a string or null' }, { pointer: '/occurredAt', message: 'must be a string or null' }]],
    ['a type that is missing', {}, [{ pointer: '/type', message: 'is required' }]],
    ['null where it means nothing', { type: null }, [{ pointer: '/type' }]],
    ['unknown properties', { ...buildEvent(), typo: 1, 'a/b~c': 2 }, [
      { pointer: '/typo', message: 'is not a known property' }, { pointer: '/a~1b~0c', message: 'is not a known property' }]],
    ['a value that is a list or an object', { ...buildEvent(), properties: { List: [], Object: {} } }, [
      { pointer: '/properties/List', message: 'must be a string, a number, true, false or null' }, { pointer: '/properties/Object' }]],
  ])('%s', async (_name, body, errors) => {
    const before = await eventCount();
    expectProblem(await mailroom.as().post('/v1/events', body), 400, 'VALIDATION_FAILED', errors);
    expect(await eventCount()).toBe(before);
  });

  test('ends at 100 faults: a body of faults alone is refused without looking at all of it', async () => {
    const event = { type: 'x', properties: Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`p${index}`, {}])) };
    const { errors } = expectProblem(await mailroom.as().post('/v1/events/batch', { events: Array.from({ length: 1_000 }, () => event) }), 400, 'VALIDATION_FAILED');
    expect(errors).toHaveLength(100);
    expect(errors!.at(-1)!.pointer).toBe('/events/4/properties/p19');
  });

  test('of an object with more than 200 properties does not begin', async () => {
    const properties = Object.fromEntries(Array.from({ length: 201 }, (_, index) => [`p${index}`, {}]));
    const pointer = '/events/1/properties';
    expectProblem(await mailroom.as().post('/v1/events/batch', { events: [buildEvent(), buildEvent({ properties: properties as never })] }), 400, 'JSON_TOO_LARGE', [{ pointer }]);
  });

  test.each([
    ['/v1/events?cursor=LONG', 'cursor', 'must be the nextCursor of an earlier answer'],
    ['/v1/api-keys?cursor=LONG', 'cursor', 'must be the nextCursor of an earlier answer'],
    ['/v1/events?type=LONG', 'type', 'must have at most 100 characters'],
    ['/v1/emails?to=LONG', 'to', 'must have at most 320 characters'],
    ['/v1/support-bundle?days=3', 'days', 'must be 1 or 2: SMTP sessions are kept for two days'],
  ])('%s says what to do', async (path, parameter, message) => {
    const { detail } = expectProblem(await mailroom.as().get(path.replace('LONG', 'x'.repeat(1_025))), 400, 'VALIDATION_FAILED', [{ parameter, message }]);
    expect(detail).toBe(`${parameter} ${message}.`);
  });

  test('a URL that is no UTF-8 is told how to be one', async () => {
    const { detail } = expectProblem(await mailroom.as().get('/v1/event-types/%ff'), 400, 'REQUEST_INVALID');
    expect(detail).toContain('Encode');
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

describe('a transaction', () => {
  const failWith = async (failure: Promise<unknown>): Promise<supertest.Response> => {
    jest.spyOn(mailroom.container.apiKeys, 'holderOf').mockRejectedValue(await failure.then(() => null, (error: unknown) => error));
    return mailroom.as().get('/v1/events');
  };
  const longer = (ms: number) => mailroom.container.database.prisma.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT pg_sleep(${ms / 1_000})::text`;
    return tx.event.count();
  }, { timeout: ms / 4 });

  test('that outlives its time is given up, and told as that', async () => {
    const response = await failWith(longer(200));
    expect(expectProblem(response, 503, 'TRANSACTION_TIMEOUT').detail).toContain('nothing was changed');
    expect(response.headers['retry-after']).toMatch(/^\d+$/);
  });

  test('that cannot begin, because all connections are in use, is an outage', async () => {
    const narrow = connectDatabase(mailroom.databaseUrl, createLogger({ level: 'silent', format: 'json' }), 1);
    try {
      await narrow.prisma.$transaction(async () => {
        expectProblem(await failWith(narrow.prisma.$transaction(async (tx) => tx.event.count(), { maxWait: 50 })), 503, 'DATABASE_UNAVAILABLE');
      });
    } finally {
      await narrow.close();
    }
  });

  test('that was ended already is a fault of ours', async () => {
    const ended = mailroom.container.database.prisma.$transaction((tx) => Promise.resolve(tx)).then((tx) => tx.event.count());
    expectProblem(await failWith(ended), 500, 'INTERNAL');
  });
});
