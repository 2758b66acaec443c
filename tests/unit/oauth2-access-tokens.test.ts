import { afterEach, describe, expect, test } from '@jest/globals';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { AccessTokens } from '../../src/oauth2/access-tokens.js';
import { OAuth2Failure } from '../../src/oauth2/oauth2-failure.js';
import type { OAuth2Client } from '../../src/oauth2/token-request.js';
import { createPki } from '../setup/pki.js';
import { CLIENT, startTokenServer, type TokenServer, type TokenServerOptions } from '../setup/token-server.js';
import { waitFor } from '../setup/wait.js';
import { rejectionOf } from '../smtp/endpoint.js';

const ANYWHERE = { denies: () => false };
const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function start(options: TokenServerOptions = {}): Promise<{ server: TokenServer; client: OAuth2Client }> {
  const server = await startTokenServer(options);
  cleanUps.push(() => server.close());
  return { server, client: { ...CLIENT, tokenUrl: server.url, scope: 'smtp.send' } };
}

const failure = (promise: Promise<unknown>): Promise<OAuth2Failure> => rejectionOf(promise, OAuth2Failure);

describe('the request', () => {
  test('is the client credentials grant of RFC 6749 §4.4, with the credentials in the form', async () => {
    const { server, client } = await start();
    expect(await new AccessTokens(ANYWHERE).get(client)).toEqual({ accessToken: server.lastToken, fromCache: false });
    const form = { grant_type: 'client_credentials', client_id: CLIENT.clientId, client_secret: CLIENT.clientSecret, scope: 'smtp.send' };
    expect(server.requests).toEqual([{ method: 'POST', path: '/oauth2/token', authorization: null, contentType: 'application/x-www-form-urlencoded', form }]);
  });

  test('leaves the scope out when there is none', async () => {
    const { server, client } = await start();
    await new AccessTokens(ANYWHERE).get({ ...client, scope: null });
    expect(server.requests[0]!.form).not.toHaveProperty('scope');
  });

  test('goes with Basic to a server that asks for it (§2.3.1)', async () => {
    const { server, client } = await start();
    server.answer(({ authorization }) => authorization === null
      ? { status: 401, headers: { 'www-authenticate': 'Basic realm="idp"' }, body: { error: 'invalid_client' } }
      : { body: { access_token: 'by-basic', token_type: 'Bearer', expires_in: 100 } });
    expect((await new AccessTokens(ANYWHERE).get(client)).accessToken).toBe('by-basic');
    expect(Buffer.from(server.requests[1]!.authorization!.slice(6), 'base64').toString()).toBe('mailroom+client:client%2Bsecret%2Fwith%3Dsigns%26%C3%BCmlaut');
    expect(server.requests[1]!.form).toEqual({ grant_type: 'client_credentials', scope: 'smtp.send' });
  });

  test('over https the certificate must be trusted for the name', async () => {
    const pki = await createPki();
    const { key, chain } = await pki.issue({ dnsNames: ['localhost'] });
    const { server, client } = await start({ tls: { key, cert: chain } });
    const { code, message, hint } = await failure(new AccessTokens(ANYWHERE).get(client));
    expect({ code, hint }).toEqual({ code: 'OAUTH2_CERTIFICATE_INVALID', hint: expect.stringContaining('NODE_EXTRA_CA_CERTS') });
    expect(message).toContain(server.url);
    expect(server.requests).toEqual([]);
  });
});

describe('a token is kept', () => {
  test('until 60 s before it expires', async () => {
    const { server, client } = await start({ expiresIn: 100 });
    let now = 0;
    const tokens = new AccessTokens(ANYWHERE, 10_000, () => now);
    const first = await tokens.get(client);
    now = 39_999;
    expect(await tokens.get(client)).toEqual({ accessToken: first.accessToken, fromCache: true });
    now = 40_000;
    const second = await tokens.get(client);
    expect(second).toEqual({ accessToken: server.lastToken, fromCache: false });
    expect(second.accessToken).not.toBe(first.accessToken);
    expect(server.requests).toHaveLength(2);
  });

  test('not at all when it lives a minute or less', async () => {
    const { server, client } = await start({ expiresIn: 60 });
    const tokens = new AccessTokens(ANYWHERE);
    await tokens.get(client);
    await tokens.get(client);
    expect(server.requests).toHaveLength(2);
  });

  test.each<[string, (client: OAuth2Client) => Partial<OAuth2Client>, number]>([
    ['nothing else', () => ({}), 1],
    ['another scope', () => ({ scope: 'other' }), 2],
    ['no scope', () => ({ scope: null }), 2],
    ['another client', () => ({ clientId: 'other' }), 2],
    ['another secret', () => ({ clientSecret: 'wrong' }), 2],
    ['another URL', ({ tokenUrl }) => ({ tokenUrl: `${tokenUrl}?tenant=x` }), 2],
  ])('for its own client only: %s', async (_name, change, requests) => {
    const { server, client } = await start();
    const tokens = new AccessTokens(ANYWHERE);
    await tokens.get(client);
    await tokens.get({ ...client, ...change(client) }).catch(() => undefined);
    expect(server.requests).toHaveLength(requests);
  });

  test('a wrong secret is told although the right one has a token', async () => {
    const { client } = await start();
    const tokens = new AccessTokens(ANYWHERE);
    await tokens.get(client);
    expect(await failure(tokens.get({ ...client, clientSecret: 'wrong' }))).toMatchObject({ code: 'OAUTH2_TOKEN_REFUSED' });
  });

  test('dropped, it is asked for again; dropping a token that was replaced leaves the new one', async () => {
    const { server, client } = await start();
    const tokens = new AccessTokens(ANYWHERE);
    const { accessToken: old } = await tokens.get(client);
    tokens.drop(old);
    const { accessToken: current, fromCache } = await tokens.get(client);
    expect(fromCache).toBe(false);
    tokens.drop(old);
    expect(await tokens.get(client)).toEqual({ accessToken: current, fromCache: true });
    expect(server.requests).toHaveLength(2);
  });

  test('fresh asks although one is kept, and keeps the new one', async () => {
    const { server, client } = await start();
    const tokens = new AccessTokens(ANYWHERE);
    await tokens.get(client);
    expect(await tokens.get(client, { fresh: true })).toEqual({ accessToken: server.lastToken, fromCache: false });
    expect(await tokens.get(client)).toEqual({ accessToken: server.lastToken, fromCache: true });
    expect(server.requests).toHaveLength(2);
  });
});

describe('callers at the same time', () => {
  test('share one request', async () => {
    const { server, client } = await start();
    const tokens = new AccessTokens(ANYWHERE);
    const all = await Promise.all(Array.from({ length: 50 }, () => tokens.get(client)));
    expect(new Set(all.map(({ accessToken }) => accessToken))).toEqual(new Set([server.lastToken]));
    expect(server.requests).toHaveLength(1);
  });

  test('share its failure, which is not kept', async () => {
    const { server, client } = await start();
    server.answer(() => ({ status: 503, body: '' }));
    const tokens = new AccessTokens(ANYWHERE);
    const all = await Promise.all([1, 2, 3].map(() => failure(tokens.get(client))));
    expect(all.map(({ code }) => code)).toEqual(Array(3).fill('OAUTH2_SERVER_FAILED'));
    expect(server.requests).toHaveLength(1);
    server.answer(null);
    expect((await tokens.get(client)).accessToken).toBe(server.lastToken);
  });

  test('one that gives up leaves the request to the others', async () => {
    const { server, client } = await start();
    let letGo!: () => void;
    const held = new Promise<void>((resolve) => { letGo = resolve; });
    server.answer(async () => { await held; return { body: { access_token: 'late', expires_in: 3_600 } }; });
    const tokens = new AccessTokens(ANYWHERE);
    const stop = new AbortController();
    const [impatient, timed, patient] = [tokens.get(client, { signal: stop.signal }), tokens.get(client, { signal: AbortSignal.timeout(20) }), tokens.get(client)];
    stop.abort();
    expect(await failure(impatient)).toMatchObject({ code: 'ABORTED' });
    expect(await failure(timed)).toMatchObject({ code: 'TIMED_OUT' });
    letGo();
    expect((await patient).accessToken).toBe('late');
    expect(server.requests).toHaveLength(1);
  });
});

describe('a server that does not help', () => {
  test('refuses: its words are told', async () => {
    const { client } = await start();
    const { code, message } = await failure(new AccessTokens(ANYWHERE).get({ ...client, clientSecret: 'not-the-secret' }));
    expect(code).toBe('OAUTH2_TOKEN_REFUSED');
    expect(message).toMatch(/^The token server http:\/\/localhost:\d+\/oauth2\/token refused to give a token: invalid_client \(No such client\)\.$/);
  });

  test('echoes the secret: it is taken out', async () => {
    const { server, client } = await start();
    server.answer(({ form }) => ({ status: 400, body: { error: 'invalid_request', error_description: `secret=${form['client_secret']} or ${encodeURIComponent(form['client_secret']!)}` } }));
    const error = await failure(new AccessTokens(ANYWHERE).get(client));
    expect(`${error.message} ${error.hint}`).not.toMatch(/client\+secret|ümlaut|%C3%BC/);
    expect(error.message).toContain('secret=[redacted] or [redacted]');
  });

  test('is gone', async () => {
    const { server, client } = await start();
    await server.close();
    expect(await failure(new AccessTokens(ANYWHERE).get(client))).toMatchObject({ code: 'OAUTH2_SERVER_UNREACHABLE', message: expect.stringContaining('ECONNREFUSED') });
  });

  test('has no address', async () => {
    const { client } = await start();
    expect(await failure(new AccessTokens(ANYWHERE).get({ ...client, tokenUrl: 'https://nowhere.invalid/token' }))).toMatchObject({
      code: 'OAUTH2_SERVER_UNREACHABLE', message: expect.stringContaining('has no address'),
    });
  });

  test('speaks something else', async () => {
    const { url, close } = await startRaw((socket) => socket.end('220 mx.example.test ESMTP\r\n'));
    cleanUps.push(close);
    const error = await failure(new AccessTokens(ANYWHERE).get({ ...CLIENT, tokenUrl: url, scope: null }));
    expect(error.code).toBe('OAUTH2_RESPONSE_INVALID');
    expect(error.message).toContain('sent what is no HTTP');
  });

  test('does not speak TLS', async () => {
    const { client } = await start();
    const error = await failure(new AccessTokens(ANYWHERE).get({ ...client, tokenUrl: client.tokenUrl.replace('http:', 'https:') }));
    expect(error).toMatchObject({ code: 'OAUTH2_SERVER_UNREACHABLE', message: expect.stringContaining('TLS') });
  });

  test.each<[string, (socket: Socket) => void]>([
    ['never answers', () => undefined],
    ['stops in the middle of its answer', (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"access_')],
    ['trickles', (socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n');
      const timer = setInterval(() => socket.write(' '), 10);
      socket.once('close', () => clearInterval(timer));
    }],
  ])('%s: the time-out bounds the whole exchange, and the connection is ended', async (_name, behave) => {
    const { url, close, sockets } = await startRaw(behave);
    cleanUps.push(close);
    const error = await failure(new AccessTokens(ANYWHERE, 150).get({ ...CLIENT, tokenUrl: url, scope: null }));
    expect(error).toMatchObject({ code: 'OAUTH2_TIMEOUT', message: expect.stringContaining('within 0.15 seconds') });
    await waitFor(() => sockets.size, (open) => open === 0);
  });

  test('answers without end: 64 KiB are enough, and the connection is ended', async () => {
    const { server, client } = await start();
    let [sent, closed] = [0, false];
    server.answer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const more = (): void => { while (!closed && response.write(' '.repeat(16_384))) sent += 16_384; };
      response.on('drain', more).on('close', () => { closed = true; }).on('error', () => undefined);
      more();
    });
    expect(await failure(new AccessTokens(ANYWHERE).get(client))).toMatchObject({ code: 'OAUTH2_RESPONSE_INVALID', message: expect.stringContaining('more than 64 KiB') });
    await waitFor(() => closed, Boolean);
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });

  test('redirects: the secret does not follow', async () => {
    const { server: other } = await start();
    const { server, client } = await start();
    server.answer(() => ({ status: 307, headers: { location: other.url }, body: '' }));
    expect(await failure(new AccessTokens(ANYWHERE).get(client))).toMatchObject({ code: 'OAUTH2_RESPONSE_INVALID', message: expect.stringContaining('not followed') });
    expect(other.requests).toEqual([]);
  });
});

describe('an address that is denied', () => {
  const denies = (...addresses: string[]) => ({ denies: (address: string) => addresses.includes(address) });

  test.each(['http://127.0.0.1', 'http://localhost'])('%s is not connected to', async (base) => {
    const { server, client } = await start();
    const tokens = new AccessTokens(denies('127.0.0.1', '::1'));
    const error = await failure(tokens.get({ ...client, tokenUrl: `${base}:${server.port}/token` }));
    expect(error).toMatchObject({ code: 'SMTP_ADDRESS_DENIED', message: expect.stringContaining('127.0.0.1'), hint: expect.stringContaining('MAILROOM_SMTP_DENY_NETWORKS') });
    expect(server.requests).toEqual([]);
  });

  test('a name that also has an allowed address goes there', async () => {
    const { client } = await start();
    expect((await new AccessTokens(denies('::1')).get(client)).fromCache).toBe(false);
  });
});

/** A server on a free port that does with each connection what it is told. */
async function startRaw(behave: (socket: Socket) => void): Promise<{ url: string; sockets: Set<Socket>; close: () => Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket)).once('data', () => behave(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    sockets,
    close: () => new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    }),
  };
}
