import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { AccountsRepository } from '../../src/accounts/accounts.repository.js';
import { AccountsService } from '../../src/accounts/accounts.service.js';
import { bindingOf } from '../../src/accounts/binding.js';
import { KeyRing } from '../../src/secrets/key-ring.js';
import { buildAccount } from '../factories/build-account.js';
import { buildSettings } from '../factories/build-settings.js';
import { createAuthority } from '../factories/issue-certificate.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { expectProblem } from './expect-problem.js';
import { meetAtLock } from './race.js';

const PASSWORD = 'correct-horse-battery';
const RING = new KeyRing(['test-secret-key-of-32-characters']);
const [SERVERS, OTHER_SERVERS] = [['192.0.2.53'], ['192.0.2.54']];
let mailroom: TestMailroom;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
});
beforeEach(async () => {
  const { prisma } = mailroom.container.database;
  await prisma.trustedCertificate.deleteMany();
  await prisma.dnsSettings.updateMany({ data: { servers: [] } });
});
afterAll(() => mailroom.close());

const save = (overrides: object = {}) => mailroom.as().put('/v1/smtp-settings', buildSettings({ serverAddress: 'mail.example.com', security: 'smtps', authentication: { type: 'password', accountName: 'svc', password: PASSWORD }, ...overrides })).expect(200);
const changeDns = (servers: string[], smtpPassword?: string) => mailroom.as().put('/v1/dns-settings', { servers, smtpPassword });
const addAuthority = async (smtpPassword?: string) => mailroom.as().post('/v1/trusted-certificates', { certificate: (await createAuthority()).root, smtpPassword });
const servers = async (): Promise<string[]> => (await mailroom.container.database.prisma.dnsSettings.findFirstOrThrow()).servers;
const authorities = () => mailroom.container.database.prisma.trustedCertificate.count();

describe('with an authority of one\'s own, DNS servers', () => {
  beforeEach(async () => {
    await save();
    expect((await addAuthority()).status).toBe(201);
  });

  test.each([['no password', undefined], ['a wrong one', 'wrong'], ['null', null as unknown as string]])('are not changed with %s', async (_name, password) => {
    expectProblem(await changeDns(SERVERS, password), 400, 'SMTP_PASSWORD_REQUIRED', [{ pointer: '/smtpPassword' }]);
    expect(await servers()).toEqual([]);
  });

  test('are changed by somebody who knows the password, or when there is none to steal', async () => {
    expect((await changeDns(SERVERS, PASSWORD)).status).toBe(200);
    await save({ authentication: { type: 'none' } });
    expect((await changeDns(OTHER_SERVERS)).status).toBe(200);
    expect(await servers()).toEqual(OTHER_SERVERS);
  });

  test('are changed freely when the server is an address, which is not looked up', async () => {
    await save({ serverAddress: '192.0.2.25' });
    expect((await changeDns(SERVERS)).status).toBe(200);
  });
});

describe('with DNS servers of one\'s own, an authority', () => {
  beforeEach(async () => {
    await save();
    expect((await changeDns(SERVERS)).status).toBe(200);
  });

  test('is not added without the password, by JSON or as a file', async () => {
    expectProblem(await addAuthority(), 400, 'SMTP_PASSWORD_REQUIRED', [{ pointer: '/smtpPassword' }]);
    const { root } = await createAuthority();
    const upload = () => mailroom.as().post('/v1/trusted-certificates/upload').attach('file', Buffer.from(root), 'ca.pem');
    expectProblem(await upload(), 400, 'SMTP_PASSWORD_REQUIRED', [{ pointer: '/smtpPassword' }]);
    expectProblem(await upload().field('smtpPassword', 'wrong'), 400, 'SMTP_PASSWORD_REQUIRED');
    expect(await authorities()).toBe(0);
    expect((await upload().field('smtpPassword', PASSWORD)).status).toBe(201);
  });

  test('is added with it, and again without: then nothing changes', async () => {
    const { root } = await createAuthority();
    await mailroom.as().post('/v1/trusted-certificates', { certificate: root, smtpPassword: PASSWORD }).expect(201);
    await mailroom.as().post('/v1/trusted-certificates', { certificate: root }).expect(200);
  });

  test('is added freely when nobody verifies certificates: it changes nothing', async () => {
    await save({ verifyCertificate: false });
    expect((await addAuthority()).status).toBe(201);
  });
});

test('two who change DNS and add an authority at once do not slip past each other', async () => {
  await save();
  const { root } = await createAuthority();
  const answers = await meetAtLock(mailroom, 'SELECT 1 FROM dns_settings FOR UPDATE', [() => changeDns(SERVERS), () => mailroom.as().post('/v1/trusted-certificates', { certificate: root })]);
  expect(answers.map(({ status }) => status).filter((status) => status < 300)).toHaveLength(1);
});

describe('an account', () => {
  let accounts: AccountsService;
  let id: string;
  const row = () => mailroom.container.database.prisma.account.findUniqueOrThrow({ where: { id } });
  const passwordFor = (verified: boolean) => accounts.passwordFor(id, 'mail.example.com', verified);

  beforeEach(async () => {
    const { database } = mailroom.container;
    accounts = new AccountsService(database, new AccountsRepository(database), RING, () => undefined, { dnsServers: servers, trustsOwnAuthorities: async () => (await authorities()) > 0 });
    await save({ authentication: { type: 'none' } });
    id = ((await mailroom.as().post('/v1/accounts', buildAccount({ password: PASSWORD, allowedServers: ['mail.example.com', 'backup.example.com'] })).expect(201)).body as { id: string }).id;
  });

  test('gives its password out with the DNS servers of the time when it was entered, or to a server that proves its name', async () => {
    expect(await passwordFor(false)).toMatchObject({ password: PASSWORD });
    expect((await changeDns(SERVERS)).status).toBe(200);
    await expect(passwordFor(false)).rejects.toMatchObject({ code: 'SMTP_ACCOUNT_DNS_CHANGED', hint: expect.stringContaining(`PUT /v1/accounts/${id}/password`) });
    expect(await passwordFor(true)).toMatchObject({ password: PASSWORD });
    expect((await addAuthority()).status).toBe(201);
    await expect(passwordFor(true)).rejects.toMatchObject({ code: 'SMTP_ACCOUNT_DNS_CHANGED' });
    await mailroom.as().put(`/v1/accounts/${id}/password`, { password: PASSWORD }).expect(200);
    for (const verified of [true, false]) expect(await passwordFor(verified)).toMatchObject({ password: PASSWORD });
  });

  test('that the settings use follows DNS servers that somebody changed who knows the password', async () => {
    await save({ security: 'none', authentication: { type: 'account', accountId: id } });
    expectProblem(await changeDns(SERVERS), 400, 'SMTP_PASSWORD_REQUIRED');
    expect((await changeDns(SERVERS, PASSWORD)).status).toBe(200);
    expect((await row()).dnsServers).toEqual(SERVERS);
    expect(await passwordFor(false)).toMatchObject({ password: PASSWORD });
  });

  test('that loses a server keeps its password, for the others', async () => {
    await mailroom.as().put(`/v1/accounts/${id}`, { ...buildAccount({ allowedServers: ['mail.example.com'] }), password: undefined }).expect(200);
    const { passwordCiphertext, allowedServers } = await row();
    expect(RING.open(passwordCiphertext!, bindingOf({ id, allowedServers }))).toBe(PASSWORD);
    expect(await passwordFor(true)).toMatchObject({ password: PASSWORD });
    await expect(accounts.passwordFor(id, 'backup.example.com', true)).rejects.toMatchObject({ code: 'SMTP_SERVER_NOT_ALLOWED' });
  });
});
