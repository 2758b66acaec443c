import { domainToASCII } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { SmtpSettingsUpdate } from '../../src/smtp-settings/smtp-settings.contract.js';
import { buildAccount } from '../factories/build-account.js';
import { buildSettings } from '../factories/build-settings.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { expectProblem } from './expect-problem.js';

// What is marked as failing is not shut yet; jest tells when it is, and then the mark goes.

const PASSWORD = 'correct-horse-battery';
const KEPT = { type: 'password', accountName: 'mailroom' } as const;
const WITH_PASSWORD = { ...KEPT, password: PASSWORD };
const OAUTH2 = { type: 'oauth2', accountName: 'robot@example.com', tokenUrl: 'https://login.example.com/tenant/token?v=2', clientId: 'client-1', scope: 'smtp' } as const;

let mailroom: TestMailroom;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
});
afterAll(() => mailroom.close());

const save = (overrides: Partial<SmtpSettingsUpdate>) => mailroom.as().put('/v1/smtp-settings', buildSettings(overrides));
const ask = (overrides: Partial<SmtpSettingsUpdate>) => mailroom.as().post('/v1/smtp-tests', { sendTo: 'admin@example.com', settings: buildSettings(overrides) });

/** Both ways in which a stored secret could be taken along. */
const WAYS: [string, typeof save, string][] = [['the settings', save, ''], ['a test', ask, '/settings']];

describe.each(WAYS)('a stored password does not go to another host that looks like its own: %s', (_way, send, pointer) => {
  test.each<[string, string]>([
    ['mail.example.com', 'mail.example.com.evil.example'],
    ['faß.example', 'fass.example'],
    ['istanbul.example', 'ıstanbul.example'],
    ['mail.example.com', 'mаil.example.com'], // a Cyrillic а
    ['[2001:db8::25]', '[2001:db8::52]'],
    ['192.0.2.25', '[::ffff:192.0.2.25]'],
  ])('%s, then %s', (given, next) => expectAsked(given, next));

  // Their small letters are the same text, and yet they are two names in DNS (UTS #46; newer Node.js takes ẞ for ß).
  test.each([
    ['βόλος-1.example', 'ΒΌΛΟΣ-1.example'],
    ['ΒΌΛΟΣ-1.example', 'βόλος-1.example'],
    ['straße.example', 'straẞe.example'],
    ['straẞe.example', 'straße.example'],
  ].filter(([given, next]) => domainToASCII(given!) !== domainToASCII(next!)) as [string, string][])('%s, then %s', (given, next) => expectAsked(given, next));

  async function expectAsked(given: string, next: string): Promise<void> {
    if (!given.startsWith('[')) expect(domainToASCII(next)).not.toBe(domainToASCII(given));
    await save({ serverAddress: given, authentication: WITH_PASSWORD }).expect(200);
    expectProblem(await send({ serverAddress: next, authentication: KEPT }), 400, 'SMTP_PASSWORD_REQUIRED', [{ pointer: `${pointer}/authentication/password` }]);
  }
});

describe.each(WAYS)('the same destination in other words keeps the password: %s', (way, send) => {
  test.each<[string, Partial<SmtpSettingsUpdate>, Partial<SmtpSettingsUpdate>]>([
    ['a name in capital letters', { serverAddress: 'mail.example.com' }, { serverAddress: 'MAIL.EXAMPLE.COM' }],
    ['an international name in capital letters', { serverAddress: 'müller.example' }, { serverAddress: 'MÜLLER.example' }],
    ['an IPv6 address in capital letters', { serverAddress: '[2001:db8::25]' }, { serverAddress: '[2001:DB8::25]' }],
    ['the port of smtps written out', { security: 'smtps', port: null }, { security: 'smtps', port: 465 }],
    ['the port of startTls left out', { security: 'startTls', port: 25 }, { security: 'startTls', port: null }],
  ])('%s', async (_name, given, next) => {
    await save({ ...given, authentication: WITH_PASSWORD }).expect(200);
    await send({ ...next, authentication: KEPT }).expect(way === 'a test' ? 202 : 200);
  });
});

describe('a test asks for the secret again, as a change of the settings does: 400', () => {
  const PORT_465 = { security: 'smtps', port: 25 } as const;

  test.each<[string, Partial<SmtpSettingsUpdate>]>([
    ['its MX', { resolveMx: true }],
    ['smtps on the same port', PORT_465],
    ['the name of the account in another case', { authentication: { ...KEPT, accountName: 'Mailroom' } }],
    ['the name of the account with a blank', { authentication: { ...KEPT, accountName: 'mailroom ' } }],
    ['OAuth 2.0 at a token server of the thief', { authentication: OAUTH2 }],
  ])('the password, for %s', async (_name, change) => {
    await save({ authentication: WITH_PASSWORD }).expect(200);
    const field = change.authentication?.type === 'oauth2' ? 'clientSecret' : 'password';
    expectProblem(await ask({ authentication: KEPT, ...change }), 400, 'SMTP_PASSWORD_REQUIRED', [{ pointer: `/settings/authentication/${field}` }]);
  });

  test.each<[string, Partial<SmtpSettingsUpdate>]>([
    ['another token server', { authentication: { ...OAUTH2, tokenUrl: 'https://evil.example.com/tenant/token?v=2' } }],
    ['another port of it', { authentication: { ...OAUTH2, tokenUrl: 'https://login.example.com:8443/tenant/token?v=2' } }],
    ['another query', { authentication: { ...OAUTH2, tokenUrl: 'https://login.example.com/tenant/token?v=3' } }],
    ['another host that looks like it', { authentication: { ...OAUTH2, tokenUrl: 'https://login.example.com.evil.example/tenant/token?v=2' } }],
    ['a token server on this machine, without TLS', { authentication: { ...OAUTH2, tokenUrl: 'http://localhost/tenant/token?v=2' } }],
    ['another client', { authentication: { ...OAUTH2, clientId: 'Client-1' } }],
    ['another account', { authentication: { ...OAUTH2, accountName: 'root@example.com' } }],
    ['another mail server', { serverAddress: 'evil.example.com' }],
    ['its MX', { resolveMx: true }],
    ['another port', { port: 2525 }],
    ['no TLS', { security: 'none' }],
    ['an unchecked certificate', { verifyCertificate: false }],
    ['a log-in by password', { authentication: { type: 'password', accountName: OAUTH2.accountName } }],
  ])('the client secret, for %s', async (_name, change) => {
    await save({ authentication: { ...OAUTH2, clientSecret: PASSWORD } }).expect(200);
    const field = change.authentication?.type === 'password' ? 'password' : 'clientSecret';
    expectProblem(await ask({ authentication: OAUTH2, ...change }), 400, 'SMTP_PASSWORD_REQUIRED', [{ pointer: `/settings/authentication/${field}` }]);
  });

  test('nor do a refused change and a test take the secret along step by step', async () => {
    await save({ authentication: WITH_PASSWORD }).expect(200);
    const evil = { serverAddress: 'evil.example.com' };
    const steps: Partial<SmtpSettingsUpdate>[] = [evil, { serverAddress: null }, { ...evil, security: 'none' }, { verifyCertificate: false }];
    for (const step of steps) expectProblem(await save({ authentication: KEPT, ...step }), 400, 'SMTP_PASSWORD_REQUIRED');
    await ask({ authentication: WITH_PASSWORD, serverAddress: 'evil.example.com' }).expect(202);
    expectProblem(await ask({ authentication: KEPT, serverAddress: 'evil.example.com' }), 400, 'SMTP_PASSWORD_REQUIRED');
  });
});

describe('an account', () => {
  const account = async (allowedServers: string[]): Promise<string> => (await mailroom.as().post('/v1/accounts', buildAccount({ allowedServers })).expect(201)).body.id as string;
  const without = (allowedServers: string[]): object => ({ ...buildAccount({ allowedServers }), password: undefined });

  test.each<[string[], string]>([
    [['mail.example.com'], 'mail.example.com.evil.example'], [['mail.example.com'], 'example.com'], [['faß.example'], 'fass.example'],
    [['192.0.2.25'], '[::ffff:192.0.2.25]'], [['localhost'], '127.0.0.1'],
  ])('that allows %j is not used for %s, by the settings or a test', async (allowed, serverAddress) => {
    const authentication = { type: 'account', accountId: await account(allowed) } as const;
    expectProblem(await save({ serverAddress, authentication }), 400, 'SMTP_SERVER_NOT_ALLOWED', [{ pointer: '/serverAddress' }]);
    expectProblem(await ask({ serverAddress, authentication }), 400, 'SMTP_SERVER_NOT_ALLOWED', [{ pointer: '/settings/serverAddress' }]);
  });

  // It is kept in small letters, and those of this name are another name in DNS: Σ is σ, at the end of a word ς.
  test('gets no other server by writing one that it has in another way', async () => {
    const id = await account(['βόλοσ-1.example']);
    await mailroom.as().put(`/v1/accounts/${id}`, without(['ΒΌΛΟΣ-1.example']));
    expectProblem(await save({ serverAddress: 'βόλος-1.example', authentication: { type: 'account', accountId: id } }), 400, 'SMTP_SERVER_NOT_ALLOWED');
  });

  test('allows the server that was written', async () => {
    const id = await account(['ΒΌΛΟΣ-1.example']);
    await save({ serverAddress: 'βόλοσ-1.example', authentication: { type: 'account', accountId: id } }).expect(200);
  });
});
