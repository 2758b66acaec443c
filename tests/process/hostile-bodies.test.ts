import { readFileSync } from 'node:fs';
import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { ADMIN_KEY } from './mailroom-process.js';
import { type Answer, codeOf, exchange, expectClear, jsonRequest, RawClient, useMailroom } from './raw-client.js';

const MIB = 1_048_576;
/** Far more than any of these bodies may take. */
const QUICK_MS = 10_000;

const mailroom = useMailroom();

/** Every operation of the contract that takes JSON, with something for its parameters. */
const OPERATIONS: [method: string, path: string][] = Object.entries(contractPaths()).flatMap(([path, methods]) =>
  Object.entries(methods).filter(([, { requestBody }]) => requestBody?.content['application/json'] !== undefined)
    .map(([method]): [string, string] => [method.toUpperCase(), `/v1${path.replace('{id}', '01900000-0000-7000-8000-000000000000').replace(/\{\w+\}/, 'PasswordCheckFailed')}`]));

function contractPaths(): Record<string, Record<string, { requestBody?: { content: Record<string, unknown> } }>> {
  return (JSON.parse(readFileSync('openapi/openapi.json', 'utf8')) as { paths: ReturnType<typeof contractPaths> }).paths;
}

async function send(method: string, path: string, body: string | Buffer, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${mailroom().url}${path}`, {
    method, body, headers: { Authorization: `Bearer ${ADMIN_KEY}`, 'Content-Type': 'application/json', ...headers }, signal: AbortSignal.timeout(QUICK_MS),
  });
  const answer = { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
  expectClear(answer);
  return answer;
}

const refusal = async (...request: Parameters<typeof send>): Promise<[number, string]> => {
  const answer = await send(...request);
  return [answer.status, codeOf(answer)];
};

/** Valid JSON of exactly this many bytes. */
const eventOf = (bytes: number): string => '{"type":"PasswordCheckFailed"}'.padEnd(bytes, ' ');
const chunk = (bytes: string | Buffer): Buffer => Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), Buffer.from(bytes as string), Buffer.from('\r\n')]);

describe('bodies that are too large', () => {
  test.each<[string, (body: string) => (string | Buffer)[]]>([
    ['with its length', (body) => [jsonRequest('/v1/events', [`Content-Length: ${body.length}`], body)]],
    ['in one chunk, without a length', (body) => [jsonRequest('/v1/events', ['Transfer-Encoding: chunked']), chunk(body), '0\r\n\r\n']],
    ['in many chunks', (body) => [jsonRequest('/v1/events', ['Transfer-Encoding: chunked']), ...body.match(/.{1,1000}/gs)!.map(chunk), '0\r\n\r\n']],
  ])('one byte more than 1 MiB %s is refused, one byte less is not, and the connection is used on or closed', async (_name, request) => {
    const { answers: [taken], usable } = await exchange(mailroom().url, ...request(eventOf(MIB)));
    expect({ status: taken!.status, usable }).toEqual({ status: 202, usable: true });
    const { answers } = await exchange(mailroom().url, ...request(eventOf(MIB + 1)));
    expect(answers.map((answer) => [answer.status, codeOf(answer)])).toEqual([[413, 'BODY_TOO_LARGE']]);
  });

  test('256 MiB in chunks are refused and not kept', async () => {
    const client = await RawClient.open(mailroom().url);
    client.send(jsonRequest('/v1/events', ['Transfer-Encoding: chunked']));
    await client.pour(chunk(Buffer.alloc(MIB, ' ')), 256);
    client.send('0\r\n\r\n');
    const answer = await client.answer();
    expect(answer === null || codeOf(answer) === 'BODY_TOO_LARGE').toBe(true);
  });

  test.each(['/v1/events', '/v1/client-certificates/upload'])('a length of 10 GiB for %s is refused without waiting for the body', async (path) => {
    const type = path.endsWith('upload') ? 'multipart/form-data; boundary=x' : 'application/json';
    const client = await RawClient.open(mailroom().url);
    client.send(`POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ADMIN_KEY}\r\nContent-Type: ${type}\r\nContent-Length: ${10 * 1_024 * MIB}\r\n\r\n`);
    expect((await client.answer(0, QUICK_MS))!.status).toBe(413);
  });

  test('an upload of 12 MiB is refused and not kept', async () => {
    const [head, end] = ['--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n', '\r\n--x--\r\n'];
    expect(await refusal('POST', '/v1/client-certificates/upload', Buffer.concat([Buffer.from(head), Buffer.alloc(12 * MIB), Buffer.from(end)]), { 'Content-Type': 'multipart/form-data; boundary=x' }))
      .toEqual([413, 'FILE_TOO_LARGE']);
  });
});

describe('JSON that is made to hurt', () => {
  const [LISTS, OBJECTS] = [`${'['.repeat(500_000)}${']'.repeat(500_000)}`, `${'{"a":'.repeat(170_000)}1${'}'.repeat(170_000)}`];
  test.each(OPERATIONS)('nested as deep as a body can be: %s %s', async (method, path) => {
    for (const body of [LISTS, `{"properties":{"A":${OBJECTS}}}`]) expect(await refusal(method, path, body)).toEqual([400, 'JSON_TOO_DEEP']);
  });

  test('nested at other places, and never closed', async () => {
    for (const body of [OBJECTS, `{"properties":${LISTS}}`, `[[1],${LISTS}]`, `{"events":[{},${LISTS}]}`]) expect(await refusal('POST', '/v1/events', body)).toEqual([400, 'JSON_TOO_DEEP']);
    for (const body of ['['.repeat(MIB), '{"a":'.repeat(200_000)]) expect(await refusal('POST', '/v1/events', body)).toEqual([400, 'JSON_INVALID']);
  });

  test.each(OPERATIONS)('names that objects inherit: %s %s', async (method, path) => {
    const inherited = '"__proto__":{"polluted":"yes"},"constructor":{"prototype":{"polluted":"yes"}},"prototype":{"polluted":"yes"}';
    for (const body of [`{${inherited}}`, `{"properties":{${inherited}}}`, `{"settings":{${inherited}}}`, `{"events":[{${inherited}}]}`]) {
      const answer = await send(method, path, body);
      if (answer.status < 400) expect(answer.body).not.toContain('polluted'); // all of it may be left out
    }
  });

  test.each<[string, string]>([
    ['100,000 properties', `{${Array.from({ length: 100_000 }, (_, index) => `"${index}":1`).join()}}`],
    ['one name 150,000 times', `{${'"a":1,'.repeat(150_000)}"a":1}`],
    ['a list of 500,000 numbers', `[${'1,'.repeat(500_000)}1]`],
    ['a batch of 300,000 empty events', `{"events":[${'{},'.repeat(300_000)}{}]}`],
    ['a number of a million digits', `{"type":${'9'.repeat(1_000_000)}}`],
    ['a million digits after the point', `{"type":0.${'0'.repeat(1_000_000)}1}`],
    ['an exponent out of reach', '{"type":"PasswordCheckFailed","properties":{"A":1e999999999}}'],
    ['a text of 1 MB', `{"type":"${'x'.repeat(1_000_000)}"}`],
    ['a name of 1 MB', `{"${'x'.repeat(1_000_000)}":1}`],
    ['a text of escapes', `{"type":"${'\\u0041'.repeat(170_000)}"}`],
  ])('%s', async (_name, body) => {
    for (const path of ['/v1/events', '/v1/events/batch', '/v1/subscriptions']) expect((await send('POST', path, body)).status).toBe(400);
  });

  const LONG = 500_000;
  test.each<[string, string]>([
    ['many @', '@'.repeat(LONG)], ['many dots', `a@${'a.'.repeat(LONG / 2)}`], ['an open quotation', `"${'\\'.repeat(LONG)}@example.com`], ['many spaces', `${' '.repeat(LONG)}x`],
    ['many brackets', `${'['.repeat(LONG)}`], ['many hyphens', `a@${'-a'.repeat(LONG / 2)}-`], ['many colons', `[${':'.repeat(LONG)}]`], ['line breaks', '\r\n'.repeat(LONG / 2)],
  ])('a text that slow patterns would ponder over, in every field: %s', async (_name, text) => {
    const requests: [string, string, object][] = [
      ['POST', '/v1/subscriptions', { emailAddress: text }], ['POST', '/v1/users', { name: 'x', emailAddress: text }], ['POST', '/v1/smtp-tests', { sendTo: text }],
      ['PUT', '/v1/smtp-settings', { serverAddress: text, senderAddress: 'a@example.com' }], ['PUT', '/v1/smtp-settings', { serverAddress: 'a.example', senderAddress: text }],
      ['PUT', '/v1/smtp-settings', { serverAddress: 'a.example', senderAddress: 'a@example.com', clientHostname: text }], ['PUT', '/v1/dns-settings', { servers: [text] }],
      ['POST', '/v1/events', { type: 'PasswordCheckFailed', occurredAt: text }], ['POST', '/v1/trusted-certificates', { certificate: `-----BEGIN CERTIFICATE-----${text}` }],
      ['POST', '/v1/certificate-requests', { subject: text }], ['POST', '/v1/certificate-requests', { subject: { commonName: 'x' }, dnsNames: [text] }],
      ['PUT', '/v1/email-templates/PasswordCheckFailed', { subject: 'x', textBody: 'x', replyTo: text }],
    ];
    for (const [method, path, body] of requests) expect((await send(method, path, JSON.stringify(body))).status).toBe(400);
  });
});

describe('compressed bodies', () => {
  /** Members of 64 MiB of zeros, one after the other: 1 GiB in about 1 MiB. */
  const bomb = Buffer.concat(Array<Buffer>(16).fill(gzipSync(Buffer.alloc(64 * MIB))));
  const event = Buffer.from(eventOf(100));
  const brotliBomb = brotliCompressSync(Buffer.alloc(256 * MIB), { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });

  test.each<[string, string, Buffer, [number, string]]>([
    ['1 GiB of zeros in 1 MiB of gzip', 'gzip', bomb, [413, 'BODY_TOO_LARGE']],
    ['zeros in deflate', 'deflate', deflateSync(Buffer.alloc(64 * MIB)), [413, 'BODY_TOO_LARGE']],
    ['zeros in brotli', 'br', brotliBomb, [413, 'BODY_TOO_LARGE']],
    ['gzip in gzip', 'gzip', gzipSync(gzipSync(event)), [400, 'JSON_INVALID']],
    ['a bomb in gzip', 'gzip', gzipSync(bomb), [400, 'JSON_INVALID']], // it is not unfolded twice
    ['gzip twice', 'gzip, gzip', gzipSync(gzipSync(event)), [415, 'ENCODING_UNSUPPORTED']],
    ['a hundred encodings', Array<string>(100).fill('gzip').join(', '), gzipSync(event), [415, 'ENCODING_UNSUPPORTED']],
    ['zstd', 'zstd', event, [415, 'ENCODING_UNSUPPORTED']],
    ['an encoding that nobody knows', 'x-mystery', event, [415, 'ENCODING_UNSUPPORTED']],
    ['no gzip at all', 'gzip', event, [400, 'REQUEST_INVALID']],
    ['gzip with a wrong checksum', 'gzip', Buffer.concat([gzipSync(event).subarray(0, -8), Buffer.alloc(8, 1)]), [400, 'REQUEST_INVALID']],
    ['gzip that is called brotli', 'br', gzipSync(event), [400, 'REQUEST_INVALID']],
    ['nothing', 'gzip', Buffer.alloc(0), [400, 'REQUEST_INVALID']],
  ])('%s', async (_name, encoding, bytes, expected) => {
    expect(await refusal('POST', '/v1/events', bytes, { 'Content-Encoding': encoding })).toEqual(expected);
  });

  test('gzip with something behind it is an event, or is told', async () => {
    const { status } = await send('POST', '/v1/events', Buffer.concat([gzipSync(event), Buffer.alloc(MIB, 1)]), { 'Content-Encoding': 'gzip' });
    expect([202, 400]).toContain(status);
  });
});

describe('forms', () => {
  const part = (name: string, value = 'x', headers = ''): string => `--x\r\nContent-Disposition: form-data; name="${name}"\r\n${headers}\r\n${value}\r\n`;
  const END = '--x--\r\n';

  test.each<[string, string, string?]>([
    ['5,000 parts', Array.from({ length: 5_000 }, (_, index) => part(`p${index}`)).join('') + END],
    ['5,000 files', part('file"; filename="a').repeat(5_000) + END],
    ['10,000 headers of a part', part('file"; filename="a', 'x', 'X-A: b\r\n'.repeat(10_000)) + END],
    ['one header of a part that goes on and on', part('file"; filename="a', 'x', `X-A: ${'x'.repeat(8 * MIB)}\r\n`) + END],
    ['headers of a part that never end', `--x\r\n${'X-A: b\r\n'.repeat(MIB)}`],
    ['a name of 1 MB', part('n'.repeat(1_000_000)) + END],
    ['a text of 8 MiB', part('passphrase', 'x'.repeat(8 * MIB)) + END],
    ['8 MiB without a boundary', '-'.repeat(8 * MIB)],
    ['boundaries that are almost right', '\r\n--y'.repeat(MIB)],
    ['names that objects inherit', part('__proto__[polluted]', 'yes') + part('constructor[prototype][polluted]', 'yes') + END],
    ['an index out of reach', part('a[999999999]') + END],
    ['a file name that leads elsewhere', part('file"; filename="../../../../etc/passwd\0.pem') + END],
    ['no end', part('file"; filename="a')],
    ['no part', END],
    ['an empty boundary', part('file"; filename="a') + END, 'multipart/form-data; boundary='],
    ['a boundary of 4,000 characters', part('file"; filename="a') + END, `multipart/form-data; boundary=${'x'.repeat(4_000)}`],
    ['no boundary', part('file"; filename="a') + END, 'multipart/form-data'],
  ])('%s', async (_name, body, type = 'multipart/form-data; boundary=x') => {
    for (const path of ['/v1/client-certificates/upload', '/v1/trusted-certificates/upload']) {
      expect([400, 413]).toContain((await send('POST', path, body, { 'Content-Type': type })).status);
    }
  });
});
