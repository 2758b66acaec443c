import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { waitFor } from '../setup/wait.js';
import { ADMIN_KEY } from './mailroom-process.js';
import { codeOf, exchange, expectClear, jsonRequest, RawClient, useMailroom } from './raw-client.js';

/** What src/http/listen.ts allows for the headers and for the whole of a request, and how often it looks. */
const [HEADERS_MS, REQUEST_MS, CHECK_MS] = [10_000, 60_000, 2_000];
/** For a busy machine. */
const SLACK_MS = 10_000;
const KIB = 1_024;

const mailroom = useMailroom();

describe('many clients', () => {
  const limit = spawnSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).stdout.trim();
  /** Both ends may have so many; some are left for the rest of their work. */
  const IDLE = Math.min(10_000, limit === 'unlimited' ? Infinity : Number(limit) - 1_000);

  async function idle(): Promise<Socket> {
    const { hostname, port } = new URL(mailroom().url);
    const socket = connect(Number(port), hostname).on('error', () => undefined).resume();
    await once(socket, 'connect');
    return socket;
  }

  test(`${IDLE} that say nothing keep nobody else from being answered, and are cut off`, async () => {
    const sockets: Socket[] = [];
    const openedFrom = Date.now();
    while (sockets.length < IDLE) sockets.push(...await Promise.all(Array.from({ length: Math.min(200, IDLE - sockets.length) }, idle)));
    const open = (): number => sockets.filter(({ destroyed }) => !destroyed).length;
    // On a machine that takes longer to open them than they may live they are never all there at once.
    if (Date.now() - openedFrom < HEADERS_MS) expect(open()).toBe(IDLE);
    for (let round = 0; round < 20; round += 1) {
      await mailroom().as().post('/v1/events', { type: 'PasswordCheckFailed' }).expect(202);
      await mailroom().as().get('/v1/events?limit=1').expect(200);
    }
    await waitFor(open, (count) => count === 0, HEADERS_MS + CHECK_MS + SLACK_MS);
  }, 90_000);
});

const BODY = '{"type":"PasswordCheckFailed"}';
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n';
const event = (headers: string[], body = BODY): string => jsonRequest('/v1/events', headers, body);
const chunked = (body: string, header = 'Transfer-Encoding: chunked'): string => event([header], body);
const get = (target: string, headers: string[] = ['Host: x']): string => [`GET ${target} HTTP/1.1`, ...headers, '', ''].join('\r\n');

describe('what is no HTTP is refused once, its connection is closed, and nothing after it is taken for a request', () => {
  test.each<[string, string | Buffer]>([
    ...['-5', '+30', '0x1e', '3e1', '30 30', '30,30', 'x', '99999999999999999999999'].map((length): [string, string] => [`Content-Length: ${length}`, event([`Content-Length: ${length}`])]),
    ['two lengths', event(['Content-Length: 30', 'Content-Length: 5'])],
    ['the same length twice', event(['Content-Length: 30', 'Content-Length: 30'])],
    ['a length and chunks', event(['Content-Length: 5', 'Transfer-Encoding: chunked'], `0\r\n\r\n`)],
    ['chunks and a length', event(['Transfer-Encoding: chunked', 'Content-Length: 30'], `0\r\n\r\n`)],
    ...['xchunked', 'chunked, identity', 'chunked, gzip', '\u000bchunked', 'chunked\u0000'].map((coding): [string, string] => [`Transfer-Encoding: ${JSON.stringify(coding)}`, chunked('0\r\n\r\n', `Transfer-Encoding: ${coding}`)]),
    ['a space before the colon', chunked('0\r\n\r\n', 'Transfer-Encoding : chunked')],
    ...['zz', '-1', '0x5', 'fffffffffffffffff', '5 5', ''].map((size): [string, string] => [`a chunk of the size ${JSON.stringify(size)}`, chunked(`${size}\r\n{}\r\n0\r\n\r\n`)]),
    ['a chunk that is longer than its size', chunked('2\r\n{}{}\r\n0\r\n\r\n')],
    ['a chunk with an extension of 64 KiB', chunked(`2;${'x'.repeat(64 * KIB)}\r\n{}\r\n0\r\n\r\n`)],
    ['a length among the trailers', chunked(`2\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n`)],
    ['trailers of 64 KiB', chunked(`2\r\n{}\r\n0\r\nX: ${'x'.repeat(64 * KIB)}\r\n\r\n`)],
    ['a header without a colon', get('/health/live', ['Host: x', 'nonsense'])],
    ['a header without a name', get('/health/live', ['Host: x', ': x'])],
    ['a NUL in the name of a header', get('/health/live', ['Host: x', 'X-\0: x'])],
    ['a NUL in a header', get('/health/live', ['Host: x', 'X-Text: a\0b'])],
    ['control bytes in a header', get('/health/live', ['Host: x', 'X-Text: \u0001\u001b[31m'])],
    ['a lone CR in a header', get('/health/live', ['Host: x', 'X-Text: a\rb'])],
    ['a NUL in the path', get('/v1/ev\0ents')],
    ['control bytes in the path', get('/v1/\u001b[31m')],
    ['a space in the path', get('/v1/ events')],
    ['an unknown method', 'FETCH /health/live HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['an unknown version', 'GET /health/live HTTP/9.9\r\nHost: x\r\n\r\n'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['TLS', Buffer.concat([Buffer.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3), Buffer.alloc(500, 7)])],
    ['another protocol', 'EHLO client.example.test\r\n'],
    ['bytes at random', Buffer.from(Array.from({ length: 4 * KIB }, (_, index) => (index * 7_919 + 131) & 0xff))],
  ])('%s', async (_name, bytes) => {
    const { answers, usable } = await exchange(mailroom().url, bytes, SMUGGLED);
    expect(answers.length).toBeLessThanOrEqual(1);
    expect(answers.map(({ status }) => status).filter((status) => status < 400)).toEqual([]);
    expect(usable).toBe(false);
  });

  const tooLarge = (bytes: number): [string, string][] => [
    ['one header', get('/health/live', ['Host: x', `X-Long: ${'x'.repeat(bytes)}`])],
    ['headers', get('/health/live', ['Host: x', ...Array.from({ length: bytes / 5 }, (_, index) => `X-${index}: x`)])],
    ['a URL', get(`/v1/events?cursor=${'x'.repeat(bytes)}`)],
    ['query parameters', get(`/v1/events?${'a=1&'.repeat(bytes / 4)}`)],
  ];
  test.each(tooLarge(20 * KIB))('%s of 20 KiB', async (_name, bytes) => {
    const { answers, usable } = await exchange(mailroom().url, bytes);
    expect(answers.map((answer) => [answer.status, codeOf(answer)])).toEqual([[431, 'HEADERS_TOO_LARGE']]);
    expect(usable).toBe(false);
  });

  // Whoever still sends when the connection is closed may not get to read the answer.
  test.each(tooLarge(KIB * KIB))('%s of 1 MiB', async (_name, bytes) => {
    const { answers, usable } = await exchange(mailroom().url, bytes);
    expect([[], [431]]).toContainEqual(answers.map(({ status }) => status));
    expect(usable).toBe(false);
  });

  test('a body that ends before its length', async () => {
    const client = await RawClient.open(mailroom().url);
    client.send(event(['Content-Length: 31']));
    client.socket.end();
    await client.end();
    client.answers.forEach(expectClear);
    expect(client.answers.map(({ status }) => status).filter((status) => status < 400)).toEqual([]);
  });
});

describe('what is odd gets its answer, and the connection goes on where it says it does', () => {
  const key = `Authorization: Bearer ${ADMIN_KEY}`;

  test.each<[string, string, number | RegExp]>([
    ['a body of a GET that looks like a request', get('/health/live', ['Host: x', `Content-Length: ${SMUGGLED.length}`]) + SMUGGLED, 200],
    ['a body in chunks with extensions and trailers', chunked(`1e;a=b;c\r\n${BODY}\r\n0\r\nX-Trailer: x\r\n\r\n`), 202],
    ['headers that ask to drop others', get('/v1/events', ['Host: x', key, 'Connection: keep-alive, Authorization, Content-Length']), 200],
    ['an upgrade', get('/health/live', ['Host: x', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']), 200],
    ['another method in a header', get('/v1/api-keys', ['Host: x', key, 'X-HTTP-Method-Override: DELETE']), 200],
    ['another path in headers', get('/health/live', ['Host: x', 'X-Original-URL: /v1/api-keys', 'X-Rewrite-URL: /v1/api-keys']), 200],
    ['a key in bytes that are no ASCII', get('/v1/events', ['Host: x', 'Authorization: Bearer \u00ff\u00fe']), 401],
    ['two keys', get('/v1/events', ['Host: x', 'Authorization: Bearer wrong-key-1', key]), 401],
    ['a request id with an escape', get('/v1/nothing', ['Host: x', 'X-Request-Id: a%0d%0aSet-Cookie: x']), 404],
    ['NUL, escaped', get('/v1/events/%00', ['Host: x', key]), 400],
    ['what is no UTF-8', get('/v1/event-types/%c0%af', ['Host: x', key]), 400],
    ['a way out of the folder', get('/docs/../../package.json'), 404],
    ['a way out of the folder, escaped', get('/docs/%2e%2e/%2e%2e/package.json'), 404],
    ['a way out of the folder, escaped twice', get('/docs/..%252f..%252fpackage.json'), 404],
    ['4,000 parameters', get(`/v1/events?${'a&'.repeat(4_000)}`, ['Host: x', key]), 400],
    ['__proto__ as a parameter', get('/v1/events?__proto__[x]=1&constructor.prototype.x=1', ['Host: x', key]), 400],
    ['a whole URL', get('http://elsewhere.example/v1/nothing', ['Host: elsewhere.example']), 404],
    ['no path', 'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n', 404],
  ])('%s', async (_name, bytes, status) => {
    const { answers, usable } = await exchange(mailroom().url, bytes);
    expect(answers.map((answer) => answer.status)).toEqual([status]);
    expect(answers[0]!.headers).not.toHaveProperty('set-cookie');
    expect(usable).toBe(true);
  });

  test.each<[string, string]>([
    ['HTTP/1.0', 'GET /health/live HTTP/1.0\r\n\r\n'],
    ['HTTP/0.9', 'GET /health/live\r\n\r\n'],
    ['lines that end with LF alone', 'GET /health/live HTTP/1.1\nHost: x\n\n'],
    ['a header that goes on in the next line', get('/health/live', ['Host: x', 'X-Long: a', '  b'])],
    ['a tunnel', 'CONNECT 127.0.0.1:25 HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['bytes that are no ASCII in the path', get('/v1/\u00e4\u00ff')],
  ])('%s: an answer, or the end of the connection', async (_name, bytes) => {
    const { answers } = await exchange(mailroom().url, bytes);
    expect(answers.length).toBeLessThanOrEqual(1);
  });

  test.each<[string, string[], number, string]>([
    ['no host', ['X-Text: x'], 400, 'HOST_INVALID'],
    ['two hosts', ['Host: x', 'Host: y'], 400, 'HOST_INVALID'],
    ['the same host twice', ['Host: x', 'Host: x'], 400, 'HOST_INVALID'],
    ['a host with a path', ['Host: x/y'], 400, 'HOST_INVALID'],
    ['a host with a space', ['Host: x y'], 400, 'HOST_INVALID'],
    ['an expectation that nobody knows', ['Host: x', 'Expect: the-unexpected'], 417, 'EXPECTATION_UNKNOWN'],
  ])('%s is told', async (_name, headers, status, code) => {
    for (const path of ['/health/live', '/v1/events']) {
      const { answers: [answer], usable } = await exchange(mailroom().url, get(path, [...headers, key]));
      expect([answer!.status, codeOf(answer!), usable]).toEqual([status, code, status !== 417]);
      expect(JSON.parse(answer!.body)).toMatchObject({ instance: path, requestId: answer!.headers['x-request-id'] });
    }
  });

  test.each(['Host:', 'Host: [::1]:8080', 'Host: mailroom.example.com:', 'HOST: x_y'])('%s is a host', async (header) => {
    expect((await exchange(mailroom().url, get('/health/live', [header]))).answers.map(({ status }) => status)).toEqual([200]);
  });

  test('who asks before sending a body is told to go on', async () => {
    const client = await RawClient.open(mailroom().url);
    client.send(event([`Content-Length: ${BODY.length}`, 'Expect: 100-continue'], ''));
    await client.answer();
    client.send(BODY);
    expect([(await client.answer(0))!.status, (await client.answer(1))!.status]).toEqual([100, 202]);
    client.socket.destroy();
  });

  test('a body that is longer than its length: its beginning is no event', async () => {
    const { answers } = await exchange(mailroom().url, event(['Content-Length: 29']));
    expect(answers.length).toBeLessThanOrEqual(1);
    expect(answers.map(({ status }) => status).filter((status) => status < 400)).toEqual([]);
  });

  test('garbage behind an event, whenever it comes, does not become the answer to it', async () => {
    for (let turns = 0; turns < 60; turns += 2) {
      const objectId = `garbage-${turns}`;
      const body = JSON.stringify({ type: 'PasswordCheckFailed', objectId });
      const client = await RawClient.open(mailroom().url);
      client.send(event([`Content-Length: ${body.length}`], body));
      for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
      client.send('garbage\r\n\r\n');
      await client.end();
      const { items } = (await mailroom().as().get('/v1/events?limit=200').expect(200)).body as { items: { objectId: string | null }[] };
      if (items.some((item) => item.objectId === objectId)) expect([202, undefined]).toContain(client.answers[0]?.status); // or the end of the connection, without a word
    }
  });
});

describe('slow clients', () => {
  /** A client that sends one more part each second: how long it lived, and what it was told after its first `answered` answers. */
  interface Slow {
    client: RawClient;
    openedAt: number;
    endedAt: number | null;
  }
  const EVENT = '{"type":"PasswordCheckFailed"}';
  const HEAD = 'GET /health/live HTTP/1.1\r\nHost: x\r\n';
  const ATTACKS: [name: string, first: string, each: string, limitMs: number, answered: number][] = [
    ['says nothing at all', '', '', HEADERS_MS, 0],
    ['sends its first line byte by byte', 'GET /health', 'x', HEADERS_MS, 0],
    ['sends its headers byte by byte', `${HEAD}X-Slow: `, 'x', HEADERS_MS, 0],
    ['sends header after header', HEAD, 'X-Slow: x\r\n', HEADERS_MS, 0],
    ['sends the headers of its second request byte by byte', `${HEAD}\r\n${HEAD}X-Slow: `, 'x', HEADERS_MS, 1],
    ['sends its body byte by byte', jsonRequest('/v1/events', ['Content-Length: 1000'], EVENT), ' ', REQUEST_MS, 0],
    ['sends its body in chunks of a byte', jsonRequest('/v1/events', ['Transfer-Encoding: chunked'], `1e\r\n${EVENT}\r\n`), '1\r\n \r\n', REQUEST_MS, 0],
    ['sends a body byte by byte though it was refused', 'POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n', ' ', REQUEST_MS, 1],
  ];
  const slow = new Map<string, Slow>();

  async function begin(first: string, each: string): Promise<Slow> {
    const attack: Slow = { client: await RawClient.open(mailroom().url), openedAt: Date.now(), endedAt: null };
    attack.client.send(first);
    const timer = setInterval(() => attack.client.send(each), 1_000);
    attack.client.socket.once('close', () => {
      attack.endedAt = Date.now();
      clearInterval(timer);
    });
    return attack;
  }

  // All at once, and beside the other tests: they are looked at in the end.
  beforeAll(async () => {
    for (const [name, first, each] of ATTACKS) slow.set(name, await begin(first, each));
  });

  test.each(ATTACKS)('one that %s is cut off in time', async (name, _first, _each, limitMs, answered) => {
    const { client, openedAt } = slow.get(name)!;
    await client.end(limitMs + CHECK_MS + SLACK_MS);
    expect(slow.get(name)!.endedAt! - openedAt).toBeLessThan(limitMs + CHECK_MS + SLACK_MS);
    client.answers.forEach(expectClear);
    const told = client.answers.slice(answered);
    expect(told.length).toBeLessThanOrEqual(1);
    expect(told.map((answer) => [answer.status, codeOf(answer)])).toEqual(told.map(() => [408, 'REQUEST_TIMEOUT']));
  }, REQUEST_MS + CHECK_MS + 2 * SLACK_MS);
});

test.each(['/openapi.json', '/docs/swagger-ui-init.js', '/docs/swagger-ui-bundle.js'])('clients that ask for %s again and again, and read nothing, do not fill the memory', async (path) => {
  const clients = await Promise.all(Array.from({ length: 10 }, () => RawClient.open(mailroom().url)));
  for (const client of clients) {
    client.socket.pause();
    client.send(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(1_500)); // no key is needed; each answer has hundreds of kilobytes
  }
  for (let round = 0; round < 20; round += 1) await mailroom().as().get('/openapi.json').expect(200);
  clients.forEach(({ socket }) => socket.destroy());
}, 60_000);
