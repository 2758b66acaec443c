import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { SmtpSettingsUpdate } from '../../src/smtp-settings/smtp-settings.contract.js';
import { KeyRing, SecretError } from '../../src/secrets/key-ring.js';
import { bindingOf, type Destination } from '../../src/smtp-settings/destination.js';
import { buildPasswordAuthentication, buildSettings } from '../factories/build-settings.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { expectProblem } from './expect-problem.js';

const PATH = '/v1/smtp-settings';
const PASSWORD = 'correct-horse-battery';
const BASE: SmtpSettingsUpdate = buildSettings({ authentication: buildPasswordAuthentication({ password: PASSWORD }) });
const kept = buildPasswordAuthentication();
delete kept.password;

let mailroom: TestMailroom;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
});
beforeEach(async () => {
  await mailroom.as().put(PATH, BASE).expect(200);
});
afterAll(async () => {
  await mailroom.close();
});

const row = () => mailroom.container.database.prisma.smtpSettings.findUniqueOrThrow({ where: { id: 1 } });
const putWithout = (overrides: object) => mailroom.as().put(PATH, { ...BASE, authentication: kept, ...overrides });

describe('a stored password goes to no other destination: 400', () => {
  test.each<[string, object]>([
    ['another server', { serverAddress: 'evil.example.com' }],
    ['another kind of address', { serverAddress: '192.0.2.1' }],
    ['no server', { serverAddress: null }],
    ['its MX', { resolveMx: true }],
    ['another port', { port: 2525 }],
    ['no TLS', { security: 'none' }],
    ['smtps, whose port is another', { security: 'smtps' }],
    ['smtps on the same port', { security: 'smtps', port: 25 }],
    ['another account', { authentication: { ...kept, accountName: 'root' } }],
    ['an account in another case', { authentication: { ...kept, accountName: 'Mailroom' } }],
    ['a server whose certificate is not checked', { verifyCertificate: false }],
  ])('%s', async (_name, overrides) => {
    const before = await row();
    expectProblem(await putWithout(overrides), 400, 'SMTP_PASSWORD_REQUIRED', [{ pointer: '/authentication/password' }]);
    expect(await row()).toEqual(before);
    const authentication = { ...kept, ...(overrides as SmtpSettingsUpdate).authentication, password: 'new' };
    await mailroom.as().put(PATH, { ...BASE, ...overrides, authentication }).expect(200);
  });

  test('a detour over "none" brings nothing back', async () => {
    await putWithout({ authentication: { type: 'none' } }).expect(200);
    expect((await row()).passwordCiphertext).toBeNull();
    expectProblem(await putWithout({}), 400, 'SMTP_PASSWORD_REQUIRED');
  });
});

describe('kept when it is left out and the destination stays', () => {
  test.each<[string, object]>([
    ['nothing changes', {}],
    ['the server in another case', { serverAddress: 'MAIL.example.COM' }],
    ['the default port is written out', { port: 25 }],
    ['the sender', { senderAddress: 'other@example.com', senderName: 'Other' }],
    ['limits and EHLO name', { maxConnections: 1, maxMessagesPerSecond: 1, clientHostname: 'app.example.com' }],
    ['the check stays on', { verifyCertificate: true }],
  ])('%s', async (_name, overrides) => {
    const before = await row();
    expect((await putWithout(overrides).expect(200)).body.authentication).toEqual({ type: 'password', accountName: 'mailroom', hasPassword: true });
    expect((await row()).passwordCiphertext).toBe(before.passwordCiphertext);
  });

  test('turning the check on again asks for nothing', async () => {
    await mailroom.as().put(PATH, { ...BASE, verifyCertificate: false }).expect(200);
    await putWithout({ verifyCertificate: false }).expect(200);
    await putWithout({ verifyCertificate: true }).expect(200);
    expectProblem(await putWithout({ verifyCertificate: false }), 400, 'SMTP_PASSWORD_REQUIRED');
  });
});

test('null removes it; turning the check off then asks for nothing', async () => {
  const { body } = await putWithout({ authentication: { ...kept, password: null } }).expect(200);
  expect(body.authentication).toEqual({ type: 'password', accountName: 'mailroom', hasPassword: false });
  expect((await row()).passwordCiphertext).toBeNull();
  await putWithout({ verifyCertificate: false }).expect(200);
});

test('hasPassword is read-only: it neither keeps nor removes one', async () => {
  await putWithout({ authentication: { ...kept, hasPassword: false } }).expect(200);
  expect((await row()).passwordCiphertext).not.toBeNull();
});

describe('at rest', () => {
  const ring = new KeyRing(['test-secret-key-of-32-characters']);
  const destination: Destination = {
    authenticationType: 'password', serverAddress: 'mail.example.com', resolveMx: false, port: null, security: 'startTls', accountName: 'mailroom',
  };

  test('it is a ciphertext that opens for its destination', async () => {
    const { passwordCiphertext } = await row();
    expect(passwordCiphertext).not.toContain(PASSWORD);
    expect(Buffer.from(passwordCiphertext!.split('.')[2]!, 'base64url').toString('latin1')).not.toContain(PASSWORD);
    expect(ring.open(passwordCiphertext!, bindingOf(destination))).toBe(PASSWORD);
  });

  test('the same password makes another ciphertext each time', async () => {
    const before = (await row()).passwordCiphertext;
    await mailroom.as().put(PATH, BASE).expect(200);
    expect((await row()).passwordCiphertext).not.toBe(before);
  });

  test.each<Partial<Destination>>([
    { serverAddress: 'evil.example.com' }, { resolveMx: true }, { port: 26 }, { security: 'none' }, { accountName: 'root' }, { authenticationType: 'oauth2' },
  ])('it does not open for %j, also when somebody edits the row', async (change) => {
    const { passwordCiphertext } = await row();
    expect(() => ring.open(passwordCiphertext!, bindingOf({ ...destination, ...change }))).toThrow(SecretError);
  });
});
