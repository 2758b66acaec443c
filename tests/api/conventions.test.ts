import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type supertest from 'supertest';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { waitFor } from '../setup/wait.js';
import { contractPaths, named, type Operation, operations, reads, request, Resources, singles, takesHeader } from './conventions.js';
import { expectProblem } from './expect-problem.js';

let mailroom: TestMailroom;
let resources: Resources;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
  resources = await Resources.create(mailroom);
}, 60_000);
afterAll(async () => {
  await mailroom.close();
});

const send = ({ method, path }: Pick<Operation, 'method' | 'path'>, key?: string | null): supertest.Test => request(mailroom, method, resources.pathOf(path), key);
const QUERY: Record<string, string> = { explainSubscription: '?eventType=PasswordCheckFailed&emailAddress=a@example.com' };
const read = (method: string, { path, operationId }: Operation): supertest.Test => request(mailroom, method, resources.pathOf(path) + (QUERY[operationId] ?? ''));
const writes = operations.filter(({ method }) => method !== 'get');

describe.each(named(singles))('%s', (_name, operation) => {
  let etag: string;
  beforeAll(async () => {
    etag = (await read('get', operation)).headers['etag'] as string;
  });

  test('has a strong ETag, the same for the same content', async () => {
    expect(etag).toMatch(/^"[^"]+"$/);
    expect((await read('get', operation)).headers['etag']).toBe(etag);
  });

  test.each(['TAG', 'W/TAG', '"other", TAG', '"a,b" , W/TAG', '*'])('If-None-Match: %s is 304', async (given) => {
    for (const method of ['get', 'head']) {
      const response = await read(method, operation).set('If-None-Match', given.replace('TAG', etag)).set('Cache-Control', 'no-cache');
      expect([response.status, response.text || '']).toEqual([304, '']);
      expect(response.headers).toMatchObject({ etag, 'cache-control': 'no-store', 'x-request-id': expect.any(String) });
      expect(response.headers).not.toHaveProperty('content-type');
    }
  });

  test.each(['"other"', 'W/"other"', 'nonsense', ''])('If-None-Match: %s gets the resource', async (given) => {
    await read('get', operation).set('If-None-Match', given).expect(200);
  });

  test('If-Match is 412 unless it names the ETag', async () => {
    for (const given of ['*', `"other", ${etag}`]) await read('get', operation).set('If-Match', given).expect(200);
    for (const given of ['"other"', `W/${etag}`]) expectProblem(await read('get', operation).set('If-Match', given), 412, 'PRECONDITION_FAILED', [{ parameter: 'If-Match' }]);
    expectProblem(await read('get', operation).set('If-Match', 'nonsense'), 400, 'PRECONDITION_INVALID', [{ parameter: 'If-Match' }]);
  });
});

describe('writes of single resources', () => {
  const ofSingles = writes.filter(({ method, path }) => ['put', 'delete'].includes(method) || /\}\/\w+$/.test(path));
  /** They read the template, and leave it as it is. */
  const NO_WRITES = new Set(['previewEmailTemplate', 'sendTestEmail']);
  const conditional = ofSingles.filter(({ operationId }) => !NO_WRITES.has(operationId));

  test.each(named(conditional))('%s takes If-Match', (_name, { parameters }) => {
    expect(parameters).toContainEqual(expect.objectContaining({ name: 'If-Match', in: 'header' }));
  });

  /** A valid body for each; a PUT takes what was read. */
  const bodyOf = async ({ method, path, operationId, takes }: Operation): Promise<object | undefined> => {
    if (takes.length === 0) return undefined;
    if (operationId === 'putAccountPassword') return { password: 'another' };
    expect(method).toBe('put');
    return (await request(mailroom, 'get', resources.pathOf(path)).expect(200)).body as object;
  };
  /** What makes the operation possible, so that it is its precondition that fails. */
  const prepare = async ({ operationId }: Operation): Promise<void> => {
    if (operationId === 'retryEmail') await mailroom.container.database.prisma.email.updateMany({ data: { status: 'failed' } });
    if (operationId === 'cancelEmail') await mailroom.container.database.prisma.email.updateMany({ data: { status: 'queued' } });
  };
  const stale = async (operation: Operation, given: string, query = ''): Promise<supertest.Response> => {
    await prepare(operation);
    const body = await bodyOf(operation);
    const sent = request(mailroom, operation.method, resources.pathOf(operation.path) + query).set('If-Match', given);
    return body === undefined ? sent : sent.send(body);
  };

  test.each(named(operations.filter(takesHeader('If-Match'))))('%s is 412 when If-Match is stale or weak, 400 when it is no ETag', async (_name, operation) => {
    const single = singles.find(({ path }) => operation.path.startsWith(path))!;
    const { etag } = (await read('get', single)).headers;
    for (const query of operation.parameters.some(({ name }) => name === 'dryRun') ? ['', '?dryRun=true'] : ['']) {
      for (const given of ['"stale"', `W/${etag!}`, '"stale", W/"x"', '']) expectProblem(await stale(operation, given, query), 412, 'PRECONDITION_FAILED', [{ parameter: 'If-Match' }]);
      for (const given of ['stale', `${etag!}, *`, '"half']) expectProblem(await stale(operation, given, query), 400, 'PRECONDITION_INVALID', [{ parameter: 'If-Match' }]);
    }
    expect((await read('get', single)).status).toBe(200);
  });

  test.each(named(writes))('%s passes over no precondition', async (_name, operation) => {
    const others = ['If-Match', 'If-None-Match'].filter((name) => !takesHeader(name)(operation));
    for (const name of others) expectProblem(await send(operation).set(name, '*'), 400, 'PRECONDITION_UNSUPPORTED', [{ parameter: name }]);
  });
});

describe('PUT /event-types/{name} with If-None-Match', () => {
  const put = (name: string, query = ''): supertest.Test => mailroom.as().put(`/v1/event-types/${name}${query}`, { description: 'made once' });

  test('adds what is not there, and leaves what is', async () => {
    await put('AddedOnce').set('If-None-Match', '*').expect(201);
    for (const query of ['', '?dryRun=true']) expectProblem(await put('AddedOnce', query).set('If-None-Match', '*'), 412, 'PRECONDITION_FAILED', [{ parameter: 'If-None-Match' }]);
    expectProblem(await put('PasswordCheckFailed').set('If-None-Match', '*'), 409, 'EVENT_TYPE_BUILT_IN');
    const { etag } = (await mailroom.as().get('/v1/event-types/AddedOnce')).headers;
    expectProblem(await put('AddedOnce').set('If-None-Match', `W/${etag!}`), 412, 'PRECONDITION_FAILED');
    expectProblem(await put('AddedOnce').set('If-None-Match', 'x'), 400, 'PRECONDITION_INVALID', [{ parameter: 'If-None-Match' }]);
    await put('AddedOnce').set('If-None-Match', '"other"').expect(200);
  });

  test('at the same time adds it once', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, async (_, index) => mailroom.as().put('/v1/event-types/Raced', { description: `number ${index}` }).set('If-None-Match', '*')));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(7).fill(412)]);
  });

  test('the name of a path is not taken', async () => {
    for (const name of ['preview', 'Preview']) expectProblem(await put(name), 400, 'EVENT_TYPE_NAME_INVALID', [{ parameter: 'name' }]);
  });
});

describe('HEAD', () => {
  /** What differs from one request to the next, or belongs to the connection. */
  const OWN = new Set(['x-request-id', 'date', 'connection', 'keep-alive', 'transfer-encoding', 'content-disposition']);
  const shown = (headers: Record<string, string>): object => Object.fromEntries(Object.entries(headers).filter(([name]) => !OWN.has(name)));

  // That a key was used is written some time after its first request: a list of keys that is read before is shorter than one that is read after.
  beforeAll(async () => {
    await waitFor(() => mailroom.sdk.listApiKeys(), ({ items }) => items.some(({ lastUsedAt }) => lastUsedAt !== null));
  });

  test.each(named(reads.filter(({ operationId }) => operationId !== 'streamSmtpTest')))('of %s has its headers, and no body', async (_name, operation) => {
    const [get, head] = [await read('get', operation), await read('head', operation)];
    expect([head.status, head.text]).toEqual([200, undefined]);
    expect([get.status, shown(head.headers)]).toEqual([200, shown(get.headers)]);
  });

  test('of a stream ends at once, though the test has not begun', async () => {
    const path = resources.pathOf('/smtp-tests/{id}/stream');
    const { status, headers } = await request(mailroom, 'head', path);
    expect([status, headers['content-type'], headers['cache-control']]).toEqual([200, 'text/event-stream; charset=utf-8', 'no-store']);
    expect((await request(mailroom, 'head', path.replace(/[^/]+\/stream$/, '01900000-0000-7000-8000-000000000000/stream'))).status).toBe(404);
  });

  test('of a support bundle names the file', async () => {
    const { headers } = await request(mailroom, 'head', '/v1/support-bundle').expect(200);
    expect(headers['content-disposition']).toMatch(/^attachment; filename="mailroom-support-\d{8}T\d{6}Z\.zip"$/);
    await request(mailroom, 'head', '/v1/support-bundle?days=3').expect(400);
  });
});

describe.each(Object.entries(contractPaths))('%s', (path, item) => {
  const allowed = [...Object.keys(item).flatMap((method) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()])), 'OPTIONS'].sort();

  test('tells what it takes, without a key', async () => {
    const options = await send({ method: 'options', path }, null);
    expect([options.status, options.headers['allow'], options.text]).toEqual([204, allowed.join(', '), '']);
  });

  test('refuses all other methods, without a key', async () => {
    for (const method of ['get', 'post', 'put', 'delete', 'patch'].filter((one) => !allowed.includes(one.toUpperCase()))) {
      const response = await send({ method, path }, null);
      expectProblem(response, 405, 'METHOD_NOT_ALLOWED');
      expect(response.headers).toMatchObject({ allow: allowed.join(', '), 'cache-control': 'no-store' });
    }
  });

  test.each(Object.keys(item))('%s without a key is 401', async (method) => {
    const response = await send({ method, path }, null);
    expectProblem(response, 401, 'API_KEY_REQUIRED');
    expect(response.headers).toMatchObject({ 'cache-control': 'no-store', 'www-authenticate': expect.stringMatching(/^Bearer /) });
  });
});

describe('bodies', () => {
  const withBody = writes.filter(({ takes }) => takes.length > 0);

  test.each(named(withBody))('%s: another media type, charset or encoding, and what is too large', async (_name, operation) => {
    const isForm = operation.takes.includes('multipart/form-data');
    const type = isForm ? 'multipart/form-data; boundary=x' : 'application/json';
    const raw = (body: string, headers: Record<string, string>): supertest.Test => send(operation).set(headers).serialize((text) => text as string).send(body);
    expectProblem(await raw('x', { 'Content-Type': 'text/plain' }), 415, 'MEDIA_TYPE_UNSUPPORTED');
    expectProblem(await raw('x', { 'Content-Type': type, 'Content-Length': String(64 * 1024 * 1024) }).timeout(10_000), 413, operation.path.includes('certificates') ? 'FILE_TOO_LARGE' : 'BODY_TOO_LARGE');
    if (isForm) return void expectProblem(await raw('x', { 'Content-Type': 'multipart/form-data' }), 400, 'FORM_INVALID');
    expectProblem(await raw('{"a":', { 'Content-Type': type }), 400, 'JSON_INVALID');
    expectProblem(await raw('{}', { 'Content-Type': `${type}; charset=utf-16` }), 415, 'CHARSET_UNSUPPORTED');
    expectProblem(await raw('{}', { 'Content-Type': type, 'Content-Encoding': 'zstd' }), 415, 'ENCODING_UNSUPPORTED');
    expectProblem(await raw('{"noSuchProperty":1}', { 'Content-Type': type }), 400, 'VALIDATION_FAILED');
  });

  test.each<[string, string, object, string]>([
    ['post', '/v1/certificate-requests', { subject: { commonName: 'a.example' }, keyType: ['ecP384'] }, '/keyType'],
    ['post', '/v1/api-keys', { name: 'x', role: ['auditor'] }, '/role'],
    ['put', '/v1/smtp-settings', { security: [['none']] }, '/security'],
    ['put', '/v1/smtp-settings', { port: 'null' }, '/port'],
    ['post', '/v1/accounts', { kind: ['directory'] }, '/kind'],
  ])('%s %s %j: a literal is that literal alone', async (method, path, body, pointer) => {
    const { errors } = expectProblem(await request(mailroom, method, path).send(body), 400, 'VALIDATION_FAILED');
    expect(errors!.map((error) => error.pointer)).toContain(pointer);
  });
});

describe('parameters', () => {
  test.each(named(operations.filter(({ path }) => path.includes('{id}'))))('%s: an id that is none', async (_name, { method, path }) => {
    expectProblem(await request(mailroom, method, `/v1${path.replace('{id}', 'x')}`).send(method === 'get' ? undefined : {}), 400, 'VALIDATION_FAILED');
  });

  test.each(named(reads.filter(takesHeader('limit'))))('%s: a limit that is none, and an unknown one', async (_name, { path }) => {
    for (const [name, value] of [['limit', 'x'], ['limit', '0'], ['noSuchParameter', '1']] as const) {
      expectProblem(await request(mailroom, 'get', `/v1${path}?${name}=${value}`), 400, 'VALIDATION_FAILED', [{ parameter: name }]);
    }
  });
});

describe('what is public', () => {
  test.each(['/openapi.json', '/docs/', '/docs/swagger-ui-init.js', '/docs/swagger-ui-bundle.js'])('%s may be kept, and is asked for anew', async (path) => {
    const { headers } = await request(mailroom, 'get', path, null).expect(200);
    expect(headers).toMatchObject({ 'cache-control': 'no-cache', etag: expect.stringMatching(/"/) });
    const again = await request(mailroom, 'get', path, null).set('If-None-Match', headers['etag']!).expect(304);
    expect(again.headers).toMatchObject({ 'cache-control': 'no-cache', etag: headers['etag'] });
  });
});
