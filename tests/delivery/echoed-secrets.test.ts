import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { buildSettings } from '../factories/build-settings.js';
import { type Script, startScriptedServer } from '../setup/smtp-servers.js';
import { CLIENT, startTokenServer, type TokenAnswer, type TokenRequest } from '../setup/token-server.js';
import { refusingLogin } from './echoing-servers.js';
import { type LeakWorld, openWorld } from './leak-world.js';
import { leaksIn, textSecret } from './leaks.js';

// What a server says is shown to people, and kept. A server that was sent a secret may say it again, and not always as it was sent.

type Authentication = NonNullable<ReturnType<typeof buildSettings>['authentication']>;

let world: LeakWorld;
const closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  world = await openWorld();
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});
afterAll(() => world.close());

/** Another one for each test, so that none finds what another one has left. */
const newPassword = (): string => `${randomBytes(9).toString('base64url')} (pässword)+of=many/signs that's echoed`;
/** As long as those of Microsoft 365 are. */
const newToken = (): string => randomBytes(1_000).toString('base64url');

/** Tests a log-in at such a relay, and tells where its secret stands afterwards. */
async function leaksOf(script: Script, authentication: Authentication, secret: string): Promise<string[]> {
  const relay = await startScriptedServer(script);
  closers.push(() => relay.close());
  const settings = buildSettings({ serverAddress: '127.0.0.1', port: relay.port, security: 'none', authentication });
  const { body } = await world.send('post', '/v1/smtp-tests', { sendTo: 'admin@example.com', timeoutSeconds: 10, settings }, { Prefer: 'wait=20' }).expect(202);
  expect(body.addresses[0].stages.find(({ status }: { status: string }) => status === 'failed')).toMatchObject({ name: 'auth' });
  return leaksIn(await world.places(), [textSecret('the secret', secret)]);
}

async function mailbox(answer: (request: TokenRequest) => TokenAnswer, clientSecret: string = CLIENT.clientSecret): Promise<Authentication> {
  const server = await startTokenServer();
  closers.push(() => server.close());
  server.answer(answer);
  return { type: 'oauth2', accountName: 'robot', tokenUrl: server.url, ...CLIENT, clientSecret, scope: 'smtp' };
}

describe('a relay that repeats the password', () => {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');

  test.each<[string, (password: string) => string[]]>([
    ['as it is', (password) => [`535 5.7.8 Wrong: ${password}`]],
    ['in base64', (password) => [`535 5.7.8 Wrong: ${base64(password)}`]],
  ])('%s', (_name, wordsOf) => expectSilence(wordsOf));

  test.each<[string, (password: string) => string[]]>([
    ['in base64 without its end', (password) => [`535 5.7.8 Wrong: ${base64(password).replace(/=+$/, '')}`]],
    ['in base64 for URLs', (password) => [`535 5.7.8 Wrong: ${Buffer.from(password).toString('base64url')}`]],
    ['in the base64 of more than was sent', (password) => [`535 5.7.8 ${base64(JSON.stringify({ user: 'mailroom', password }))}`]],
    ['in hexadecimal', (password) => [`535 5.7.8 Wrong: ${Buffer.from(password).toString('hex')}`]],
    ['as URLs have it', (password) => [`535 5.7.8 Wrong: ${encodeURIComponent(password)}`]],
    ['in two lines', (password) => [`535-5.7.8 ${base64(password).slice(0, 30)}`, `535 5.7.8 ${base64(password).slice(30)}`]],
  ])('%s', (_name, wordsOf) => expectSilence(wordsOf));

  test('which has a control character in it', async () => {
    const password = `${newPassword()}\tafter a tab`;
    const script = refusingLogin('PLAIN', (peer) => peer.say(`535 5.7.8 Wrong: ${password}`));
    expect(await leaksOf(script, { type: 'password', accountName: 'mailroom', password }, password.replace('\t', ' '))).toEqual([]);
  });

  async function expectSilence(wordsOf: (password: string) => string[]): Promise<void> {
    const password = newPassword();
    const script = refusingLogin('PLAIN', (peer) => peer.say(...wordsOf(password)));
    expect(await leaksOf(script, { type: 'password', accountName: 'mailroom', password }, password)).toEqual([]);
  }
});

describe('a relay that repeats the access token', () => {
  test.each<[string, Script]>([
    ['with the command', refusingLogin('XOAUTH2', (peer, { line }) => peer.say(`535 5.7.8 ${line}`))],
    ['decoded', refusingLogin('XOAUTH2', (peer, { decoded }) => peer.say(`535 5.7.8 ${decoded}`))],
  ])('%s', (_name, script) => expectSilence(script));

  test.each<[string, Script]>([
    ['in the challenge that tells the reason', refusingLogin('XOAUTH2', async (peer, { decoded }) => {
      peer.say(`334 ${Buffer.from(JSON.stringify({ status: '401', schemes: 'bearer', sent: decoded })).toString('base64')}`);
      await peer.line();
      peer.say('535 5.7.8 No');
    })],
    ['in what is no reply, of which the beginning is shown', refusingLogin('XOAUTH2', (peer, { decoded }) => peer.say(`Wrong: ${decoded.slice(20)}`))],
    ['in a reply that is too long, of which the beginning is shown', refusingLogin('XOAUTH2', (peer, { decoded }) => peer.say(`535 ${decoded.slice(20)} ${'x'.repeat(5_000)}`))],
  ])('%s', (_name, script) => expectSilence(script));

  async function expectSilence(script: Script): Promise<void> {
    const token = newToken();
    const authentication = await mailbox(() => ({ body: { access_token: token, token_type: 'Bearer', expires_in: 3_600 } }));
    expect(await leaksOf(script, authentication, token)).toEqual([]);
  }
});

describe('a token server that repeats the client secret', () => {
  const refused = (words: string): TokenAnswer => ({ status: 401, body: { error: 'invalid_client', error_description: words } });
  const formOf = (secret: string): string => new URLSearchParams({ client_secret: secret }).toString();
  type Answer = (secret: string, request: TokenRequest) => TokenAnswer;

  test.each<[string, Answer]>([
    ['as it is', (secret) => refused(secret)],
    ['as URLs have it', (secret) => refused(encodeURIComponent(secret))],
    ['as the name of the error', (secret) => ({ status: 400, body: { error: secret } })],
    ['as the type of a token', (secret) => ({ body: { access_token: 'x', token_type: secret } })],
  ])('%s', (_name, answer) => expectSilence(answer));

  test.each<[string, Answer]>([
    ['as URLs have it, in small letters', (secret) => refused(encodeURIComponent(secret).replace(/%../g, (escape) => escape.toLowerCase()))],
    ['as the form had it', (secret) => refused(formOf(secret))],
    ['in base64', (secret) => refused(Buffer.from(secret).toString('base64'))],
    ['with the header that it asked for', (_secret, { authorization }) => ({ ...refused(authorization ?? 'none'), headers: { 'www-authenticate': 'Basic realm="x"' } })],
    ['in a redirect', (secret) => ({ status: 302, headers: { location: `https://login.example.com/?${formOf(secret)}` }, body: '' })],
  ])('%s', (_name, answer) => expectSilence(answer));

  async function expectSilence(answer: Answer): Promise<void> {
    const secret = newPassword();
    const authentication = await mailbox((request) => answer(secret, request), secret);
    expect(await leaksOf((peer) => peer.closed, authentication, secret)).toEqual([]);
  }
});
