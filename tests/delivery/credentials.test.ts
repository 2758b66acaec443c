import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { readConfig } from '../../src/config.js';
import { createContainer } from '../../src/container.js';
import { createLogger } from '../../src/logger.js';
import { KeyRing } from '../../src/secrets/key-ring.js';
import { buildAccount } from '../factories/build-account.js';
import type { SmtpSettingsUpdate } from '../../openapi/client/src/index.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { createPki } from '../setup/pki.js';
import { type SinkOptions, type SmtpSink, startSmtpSink } from '../setup/smtp-servers.js';
import { CLIENT, startTokenServer, type TokenServer } from '../setup/token-server.js';
import { waitFor } from '../setup/wait.js';

type Auth = NonNullable<SinkOptions['auth']>;
interface Attempt { outcome: string; stage: string | null; code: string | null; message: string | null; hint: string | null; worker: string }
interface Email { id: string; attemptCount: number; reason: { code: string; message: string } | null; attempts: Attempt[] }

const HOUR = '3600000';
const SECRET_KEY = 'test-secret-key-of-32-characters';
const cleanUps: (() => Promise<unknown>)[] = [];
let mailroom: TestMailroom;

/** With retries an hour apart: what is sent sooner was released by a change. */
async function start(retryBaseMs: string, workers = true): Promise<void> {
  mailroom = await startMailroom({ workers, env: { MAILROOM_RETRY_BASE_MS: retryBaseMs } });
  await mailroom.sdk.createSubscription({ body: { emailAddress: 'alice@example.com', eventTypes: ['TestConnectionFailed'] } });
}
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function sinkFor(auth: Auth | undefined, options: SinkOptions = {}): Promise<SmtpSink> {
  const sink = await startSmtpSink({ ...options, ...(auth && { auth }) });
  cleanUps.push(() => sink.close());
  return sink;
}

const put = async (sink: { port: number }, authentication: object, overrides: Partial<SmtpSettingsUpdate> = {}): Promise<void> => {
  const settings: SmtpSettingsUpdate = { serverAddress: 'localhost', port: sink.port, security: 'none', senderAddress: 'mailroom@example.com', authentication: authentication as SmtpSettingsUpdate['authentication'], ...overrides };
  await mailroom.sdk.putSmtpSettings({ body: settings });
};
const publish = async (): Promise<string> => (await mailroom.sdk.publishEvent({ body: { type: 'TestConnectionFailed' } })).id;

/** So that no test has the mail of another one. */
async function cancelWaiting(): Promise<void> {
  const { items } = await mailroom.sdk.listEmails({ query: { status: 'deferred' } });
  for (const { id } of items) await mailroom.sdk.results.cancelEmail({ path: { id } });
}

async function reached(eventId: string, status: string): Promise<Email> {
  const { items } = await waitFor(() => mailroom.sdk.listEmails({ query: { eventId } }), (page) => page.items[0]?.status === status);
  return (await mailroom.sdk.getEmail({ path: { id: items[0]!.id } }));
}

describe('an account', () => {
  beforeAll(() => start(HOUR));
  afterEach(cancelWaiting);
  afterAll(() => mailroom.close());

  const account = async (password: string, allowedServers = ['localhost']): Promise<string> =>
    (await mailroom.sdk.createAccount({ body: buildAccount({ password, allowedServers, accountName: 'svc-mail' }) })).id;
  const rotate = (id: string, password: string) => mailroom.sdk.putAccountPassword({ path: { id }, body: { password } });

  test('its rotated password is used by the next delivery, also while connections of the old one are open', async () => {
    const auth: Auth = { user: 'svc-mail', password: 'first-password', required: true };
    const sink = await sinkFor(auth);
    const id = await account('first-password');
    await put(sink, { type: 'account', accountId: id });
    await reached(await publish(), 'sent');
    auth.password = 'second-password';
    await rotate(id, 'second-password');
    expect(await reached(await publish(), 'sent')).toMatchObject({ attemptCount: 1 });
    expect(sink.mails.map(({ user }) => user)).toEqual(['svc-mail', 'svc-mail']);
    expect(sink.connections).toBe(2);
  });

  test('a rotation sends what waited because of the old password, without waiting for its retry', async () => {
    const sink = await sinkFor({ user: 'svc-mail', password: 'right-password', required: true });
    const id = await account('wrong-password');
    await put(sink, { type: 'account', accountId: id });
    const event = await publish();
    const waiting = await reached(event, 'deferred');
    expect(waiting.attempts[0]).toMatchObject({ stage: 'auth', code: 'AUTH_REJECTED' });
    await rotate(id, 'right-password');
    const { attempts } = await reached(event, 'sent'); // its retry is an hour away
    expect(new Set(attempts.slice(0, -1).map(({ code }) => code))).toEqual(new Set(['AUTH_REJECTED']));
  });

  test('a worker in another process uses it too, without a restart', async () => {
    const other = mailroom;
    await start(HOUR, false);
    cleanUps.push(async () => {
      await mailroom.close();
      mailroom = other;
    });
    const auth: Auth = { user: 'svc-mail', password: 'first-password', required: true };
    const sink = await sinkFor(auth);
    const id = await account('first-password');
    await put(sink, { type: 'account', accountId: id });
    const first = await workerOn(mailroom.databaseUrl, 'worker-1');
    expect((await reached(await publish(), 'sent')).attempts[0]).toMatchObject({ worker: 'worker-1' });
    await workerOn(mailroom.databaseUrl, 'worker-2');
    await first.close();
    expect((await reached(await publish(), 'sent')).attempts[0]).toMatchObject({ worker: 'worker-2' });
    auth.password = 'second-password';
    await rotate(id, 'second-password');
    expect((await reached(await publish(), 'sent')).attempts).toEqual([expect.objectContaining({ worker: 'worker-2', outcome: 'sent' })]);
  });

  test('that does not allow the server any more is not used: the e-mail waits with the reason, until it is allowed again', async () => {
    const sink = await sinkFor({ user: 'svc-mail', password: 'directory-password', required: true });
    const id = await account('directory-password');
    await put(sink, { type: 'account', accountId: id });
    await reached(await publish(), 'sent');
    await mailroom.sdk.putAccount({ path: { id }, body: buildAccount({ accountName: 'svc-mail', allowedServers: ['mail.example.com'] }) });
    const event = await publish();
    const waiting = await reached(event, 'deferred');
    expect(waiting.reason).toEqual({ code: 'SMTP_SERVER_NOT_ALLOWED', message: expect.stringContaining('localhost') });
    expect(waiting.attempts[0]).toEqual(expect.objectContaining({ stage: 'auth', code: 'SMTP_SERVER_NOT_ALLOWED', hint: expect.stringContaining(`/v1/accounts/${id}`) }));
    expect(sink.connections).toBe(1);
    await mailroom.sdk.putAccount({ path: { id }, body: buildAccount({ accountName: 'svc-mail', password: 'directory-password', allowedServers: ['localhost'] }) });
    await reached(event, 'sent');
  });

  test('without a password nothing is sent without a log-in', async () => {
    const sink = await sinkFor(undefined);
    const id = await account('directory-password');
    await mailroom.sdk.putAccount({ path: { id }, body: buildAccount({ password: null, allowedServers: ['localhost'] }) });
    await put(sink, { type: 'account', accountId: id });
    expect((await reached(await publish(), 'deferred')).reason).toMatchObject({ code: 'SMTP_ACCOUNT_WITHOUT_PASSWORD' });
    await rotate(id, 'directory-password');
    expect((await reached(await publish(), 'deferred')).reason).toMatchObject({ code: 'AUTH_NOT_OFFERED' });
    expect(sink.mails).toEqual([]);
  });
});

describe('OAuth 2.0', () => {
  beforeAll(() => start('1500'));
  afterEach(cancelWaiting);
  afterAll(() => mailroom.close());

  let tokens: TokenServer;
  const revoked = new Set<string>();
  /** A mail server that takes the token that was given out last, unless it was revoked. */
  const auth = (): Auth => ({
    user: 'mailroom@example.com',
    methods: ['XOAUTH2'],
    required: true,
    get accessToken() { return tokens.lastToken !== null && !revoked.has(tokens.lastToken) ? tokens.lastToken : 'none'; },
  });
  const oauth2 = (overrides: object = {}): object => ({ type: 'oauth2', accountName: 'mailroom@example.com', tokenUrl: tokens.url, ...CLIENT, scope: 'smtp.send', ...overrides });
  const begin = async (options: SinkOptions = {}): Promise<SmtpSink> => {
    tokens = await startTokenServer();
    cleanUps.push(() => tokens.close());
    return sinkFor(auth(), options);
  };

  test('logs in with XOAUTH2 over TLS; the token is used again by later connections', async () => {
    const pki = await createPki();
    const { key, chain } = await pki.issue({ dnsNames: ['localhost'] });
    const sink = await begin({ tls: { key, cert: chain } });
    await put(sink, oauth2(), { security: 'startTls', verifyCertificate: false });
    await reached(await publish(), 'sent');
    const kept = (await mailroom.sdk.getSmtpSettings()) as object;
    await mailroom.sdk.putSmtpSettings({ body: { ...kept, senderName: 'Mailroom' } });
    await reached(await publish(), 'sent');
    expect(sink.mails).toEqual([1, 2].map(() => expect.objectContaining({ user: 'mailroom@example.com', tls: true })));
    expect(sink.connections).toBe(2);
    expect(tokens.requests.map(({ form }) => form)).toEqual([{ grant_type: 'client_credentials', client_id: CLIENT.clientId, client_secret: CLIENT.clientSecret, scope: 'smtp.send' }]);
  });

  test('a token that was revoked before its time is replaced within the attempt', async () => {
    const sink = await begin();
    await put(sink, oauth2());
    await reached(await publish(), 'sent');
    revoked.add(tokens.lastToken!);
    await put(sink, oauth2(), { senderName: 'another connection' });
    expect(await reached(await publish(), 'sent')).toMatchObject({ attemptCount: 1 });
    expect(tokens.requests).toHaveLength(2);
    expect(sink.connections).toBe(3);
  });

  test('a mail server that refuses fresh tokens is not asked over and over', async () => {
    const sink = await begin();
    await put(sink, oauth2({ accountName: 'other@example.com' }));
    const waiting = await reached(await publish(), 'deferred');
    expect(waiting.attempts[0]).toMatchObject({ stage: 'auth', code: 'AUTH_REJECTED', outcome: 'deferred' });
    const counts = async () => [sink.connections, tokens.requests.length, (await mailroom.sdk.getEmail({ path: { id: waiting.id } })).attemptCount];
    await waitFor(counts, (now) => new Set(now).size === 1); // one that is under way is no attempt yet
  });

  test('a token server that is down: the e-mail waits with the reason, and goes when it is back', async () => {
    const sink = await begin();
    await tokens.close();
    await put(sink, oauth2());
    const event = await publish();
    const waiting = await reached(event, 'deferred');
    expect(waiting.reason).toEqual({ code: 'OAUTH2_SERVER_UNREACHABLE', message: expect.stringContaining(tokens.url) });
    expect(waiting.attempts[0]).toMatchObject({ stage: 'auth', code: 'OAUTH2_SERVER_UNREACHABLE', outcome: 'deferred', hint: expect.stringContaining('tokenUrl') });
    expect(sink.connections).toBe(0);
    tokens = await startTokenServer({ port: tokens.port });
    await reached(event, 'sent');
  });

  test("a wrong client secret: the token server's words are shown, and neither secret nor token is kept anywhere", async () => {
    const sink = await begin();
    await put(sink, oauth2({ clientSecret: 'a-wrong-secret' }));
    const event = await publish();
    const waiting = await reached(event, 'deferred');
    expect(waiting.reason).toEqual({ code: 'OAUTH2_TOKEN_REFUSED', message: expect.stringContaining('invalid_client (No such client)') });
    await put(sink, oauth2());
    await reached(event, 'sent');
    const { prisma } = mailroom.container.database;
    const [logs, attempts, settings, audit] = await Promise.all([prisma.smtpSessionLog.findMany(), prisma.emailAttempt.findMany(), prisma.smtpSettings.findMany(), prisma.auditEntry.findMany()]);
    const everything = JSON.stringify([logs, attempts, settings, audit, await mailroom.sdk.getSmtpSettings()]);
    for (const secret of ['a-wrong-secret', CLIENT.clientSecret, tokens.lastToken!]) {
      expect(everything).not.toContain(JSON.stringify(secret).slice(1, -1));
      expect(everything).not.toContain(Buffer.from(secret).toString('base64').slice(4, -4));
    }
  });

  test('without a client secret nothing is sent without a log-in', async () => {
    await begin();
    const open = await sinkFor(undefined);
    await put(open, oauth2({ clientSecret: null }));
    expect((await reached(await publish(), 'deferred')).reason).toMatchObject({ code: 'CLIENT_SECRET_MISSING' });
    expect(open.mails).toEqual([]);
    expect(tokens.requests).toEqual([]);
  });

  test('many connections at once share one token request', async () => {
    const sink = await begin({ delayMs: 300 });
    await put(sink, oauth2(), { maxConnections: 10 });
    for (let n = 0; n < 10; n += 1) await mailroom.sdk.createSubscription({ body: { emailAddress: `many${n}@example.com`, eventTypes: ['DiskUsageWarning'] } });
    await mailroom.sdk.publishEvent({ body: { type: 'DiskUsageWarning' } });
    await sink.waitForMails(10);
    expect(sink.connections).toBeGreaterThan(1);
    expect(tokens.requests).toHaveLength(1);
  });
});

/** A worker of its own, as another process has it: nothing is shared but the database. Closed after the test, unless it was before. */
async function workerOn(databaseUrl: string, worker: string): Promise<{ close(): Promise<void> }> {
  const config = readConfig({ DATABASE_URL: databaseUrl, MAILROOM_ROLE: 'worker', MAILROOM_SECRET_KEY: SECRET_KEY, MAILROOM_RETRY_BASE_MS: HOUR, MAILROOM_LOG_LEVEL: 'silent' }, false);
  const container = await createContainer({ config: { ...config, worker }, databaseUrl, keys: new KeyRing([SECRET_KEY]), logger: createLogger({ level: 'silent', format: 'json' }) });
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= container.close(5_000));
  cleanUps.push(close);
  await container.startWorkers();
  return { close };
}
