import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { buildPasswordAuthentication, buildSettings } from '../factories/build-settings.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { auditOf } from './audit.js';
import { expectProblem } from './expect-problem.js';
import { meetAtLock } from './race.js';

const PATH = '/v1/smtp-settings';
const DEFAULTS = {
  serverAddress: null, resolveMx: false, port: null, effectivePort: 25, security: 'startTls', verifyCertificate: true, useClientCertificate: false,
  authentication: { type: 'none' }, senderAddress: null, senderName: null, clientHostname: null, maxConnections: 5, maxMessagesPerSecond: null, enabled: false,
};
/** Every field off its default. */
const FULL = {
  serverAddress: 'Mail.Example.com', resolveMx: true, port: 2525, security: 'smtps', verifyCertificate: false, useClientCertificate: false,
  authentication: buildPasswordAuthentication(), senderAddress: 'mailroom@example.com', senderName: 'Mailroom', clientHostname: 'app.example.com',
  maxConnections: 100, maxMessagesPerSecond: 10_000,
} as const;

let mailroom: TestMailroom;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
});
beforeEach(async () => {
  await mailroom.as().put(PATH, {}).expect(200);
});
afterAll(async () => {
  await mailroom.close();
});

const get = async () => mailroom.as().get(PATH).expect(200);
const row = () => mailroom.container.database.prisma.smtpSettings.findUniqueOrThrow({ where: { id: 1 } });

test('before anything is set the client is disabled, with the defaults', async () => {
  const fresh = await startMailroom({ workers: false });
  try {
    const { body, headers } = await fresh.as().get(PATH).expect(200);
    expect(body).toEqual({ ...DEFAULTS, updatedAt: expect.stringMatching(/^\d{4}-.*Z$/), updatedBy: 'Mailroom' });
    expect(headers['etag']).toBe('"0"');
  } finally {
    await fresh.close();
  }
});

describe('PUT', () => {
  test('replaces: what is given is stored and told, but for the password', async () => {
    const operator = (await mailroom.as().post('/v1/api-keys', { name: 'operator', role: 'administrator' }).expect(201)).body.key as string;
    const { body } = await mailroom.as(operator).put(PATH, FULL).expect(200);
    const authentication = { type: 'password', accountName: 'mailroom', hasPassword: true };
    expect(body).toEqual({ ...FULL, authentication, effectivePort: 2525, enabled: true, updatedAt: expect.any(String), updatedBy: 'operator' });
    expect((await get()).body).toEqual(body);
    const stored = { serverAddress: 'Mail.Example.com', port: 2525, accountName: 'mailroom', passwordCiphertext: expect.stringMatching(/^v1\./) };
    expect(await row()).toMatchObject({ ...stored, updatedBy: 'operator' });
  });

  test('replaces: what is left out takes its default', async () => {
    await mailroom.as().put(PATH, FULL).expect(200);
    expect((await mailroom.as().put(PATH, {}).expect(200)).body).toMatchObject(DEFAULTS);
    expect(await row()).toMatchObject({ serverAddress: null, accountName: null, passwordCiphertext: null, maxConnections: 5 });
  });

  test('what was read can be sent back as it is', async () => {
    await mailroom.as().put(PATH, FULL).expect(200);
    const [read, stored] = [(await get()).body, await row()];
    const { body } = await mailroom.as().put(PATH, read).expect(200);
    expect({ ...body, updatedAt: read.updatedAt }).toEqual(read);
    expect((await row()).passwordCiphertext).toBe(stored.passwordCiphertext);
    expect((await row()).version).toBe(stored.version + 1);
  });

  test('read-only fields are ignored', async () => {
    const readOnly = { effectivePort: 1, enabled: false, updatedAt: '2000-01-01T00:00:00Z', updatedBy: 'somebody else' };
    const { body } = await mailroom.as().put(PATH, buildSettings(readOnly)).expect(200);
    expect(body).toMatchObject({ effectivePort: 25, enabled: true, updatedBy: 'MAILROOM_ADMIN_KEY' });
    expect(body.updatedAt).not.toBe(readOnly.updatedAt);
  });

  test.each([
    ['none', null, 25], ['startTls', null, 25], ['smtps', null, 465], ['smtps', 25, 25], ['startTls', 587, 587], ['none', 65_535, 65_535],
  ] as const)('security %s and port %s use port %d', async (security, port, effectivePort) => {
    expect((await mailroom.as().put(PATH, buildSettings({ security, port })).expect(200)).body).toMatchObject({ port, effectivePort });
  });
});

describe('If-Match', () => {
  test('the ETag that was read lets a change through once', async () => {
    const { headers: { etag } } = await get();
    const { headers } = await mailroom.as().put(PATH, buildSettings({ senderName: 'one' })).set('If-Match', etag!).expect(200);
    expect(headers['etag']).not.toBe(etag);
    expect(headers['etag']).toBe((await get()).headers['etag']);

    const audited = (await auditOf(mailroom, 'smtpSettings')).length;
    const problem = expectProblem(await mailroom.as().put(PATH, buildSettings({ senderName: 'two' })).set('If-Match', etag!), 412, 'PRECONDITION_FAILED');
    expect(problem.errors).toEqual([{ parameter: 'If-Match', message: expect.stringContaining(headers['etag']!) }]);
    expect((await get()).body.senderName).toBe('one');
    expect(await auditOf(mailroom, 'smtpSettings')).toHaveLength(audited);
  });

  test.each<[string, (etag: string) => string, number]>([
    ['*', () => '*', 200],
    ['a list with it', (etag) => `"x", ${etag} ,"y"`, 200],
    ['a list without it', () => '"x", "y"', 412],
    ['a weak tag (strong comparison, RFC 9110 §13.1.1)', (etag) => `W/${etag}`, 412],
    ['without quotes', (etag) => etag.replaceAll('"', ''), 400],
  ])('%s', async (_name, ifMatch, status) => {
    const { etag } = (await get()).headers;
    expect((await mailroom.as().put(PATH, {}).set('If-Match', ifMatch(etag!))).status).toBe(status);
  });

  test('of several at once with one ETag exactly one wins', async () => {
    const { etag } = (await get()).headers;
    const names = ['a', 'b', 'c', 'd', 'e'];
    const requests = names.map((senderName) => () => mailroom.as().put(PATH, buildSettings({ senderName })).set('If-Match', etag!));
    const answers = await meetAtLock(mailroom, 'SELECT 1 FROM smtp_settings FOR UPDATE', requests);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412, 412]);
    expect((await get()).body.senderName).toBe(names[answers.findIndex(({ status }) => status === 200)]);
  });
});

describe('the audit log', () => {
  test('has old and new, who and from where, and no password anywhere', async () => {
    const before = (await auditOf(mailroom, 'smtpSettings')).length;
    const response = await mailroom.as().put(PATH, FULL).set('X-Request-Id', 'change-1').expect(200);
    await mailroom.as().put(PATH, { ...FULL, authentication: buildPasswordAuthentication({ password: 'second-secret' }) }).expect(200);
    const entries = (await auditOf(mailroom, 'smtpSettings')).slice(before);
    expect(entries).toHaveLength(2);
    expect(entries[0]).toMatchObject({
      action: 'update', actor: 'MAILROOM_ADMIN_KEY', requestId: 'change-1', resourceId: 'smtp-settings',
      oldValue: expect.objectContaining({ serverAddress: null }), newValue: response.body,
    });
    const everything = JSON.stringify(await mailroom.container.database.prisma.auditEntry.findMany());
    expect(everything).not.toMatch(/correct-horse-battery|second-secret|v1\./);
  });

  test('a refused change is not in it', async () => {
    const before = await auditOf(mailroom, 'smtpSettings');
    await mailroom.as().put(PATH, { serverAddress: 'mail.example.com' }).expect(400);
    expect(await auditOf(mailroom, 'smtpSettings')).toEqual(before);
  });
});
