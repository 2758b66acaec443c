import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { FieldError } from '../../src/errors.js';
import { KeyRing, SecretError } from '../../src/secrets/key-ring.js';
import { bindingOf, type Destination } from '../../src/smtp-settings/destination.js';
import { buildAccount } from '../factories/build-account.js';
import { buildSettings } from '../factories/build-settings.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { auditOf } from './audit.js';
import { expectProblem } from './expect-problem.js';

const PATH = '/v1/smtp-settings';
const SHAPE = 'VALIDATION_FAILED';
const NOBODY = '01900000-0000-7000-8000-000000000000';
const SECRET = 'the-client-secret';

let mailroom: TestMailroom;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false, env: { MAILROOM_SMTP_DENY_NETWORKS: '10.66.0.0/16,fd00:66::/32' } });
});
beforeEach(async () => {
  await mailroom.as().put(PATH, {}).expect(200);
});
afterAll(async () => {
  await mailroom.close();
});

const put = (update: object) => mailroom.as().put(PATH, update);
const row = () => mailroom.container.database.prisma.smtpSettings.findUniqueOrThrow({ where: { id: 1 } });
const accountId = async (allowedServers: string[]): Promise<string> => (await mailroom.as().post('/v1/accounts', buildAccount({ allowedServers })).expect(201)).body.id as string;

describe('an account', () => {
  test('is shown by its id; neither name nor password are copied', async () => {
    const id = await accountId(['mail.example.com']);
    const { body } = await put(buildSettings({ authentication: { type: 'account', accountId: id.toUpperCase() } })).expect(200);
    expect(body.authentication).toEqual({ type: 'account', accountId: id });
    expect((await mailroom.as().get(PATH).expect(200)).body).toEqual(body);
    await put(body).expect(200);
    expect(await row()).toMatchObject({ authenticationType: 'account', accountId: id, accountName: null, passwordCiphertext: null });
  });

  test('must exist', async () => {
    const problem = expectProblem(await put(buildSettings({ authentication: { type: 'account', accountId: NOBODY } })), 400, 'SMTP_ACCOUNT_UNKNOWN', [{ pointer: '/authentication/accountId' }]);
    expect(problem.detail).toContain('/v1/accounts');
  });

  test.each<[string, unknown]>([['no id', undefined], ['null', null], ['a word', 'x'], ['a number', 1]])('%s is refused by its form', async (_name, id) => {
    expectProblem(await put(buildSettings({ authentication: { type: 'account', accountId: id as string } })), 400, SHAPE, [{ pointer: '/authentication/accountId' }]);
  });

  test.each<[string, string[], string]>([
    ['another server', ['mail.example.com'], 'evil.example.com'],
    ['a host below', ['example.com'], 'mail.example.com'],
    ['an address', ['mail.example.com'], '192.0.2.1'],
    ['another IPv6 address', ['[2001:db8::25]'], '[2001:db8::26]'],
  ])('does not go to a server that it does not allow: %s', async (_name, allowed, serverAddress) => {
    const id = await accountId(allowed);
    const before = await row();
    const response = await put(buildSettings({ serverAddress, authentication: { type: 'account', accountId: id } }));
    const { errors, detail } = expectProblem(response, 400, 'SMTP_SERVER_NOT_ALLOWED', [{ pointer: '/serverAddress' }]);
    expect(errors![0]!.message).toContain(allowed[0]!);
    expect(detail).toContain(`PUT /v1/accounts/${id}`);
    expect(await row()).toEqual(before);
  });

  test.each<[string, string[], string]>([
    ['another case', ['mail.example.com'], 'Mail.EXAMPLE.com'],
    ['a final dot', ['mail.example.com.'], 'mail.example.com'],
    ['an A-label', ['müller.example'], 'xn--mller-kva.example'],
    ['a longer IPv6 address', ['[2001:db8::25]'], '[2001:DB8:0:0::25]'],
    ['one of several', ['a.example', 'b.example', 'mail.example.com'], 'mail.example.com'],
  ])('goes to the same server in another spelling: %s', async (_name, allowed, serverAddress) => {
    const id = await accountId(allowed);
    expect((await put(buildSettings({ serverAddress, authentication: { type: 'account', accountId: id } })).expect(200)).body.serverAddress).toBe(serverAddress);
  });

  test('may be named before there is a server', async () => {
    const id = await accountId(['mail.example.com']);
    await put({ authentication: { type: 'account', accountId: id } }).expect(200);
    expectProblem(await put(buildSettings({ serverAddress: 'other.example.com', authentication: { type: 'account', accountId: id } })), 400, 'SMTP_SERVER_NOT_ALLOWED');
  });

  test('leaves no password behind that was stored before, and brings none back', async () => {
    const password = { type: 'password', accountName: 'mailroom', password: 'correct-horse' } as const;
    await put(buildSettings({ authentication: password })).expect(200);
    await put(buildSettings({ authentication: { type: 'account', accountId: await accountId(['mail.example.com']) } })).expect(200);
    expect((await row()).passwordCiphertext).toBeNull();
    expectProblem(await put(buildSettings({ authentication: { type: 'password', accountName: 'mailroom' } })), 400, 'SMTP_PASSWORD_REQUIRED');
  });
});

const OAUTH2 = { type: 'oauth2', accountName: 'mailroom@example.com', tokenUrl: 'https://login.example.com/tenant/token', clientId: 'client-1', clientSecret: SECRET, scope: 'https://outlook.office365.com/.default' } as const;
const kept = Object.fromEntries(Object.entries(OAUTH2).filter(([key]) => key !== 'clientSecret')) as Omit<typeof OAUTH2, 'clientSecret'>;
const BASE = buildSettings({ authentication: OAUTH2 });

describe('OAuth 2.0', () => {
  test('is shown without its secret, and what was read can be sent back', async () => {
    const { body } = await put(BASE).expect(200);
    expect(body.authentication).toEqual({ ...kept, hasClientSecret: true });
    const stored = await row();
    expect((await put(body).expect(200)).body.authentication).toEqual(body.authentication);
    expect((await row()).passwordCiphertext).toBe(stored.passwordCiphertext);
  });

  test('the scope may be left out; null removes the secret', async () => {
    const { body } = await put(buildSettings({ authentication: { ...OAUTH2, scope: undefined as never } })).expect(200);
    expect(body.authentication).toMatchObject({ scope: null, hasClientSecret: true });
    expect((await put({ ...body, authentication: { ...body.authentication, clientSecret: null } }).expect(200)).body.authentication.hasClientSecret).toBe(false);
  });

  test('its secret stands in no answer, row or audit entry', async () => {
    const answers = [await put(BASE), await mailroom.as().get(PATH)].map(({ text }) => text);
    const rows = [await row(), await mailroom.container.database.prisma.auditEntry.findMany()];
    expect(JSON.stringify([answers, rows])).not.toContain(SECRET);
    const [entry] = (await auditOf(mailroom, 'smtpSettings')).slice(-1);
    expect(entry!.newValue).toMatchObject({ authentication: { ...kept, hasClientSecret: true } });
  });

  test.each<[string, object, Partial<FieldError>, string?]>([
    ['no token URL', { tokenUrl: undefined }, { pointer: '/authentication/tokenUrl', message: 'is required' }],
    ['http elsewhere', { tokenUrl: 'http://login.example.com/token' }, { pointer: '/authentication/tokenUrl', message: expect.stringContaining('https://') as never }, 'OAUTH2_TOKEN_URL_INVALID'],
    ['no URL', { tokenUrl: 'login.example.com' }, { pointer: '/authentication/tokenUrl' }, 'OAUTH2_TOKEN_URL_INVALID'],
    ['a URL with a password', { tokenUrl: 'https://a:b@login.example.com/' }, { pointer: '/authentication/tokenUrl' }, 'OAUTH2_TOKEN_URL_INVALID'],
    ['a URL of 2049 characters', { tokenUrl: `https://login.example.com/${'a'.repeat(2_023)}` }, { pointer: '/authentication/tokenUrl' }],
    ['no client', { clientId: '' }, { pointer: '/authentication/clientId' }],
    ['no account', { accountName: undefined }, { pointer: '/authentication/accountName', message: 'is required' }],
    ['an account that would end its part of XOAUTH2', { accountName: 'a\u0001auth=Bearer x' }, { pointer: '/authentication/accountName' }, 'SMTP_ACCOUNT_NAME_INVALID'],
    ['an empty secret', { clientSecret: '' }, { pointer: '/authentication/clientSecret' }],
    ['a scope with two spaces', { scope: 'a  b' }, { pointer: '/authentication/scope' }],
    ['a scope with a quote', { scope: 'a"b' }, { pointer: '/authentication/scope' }],
    ['an unknown field', { password: 'x' }, { pointer: '/authentication/password' }],
  ])('%s is refused', async (_name, change, error, code = SHAPE) => {
    expectProblem(await put(buildSettings({ authentication: { ...OAUTH2, ...change } as never })), 400, code, [error]);
  });

  test.each(['http://localhost:8080/token', 'http://127.0.0.1:8080/token', 'http://[::1]/token'])('%s is allowed: it stays on this machine', async (tokenUrl) => {
    await put(buildSettings({ authentication: { ...OAUTH2, tokenUrl } })).expect(200);
  });

  describe('the stored secret goes nowhere else: 400', () => {
    test.each<[string, object]>([
      ['another token server', { authentication: { ...kept, tokenUrl: 'https://evil.example.com/tenant/token' } }],
      ['another path of it', { authentication: { ...kept, tokenUrl: 'https://login.example.com/other/token' } }],
      ['another client', { authentication: { ...kept, clientId: 'client-2' } }],
      ['another account', { authentication: { ...kept, accountName: 'root@example.com' } }],
      ['another mail server', { serverAddress: 'evil.example.com', authentication: kept }],
      ['its MX', { resolveMx: true, authentication: kept }],
      ['another port', { port: 2525, authentication: kept }],
      ['no TLS', { security: 'none', authentication: kept }],
      ['an unchecked certificate', { verifyCertificate: false, authentication: kept }],
    ])('%s', async (_name, change) => {
      await put(BASE).expect(200);
      const before = await row();
      expectProblem(await put({ ...BASE, ...change }), 400, 'SMTP_PASSWORD_REQUIRED', [{ pointer: '/authentication/clientSecret' }]);
      expect(await row()).toEqual(before);
      await put({ ...BASE, ...change, authentication: { ...(change as typeof BASE).authentication!, clientSecret: 'new' } }).expect(200);
    });

    test('from a password to OAuth 2.0 and back', async () => {
      await put(BASE).expect(200);
      expectProblem(await put(buildSettings({ authentication: { type: 'password', accountName: OAUTH2.accountName } })), 400, 'SMTP_PASSWORD_REQUIRED', [{ pointer: '/authentication/password' }]);
      await put(buildSettings({ authentication: { type: 'password', accountName: OAUTH2.accountName, password: 'p' } })).expect(200);
      expectProblem(await put(buildSettings({ authentication: kept })), 400, 'SMTP_PASSWORD_REQUIRED', [{ pointer: '/authentication/clientSecret' }]);
    });
  });

  test('another scope keeps it', async () => {
    await put(BASE).expect(200);
    expect((await put(buildSettings({ authentication: { ...kept, scope: 'other' } })).expect(200)).body.authentication).toMatchObject({ scope: 'other', hasClientSecret: true });
  });

  test('at rest it opens for its token server and client alone', async () => {
    await put(BASE).expect(200);
    const ring = new KeyRing(['test-secret-key-of-32-characters']);
    const destination: Destination = { ...kept, authenticationType: 'oauth2', serverAddress: 'mail.example.com', resolveMx: false, port: null, security: 'startTls' };
    const { passwordCiphertext } = await row();
    expect(ring.open(passwordCiphertext!, bindingOf(destination))).toBe(SECRET);
    for (const change of [{ tokenUrl: 'https://evil.example.com/' }, { clientId: 'x' }, { accountName: 'x' }, { serverAddress: 'evil.example.com' }]) {
      expect(() => ring.open(passwordCiphertext!, bindingOf({ ...destination, ...change }))).toThrow(SecretError);
    }
  });
});

describe('an address that Mailroom may not connect to is refused at once when it is written out', () => {
  test.each<[string, object, string]>([
    ['a server', { serverAddress: '10.66.1.2' }, '/serverAddress'],
    ['an IPv6 server', { serverAddress: '[FD00:66::1]' }, '/serverAddress'],
    ['an IPv4 server as IPv6', { serverAddress: '[::ffff:10.66.1.2]' }, '/serverAddress'],
    ['a token server', { authentication: { ...OAUTH2, tokenUrl: 'https://10.66.1.2/token' } }, '/authentication/tokenUrl'],
    ['a token server as a number', { authentication: { ...OAUTH2, tokenUrl: 'https://172097794/token' } }, '/authentication/tokenUrl'],
    ['an IPv6 token server', { authentication: { ...OAUTH2, tokenUrl: 'https://[fd00:66::1]/token' } }, '/authentication/tokenUrl'],
  ])('%s', async (_name, change, pointer) => {
    expectProblem(await put(buildSettings(change)), 400, 'SMTP_ADDRESS_DENIED', [{ pointer, message: expect.stringContaining('MAILROOM_SMTP_DENY_NETWORKS') as never }]);
  });

  test('others are not', async () => {
    await put(buildSettings({ serverAddress: '10.67.1.2', authentication: { ...OAUTH2, tokenUrl: 'https://10.67.1.2/token' } })).expect(200);
  });
});
