import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { SmtpSettingsUpdate } from '../../src/smtp-settings/smtp-settings.contract.js';
import { buildAccount } from '../factories/build-account.js';
import { buildSettings } from '../factories/build-settings.js';
import { createAuthority } from '../factories/issue-certificate.js';
import { type DnsServer, startDnsServer } from '../setup/dns-server.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { createPki } from '../setup/pki.js';
import { CLIENT, startTokenServer, type TokenServer } from '../setup/token-server.js';
import { waitFor } from '../setup/wait.js';
import { startThief, type Thief } from './thief.js';

// That no part of the destination can be changed over the API without the secret is proven in smtp-password.test.ts and its neighbours. Here are
// the ways around that: through the database, through another resource, through DNS, through a certificate authority.
// What is marked as failing is not shut yet; jest tells when it is, and then the mark goes.

const PASSWORD = 'the password that the thief wants';
const HOUR = '3600000';

let mailroom: TestMailroom;
let dns: DnsServer;
let thief: Thief;
let tokens: TokenServer;

beforeAll(async () => {
  dns = await startDnsServer({ 'mail.test': { A: ['192.0.2.1'], MX: [[10, 'thief.test']] }, 'thief.test': { A: ['127.0.0.1'] } });
  mailroom = await startMailroom({ env: { MAILROOM_RETRY_BASE_MS: HOUR } });
  await mailroom.as().post('/v1/subscriptions', { emailAddress: 'alice@example.com', eventTypes: ['TestConnectionFailed'] }).expect(201);
});
beforeEach(async () => {
  [thief, tokens] = await Promise.all([startThief(), startTokenServer()]);
});
afterEach(async () => {
  await mailroom.as().put('/v1/smtp-settings', {}).expect(200);
  await mailroom.as().put('/v1/dns-settings', {}).expect(200);
  for (const path of ['trusted-certificates', 'client-certificates']) {
    for (const { id } of (await mailroom.as().get(`/v1/${path}`).expect(200)).body.items as { id: string }[]) await mailroom.as().delete(`/v1/${path}/${id}`).expect(204);
  }
  await Promise.all([thief.close(), tokens.close()]);
});
afterAll(async () => {
  await mailroom.close();
  await dns.close();
});

type Authentication = NonNullable<SmtpSettingsUpdate['authentication']>;
const password = (value = PASSWORD): Authentication => ({ type: 'password', accountName: 'mailroom', password: value });
const settings = (overrides: Partial<SmtpSettingsUpdate> = {}): SmtpSettingsUpdate =>
  buildSettings({ serverAddress: '127.0.0.1', port: thief.port, security: 'none', authentication: password(), ...overrides });
const save = (overrides?: Partial<SmtpSettingsUpdate>) => mailroom.as().put('/v1/smtp-settings', settings(overrides)).expect(200);
const makeAccount = async (overrides: object): Promise<string> => (await mailroom.as().post('/v1/accounts', buildAccount(overrides)).expect(201)).body.id as string;

/** As somebody does who can write to the database, and lets every process know of it. */
async function editSettings(data: object): Promise<void> {
  await mailroom.container.database.prisma.smtpSettings.update({ where: { id: 1 }, data: { ...data, version: { increment: 1 } } });
}

/** Lets a mail go out and tests the settings: tells how both failed, and all that was said of it. */
async function failures(): Promise<{ codes: (string | undefined)[]; told: string }> {
  const { body: event } = await mailroom.as().post('/v1/events', { type: 'TestConnectionFailed' }).expect(202);
  const { body: page } = await waitFor(() => mailroom.as().get(`/v1/emails?eventId=${event.id}`), ({ body }) => !['queued', 'sending', undefined].includes(body.items[0]?.status));
  const email = await mailroom.as().get(`/v1/emails/${page.items[0].id}`).expect(200);
  await mailroom.as().post(`/v1/emails/${page.items[0].id}/cancel`);
  const smtpTest = await mailroom.as().post('/v1/smtp-tests', { sendTo: 'admin@example.com', timeoutSeconds: 5 }).set('Prefer', 'wait=20').expect(202);
  const stage = (smtpTest.body.addresses as { stages: { status: string; code: string }[] }[]).flatMap(({ stages }) => stages).find(({ status }) => status === 'failed');
  return { codes: [email.body.reason?.code as string | undefined, stage?.code ?? (smtpTest.body.code as string | undefined)], told: email.text + smtpTest.text };
}

/** Nobody was sent a secret, and who looks at the failure sees what it is, and not the secret. */
async function expectUnreadable(): Promise<void> {
  const { codes, told } = await failures();
  expect(codes).toEqual(['SECRET_UNREADABLE', 'SECRET_UNREADABLE']);
  expect(told).toMatch(/Enter the password or client secret again|Install a client certificate/);
  expect(told).not.toMatch(/the password that|v1\.[0-9a-f]{8}\./);
  expect({ heard: thief.heard(), tokenRequests: tokens.requests }).toEqual({ heard: [], tokenRequests: [] });
}

test('the thief hears what is meant for it', async () => {
  await save();
  expect((await failures()).codes).toEqual([undefined, null]);
  expect(thief.heard()).toEqual([`mailroom ${PASSWORD}`, `mailroom ${PASSWORD}`]);
});

describe('a destination that was changed in the database', () => {
  const oauth2 = (): Authentication => ({ type: 'oauth2', accountName: 'mailroom', tokenUrl: tokens.url, clientId: CLIENT.clientId, clientSecret: PASSWORD });

  test.each<[string, () => Partial<SmtpSettingsUpdate>, () => object]>([
    ['the server', () => ({ serverAddress: 'mail.example.com' }), () => ({ serverAddress: '127.0.0.1' })],
    ['the port', () => ({ port: null }), () => ({ port: thief.port })],
    ['the port that was the default', () => ({ security: 'smtps', port: null }), () => ({ security: 'none', port: thief.port })],
    ['the security', () => ({ security: 'startTls' }), () => ({ security: 'none' })],
    ['the MX of the server', () => ({ serverAddress: 'mail.test' }), () => ({ resolveMx: true })],
    ['the account', () => ({}), () => ({ accountName: 'thief' })],
    ['the kind of log-in', () => ({}), () => ({ authenticationType: 'oauth2', tokenUrl: tokens.url, clientId: CLIENT.clientId })],
    ['the token server', () => ({ authentication: { ...oauth2(), tokenUrl: 'https://login.example.com/token' } as Authentication }), () => ({ tokenUrl: tokens.url })],
    ['the client', () => ({ authentication: oauth2() }), () => ({ clientId: 'thief' })],
    ['the mail server that gets the token', () => ({ authentication: oauth2(), serverAddress: 'mail.example.com' }), () => ({ serverAddress: '127.0.0.1' })],
    ['the kind of log-in, so that the client secret is the password', () => ({ authentication: oauth2() }), () => ({ authenticationType: 'password' })],
  ])('%s: nobody is sent the secret, and the failure says why', async (_name, given, edit) => {
    await mailroom.as().put('/v1/dns-settings', { servers: [dns.address] }).expect(200);
    await save(given());
    await editSettings(edit());
    await expectUnreadable();
  });
});

describe('a ciphertext that was moved in the database', () => {
  const ciphertextOf = async (id: string): Promise<string> => (await mailroom.container.database.prisma.account.findUniqueOrThrow({ where: { id } })).passwordCiphertext!;

  test('from an account to another one', async () => {
    const [theirs, own] = [await makeAccount({ password: PASSWORD }), await makeAccount({ password: 'known', allowedServers: ['127.0.0.1'] })];
    await save({ authentication: { type: 'account', accountId: own } });
    await mailroom.container.database.prisma.account.update({ where: { id: own }, data: { passwordCiphertext: await ciphertextOf(theirs), version: { increment: 1 } } });
    await expectUnreadable();
  });

  test('from an account to the settings', async () => {
    await save({ authentication: password('known') });
    await editSettings({ passwordCiphertext: await ciphertextOf(await makeAccount({ password: PASSWORD, accountName: 'mailroom' })) });
    await expectUnreadable();
  });

  test('from the settings to an account', async () => {
    await save({ serverAddress: 'mail.example.com' });
    const { passwordCiphertext } = await mailroom.container.database.prisma.smtpSettings.findUniqueOrThrow({ where: { id: 1 } });
    const own = await makeAccount({ password: 'known', allowedServers: ['127.0.0.1'] });
    await mailroom.container.database.prisma.account.update({ where: { id: own }, data: { passwordCiphertext, version: { increment: 1 } } });
    await save({ authentication: { type: 'account', accountId: own } });
    await expectUnreadable();
  });

  test('from a candidate that was tested to the settings', async () => {
    const candidate = settings({ serverAddress: 'mail.example.com' });
    const { body } = await mailroom.as().post('/v1/smtp-tests', { sendTo: 'admin@example.com', timeoutSeconds: 1, settings: candidate }).set('Prefer', 'wait=20').expect(202);
    const { secretCiphertext } = await mailroom.container.database.prisma.smtpTest.findUniqueOrThrow({ where: { id: body.id as string } });
    await save({ authentication: password('known') });
    await editSettings({ passwordCiphertext: secretCiphertext });
    await expectUnreadable();
  });

  test.each(['a certificate request', 'another client certificate'])('from %s to a client certificate', async (from) => {
    const authority = await createAuthority();
    const { body: request } = await mailroom.as().post('/v1/certificate-requests', { subject: { commonName: 'mailroom' }, keyType: 'ecP256' }).expect(201);
    const { body: theirs } = await mailroom.as().post('/v1/client-certificates', { certificate: (await authority.issue({ csr: request.pem as string })).chain }).expect(201);
    const own = await authority.issue({ commonName: 'thief' });
    const { body: active } = await mailroom.as().post('/v1/client-certificates', { certificate: own.chain + own.key }).expect(201);
    const { prisma } = mailroom.container.database;
    const { privateKeyCiphertext } = from === 'a certificate request'
      ? await prisma.certificateRequest.findUniqueOrThrow({ where: { id: request.id as string } }) : await prisma.clientCertificate.findUniqueOrThrow({ where: { id: theirs.id as string } });
    await prisma.clientCertificate.update({ where: { id: active.id as string }, data: { privateKeyCiphertext } });
    await prisma.tlsMaterial.update({ where: { id: 1 }, data: { version: { increment: 1 } } });
    await save({ security: 'smtps', verifyCertificate: false, useClientCertificate: true });
    await expectUnreadable();
    expect(thief.connections).toBe(0);
  });
});

describe('an account', () => {
  test('whose servers were changed in the database sends its password to none that it was not given for', async () => {
    const id = await makeAccount({ password: PASSWORD, allowedServers: ['mail.example.com'] });
    await mailroom.container.database.prisma.account.update({ where: { id }, data: { allowedServers: ['127.0.0.1'], version: { increment: 1 } } });
    await save({ authentication: { type: 'account', accountId: id } });
    await expectUnreadable();
  });

  test('does not follow DNS servers that were changed before it was picked', async () => {
    const accountId = await makeAccount({ password: PASSWORD, allowedServers: ['mail.test'] });
    await redirect('mail.test');
    await mailroom.as().put('/v1/smtp-settings', settings({ serverAddress: 'mail.test', authentication: { type: 'account', accountId } }));
    await failures();
    expect(thief.heard()).toEqual([]);
  });

  test('does not follow them in a test without verification, while the saved settings verify', async () => {
    const accountId = await makeAccount({ password: PASSWORD, allowedServers: ['mail.test'] });
    const saved = settings({ serverAddress: 'mail.test', security: 'smtps', authentication: { type: 'account', accountId } });
    await mailroom.as().put('/v1/smtp-settings', saved).expect(200);
    await redirect('mail.test');
    const candidate = { ...saved, security: 'none' };
    await mailroom.as().post('/v1/smtp-tests', { sendTo: 'admin@example.com', timeoutSeconds: 5, settings: candidate }).set('Prefer', 'wait=20');
    expect(thief.heard()).toEqual([]);
  });
});

test.each([
  ['first the authority, then DNS', false], ['first DNS, then the authority', true],
])('a trusted certificate authority of the thief does not prove that it is the server: %s', async (_order, dnsFirst) => {
  const pki = await createPki('Thief');
  const { key, chain } = await pki.issue({ dnsNames: ['mail.test'] });
  const disguised = await startThief({ key, cert: chain });
  try {
    await save({ serverAddress: 'mail.test', port: disguised.port, security: 'smtps' });
    const steps = [() => mailroom.as().post('/v1/trusted-certificates', { certificate: pki.root }), () => redirect('mail.test')];
    for (const step of dnsFirst ? steps.reverse() : steps) await step();
    await failures();
    expect(disguised.heard()).toEqual([]);
  } finally {
    await disguised.close();
  }
});

/** Has the name lead to the thief, if that is allowed. */
async function redirect(name: string): Promise<void> {
  dns.zone[name] = { A: ['127.0.0.1'] };
  await mailroom.as().put('/v1/dns-settings', { servers: [dns.address] });
}
