import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { buildPasswordAuthentication, buildSettings } from '../factories/build-settings.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { auditOf } from './audit.js';
import { expectProblem } from './expect-problem.js';

const PATH = '/v1/dns-settings';
let mailroom: TestMailroom;

beforeAll(async () => { mailroom = await startMailroom({ workers: false }); });
afterAll(() => mailroom.close());
afterEach(async () => {
  await put('/v1/smtp-settings', { serverAddress: null }).expect(200);
  await put(PATH, {}).expect(200);
});

const put = (path: string, body: object) => mailroom.as().put(path, body);
const servers = async (): Promise<string[]> => (await mailroom.as().get(PATH).expect(200)).body.servers as string[];

describe('the resource', () => {
  test('is empty at first, and takes servers as they are entered', async () => {
    expect(await servers()).toEqual([]);
    const written = ['10.0.0.53', '10.0.0.54:5353', '[2001:DB8::53]', '[2001:db8::53]:5353'];
    const { body, headers } = await put(PATH, { servers: written }).expect(200);
    expect(body).toEqual({ servers: written, updatedAt: expect.stringMatching(/Z$/), updatedBy: expect.any(String) });
    const read = await mailroom.as().get(PATH).expect(200);
    expect(read.body).toEqual(body);
    expect(read.headers['etag']).toBe(headers['etag']);
  });

  test('what was read can be sent back; a field that is left out takes its default', async () => {
    const { body } = await put(PATH, { servers: ['10.0.0.53'] }).expect(200);
    expect((await put(PATH, body).expect(200)).body.servers).toEqual(['10.0.0.53']);
    expect((await put(PATH, {}).expect(200)).body.servers).toEqual([]);
  });

  test('If-Match: the version that was read is written, a stale one is 412', async () => {
    const { headers } = await mailroom.as().get(PATH);
    await put(PATH, { servers: ['10.0.0.1'] }).set('If-Match', headers['etag']!).expect(200);
    expectProblem(await put(PATH, { servers: ['10.0.0.2'] }).set('If-Match', headers['etag']!), 412, 'PRECONDITION_FAILED');
    expect(await servers()).toEqual(['10.0.0.1']);
  });

  test('each change is on record, without the password', async () => {
    await put(PATH, { servers: ['10.0.0.53'], smtpPassword: 'not-for-the-log' }).expect(200);
    const last = (await auditOf(mailroom, 'dnsSettings')).at(-1)!;
    expect(last).toMatchObject({ action: 'update', resourceId: 'dns-settings', oldValue: { servers: [] }, newValue: { servers: ['10.0.0.53'] } });
    expect(JSON.stringify(last)).not.toContain('not-for-the-log');
  });

  test('an auditor reads, and nobody but an administrator writes', async () => {
    const [auditor, publisher] = [await mailroom.keyOf('auditor'), await mailroom.keyOf('publisher')];
    await mailroom.as(auditor).get(PATH).expect(200);
    await mailroom.as(publisher).get(PATH).expect(403);
    await mailroom.as(auditor).put(PATH, {}).expect(403);
    await mailroom.as(publisher).put(PATH, {}).expect(403);
    await mailroom.as(null).get(PATH).expect(401);
  });
});

describe('what is no DNS server', () => {
  test.each([
    ['2001:db8::53', 'must have its IPv6 address in square brackets: [2001:db8::53]'],
    ['dns.example.com', expect.stringContaining('10.0.0.53, 10.0.0.53:5353, [2001:db8::53]:5353. A name could be looked up only by another DNS server')],
    ['dns.example.com:53', expect.stringContaining('A name could')],
    ['', expect.stringContaining('must be an IPv4 address')],
    ['10.0.0', expect.stringContaining('must be an IPv4 address')],
    ['10.0.0.256', expect.stringContaining('must be an IPv4 address')],
    [' 10.0.0.53', expect.stringContaining('must be an IPv4 address')],
    ['10.0.0.53:0', 'must have a port from 1 to 65535, or none (53)'],
    ['10.0.0.53:65536', 'must have a port from 1 to 65535, or none (53)'],
    ['10.0.0.53:', 'must have a port from 1 to 65535, or none (53)'],
    ['[2001:db8::53]:0', 'must have a port from 1 to 65535, or none (53)'],
    ['10.0.0.53:x', expect.stringContaining('must be an IPv4 address')],
    ['[10.0.0.53]', 'has no IPv6 address between the brackets'],
    ['[2001:db8::zz]:53', 'has no IPv6 address between the brackets'],
    ['[fe80::1%eth0]', 'has no IPv6 address between the brackets'],
    ['[]', 'has no IPv6 address between the brackets'],
    ['[2001:db8::53', expect.stringContaining('must be an IPv4 address')],
    ['https://dns.example.com/dns-query', expect.stringContaining('must be an IPv4 address')],
    ['10.0.0.53\n10.0.0.54', expect.stringContaining('must be an IPv4 address')],
  ])('%j', async (server, message) => {
    expectProblem(await put(PATH, { servers: [server] }), 400, 'DNS_SERVER_INVALID', [{ pointer: '/servers/0', message: message as string }]);
    expect(await servers()).toEqual([]);
  });

  test('each fault is told at its place', async () => {
    expectProblem(await put(PATH, { servers: ['::1', '10.0.0.53', 'dns'] }), 400, 'DNS_SERVER_INVALID', [{ pointer: '/servers/0' }, { pointer: '/servers/2' }]);
  });

  test('ten servers are taken, eleven are not', async () => {
    const many = Array.from({ length: 11 }, (_, index) => `10.0.0.${index}`);
    expectProblem(await put(PATH, { servers: many }), 400, 'VALIDATION_FAILED', [{ pointer: '/servers', message: 'must hold at most 10 DNS servers' }]);
    await put(PATH, { servers: many.slice(1) }).expect(200);
  });

  test.each([[{ servers: 'x' }, '/servers'], [{ servers: [53] }, '/servers/0'], [{ servers: null }, '/servers'], [{ nameservers: [] }, '/nameservers']])('%j has the wrong shape', async (body, pointer) => {
    expectProblem(await put(PATH, body), 400, 'VALIDATION_FAILED', [{ pointer }]);
  });
});

describe('a stored secret that only DNS says the way', () => {
  const stored = buildPasswordAuthentication();
  const change = (smtpPassword?: string | null) => put(PATH, { servers: ['10.0.0.53'], ...(smtpPassword !== undefined && { smtpPassword }) });
  const save = (overrides: object) => put('/v1/smtp-settings', buildSettings({ authentication: stored, ...overrides })).expect(200);

  test.each([
    ['verifyCertificate is off', { verifyCertificate: false }], ['verifyCertificate is off, smtps', { verifyCertificate: false, security: 'smtps' }], ['security is none', { security: 'none' }],
    ['verifyCertificate is off, MX', { verifyCertificate: false, resolveMx: true }],
  ])('is asked for when %s', async (_name, settings) => {
    await save(settings);
    expectProblem(await change(), 400, 'SMTP_PASSWORD_REQUIRED', [{ pointer: '/smtpPassword', message: expect.stringMatching(/^is required, because (verifyCertificate is off|security is none)/) as unknown as string }]);
    expectProblem(await change(null), 400, 'SMTP_PASSWORD_REQUIRED');
    const wrong = await change(`${stored.password}x`);
    expectProblem(wrong, 400, 'SMTP_PASSWORD_REQUIRED', [{ pointer: '/smtpPassword', message: expect.stringMatching(/^must be the password that the SMTP settings log in with/) as unknown as string }]);
    expect(wrong.text).not.toContain(stored.password!);
    expect(await servers()).toEqual([]);
    const { body } = await change(stored.password).expect(200);
    expect(body).toEqual({ servers: ['10.0.0.53'], updatedAt: expect.any(String), updatedBy: expect.any(String) });
  });

  test('is not asked for when the servers stay as they are', async () => {
    await put(PATH, { servers: ['10.0.0.53'] }).expect(200);
    await save({ verifyCertificate: false });
    await change().expect(200);
    expectProblem(await put(PATH, {}), 400, 'SMTP_PASSWORD_REQUIRED');
    await put(PATH, { smtpPassword: stored.password }).expect(200);
  });

  test.each([
    ['the certificate is verified', {}],
    ['the server is an IP address, which is not looked up', { serverAddress: '192.0.2.25', verifyCertificate: false }],
    ['the server is an IPv6 address', { serverAddress: '[2001:db8::25]', security: 'none' }],
    ['no password is stored', { verifyCertificate: false, authentication: { type: 'password', accountName: 'mailroom', password: null } }],
    ['there is no log-in', { verifyCertificate: false, authentication: { type: 'none' } }],
  ])('is not asked for when %s', async (_name, settings) => {
    await save(settings);
    await change().expect(200);
  });

  test('of an account is asked for too', async () => {
    const account = { kind: 'directory', domainName: 'example.com', accountName: 'svc-mail', password: 'account-password', allowedServers: ['mail.example.com'] };
    const { body: { id } } = await mailroom.as().post('/v1/accounts', account).expect(201);
    await save({ verifyCertificate: false, authentication: { type: 'account', accountId: id } });
    expectProblem(await change(), 400, 'SMTP_PASSWORD_REQUIRED');
    await change('account-password').expect(200);
  });

  test('of OAuth is the client secret', async () => {
    const oauth2 = { type: 'oauth2', accountName: 'mailroom@example.com', tokenUrl: 'https://login.example.com/token', clientId: 'mailroom', clientSecret: 'client-secret' };
    await save({ verifyCertificate: false, authentication: oauth2 });
    expectProblem(await change('wrong'), 400, 'SMTP_PASSWORD_REQUIRED', [{ message: expect.stringContaining('must be the client secret') as unknown as string, pointer: '/smtpPassword' }]);
    await change('client-secret').expect(200);
  });
});
