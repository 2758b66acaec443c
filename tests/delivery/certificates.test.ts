import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { createPki, type Identity, type TestPki } from '../setup/pki.js';
import { type SinkOptions, type SmtpSink, startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';

/** Retries an hour apart: what is sent sooner was released by a change. */
const HOUR = '3600000';
const MODES = ['startTls', 'smtps'] as const;
type Mode = (typeof MODES)[number];

let mailroom: TestMailroom;
/** The mail server's, and the clients'. */
let [servers, clients]: TestPki[] = [];
let identity: Identity;
const sinks: SmtpSink[] = [];

beforeAll(async () => {
  [servers, clients] = await Promise.all([createPki('Mail Servers'), createPki('Clients')]);
  identity = await servers.issue({ ipAddresses: ['127.0.0.1'] });
  mailroom = await startMailroom({ env: { MAILROOM_RETRY_BASE_MS: HOUR } });
  await mailroom.sdk.createSubscription({ body: { emailAddress: 'alice@example.com', eventTypes: ['TestConnectionFailed'] } });
});
afterEach(async () => {
  for (const { id } of (await mailroom.sdk.listEmails({ query: { status: 'deferred' } })).items) await mailroom.sdk.results.cancelEmail({ path: { id } });
  await mailroom.sdk.putSmtpSettings({ body: {} });
  for (const path of ['trusted-certificates', 'client-certificates']) {
    for (const { id } of (await mailroom.as().get(`/v1/${path}`).expect(200)).body.items as { id: string }[]) await mailroom.as().delete(`/v1/${path}/${id}`).expect(204);
  }
  await Promise.all(sinks.splice(0).map((sink) => sink.close()));
});
afterAll(() => mailroom.close());

async function sinkOf(mode: Mode, tls: SinkOptions['tls'] = {}): Promise<SmtpSink> {
  const sink = await startSmtpSink({ secure: mode === 'smtps', tls: { key: identity.key, cert: identity.chain, ...tls } });
  sinks.push(sink);
  return sink;
}

/** A server that takes mail only from those who show a certificate of these clients' authority. */
const strictSink = (mode: Mode): Promise<SmtpSink> => sinkOf(mode, { ca: clients!.root, requestCert: true, rejectUnauthorized: true });

const use = async ({ port }: SmtpSink, security: Mode, useClientCertificate = false): Promise<void> => {
  await mailroom.sdk.putSmtpSettings({ body: { serverAddress: '127.0.0.1', port, security, senderAddress: 'mailroom@example.com', useClientCertificate } });
};
const trust = async (certificate = servers!.root): Promise<string> => (await mailroom.sdk.addTrustedCertificates({ body: { certificate } })).id;
const publish = async (): Promise<string> => (await mailroom.sdk.publishEvent({ body: { type: 'TestConnectionFailed' } })).id;

/** A certificate with this name, with its key in one PEM file. */
async function install(commonName: string): Promise<string> {
  const { key, chain } = await clients!.issue({ commonName, usage: 'client' });
  return (await mailroom.sdk.installClientCertificate({ body: { certificate: `${chain}${key}` } })).id;
}

interface Outcome { status: string; reason: { code: string } | null }
async function reached(eventId: string, status: string): Promise<Outcome> {
  const { items } = await waitFor(() => mailroom.sdk.listEmails({ query: { eventId } }), (page) => page.items[0]?.status === status);
  return items[0] as Outcome;
}

interface SmtpTestResult { status: string; addresses: { message: string; stages: { name: string; status: string; code: string | null; hint: string | null }[]; tls: { trusted: boolean } }[] }
const smtpTest = async (): Promise<SmtpTestResult> =>
  (await mailroom.sdk.startSmtpTest({ body: { sendTo: 'admin@example.com', timeoutSeconds: 10 }, headers: { Prefer: 'wait=20' } })) as SmtpTestResult;
const failureOf = ({ addresses }: SmtpTestResult) => addresses[0]!.stages.find(({ status }) => status === 'failed');

describe.each(MODES)('over %s', (mode) => {
  const stage = mode === 'smtps' ? 'tls' : 'startTls';

  test('a private CA that is added makes a test and a delivery succeed that failed, also the mail that waits; without it they fail again', async () => {
    const sink = await sinkOf(mode);
    await use(sink, mode);
    expect(failureOf(await smtpTest())).toMatchObject({ name: stage, code: 'CERTIFICATE_UNKNOWN_ISSUER', hint: expect.stringContaining('trusted certificates') });
    const waiting = await publish();
    expect((await reached(waiting, 'deferred')).reason!.code).toBe('CERTIFICATE_UNKNOWN_ISSUER');

    const id = await trust();
    await reached(waiting, 'sent');
    expect(await smtpTest()).toMatchObject({ status: 'passed', addresses: [{ tls: { trusted: true } }] });
    await reached(await publish(), 'sent');
    expect(sink.mails).toHaveLength(3);

    await mailroom.sdk.deleteTrustedCertificate({ path: { id } });
    expect((await reached(await publish(), 'deferred')).reason!.code).toBe('CERTIFICATE_UNKNOWN_ISSUER');
    expect(failureOf(await smtpTest())).toMatchObject({ name: stage, code: 'CERTIFICATE_UNKNOWN_ISSUER' });
    expect(sink.mails).toHaveLength(3);
  });

  test('an intermediate CA is enough, and so is the self-signed certificate of a server itself', async () => {
    await use(await sinkOf(mode), mode);
    await trust(servers!.intermediate);
    expect(await smtpTest()).toMatchObject({ status: 'passed' });
    const self = await servers!.issue({ ipAddresses: ['127.0.0.1'], selfSigned: true });
    await use(await sinkOf(mode, { key: self.key, cert: self.cert }), mode);
    expect(failureOf(await smtpTest())).toMatchObject({ code: 'CERTIFICATE_SELF_SIGNED' });
    await trust(self.cert);
    expect(await smtpTest()).toMatchObject({ status: 'passed' });
  });

  describe('to a server that demands a client certificate', () => {
    let sink: SmtpSink;
    beforeEach(async () => {
      sink = await strictSink(mode);
      await trust();
    });

    test('the active one is presented by deliveries and tests, and by none while useClientCertificate is off', async () => {
      await install('mailroom-a');
      await use(sink, mode);
      const waiting = await publish();
      expect((await reached(waiting, 'deferred')).reason!.code).toBe('CLIENT_CERTIFICATE_REQUIRED');
      expect(failureOf(await smtpTest())).toMatchObject({ code: 'CLIENT_CERTIFICATE_REQUIRED', hint: expect.stringContaining('useClientCertificate') });
      expect(sink.mails).toEqual([]);

      await use(sink, mode, true);
      await reached(waiting, 'sent');
      expect((await smtpTest()).status).toBe('passed');
      expect(sink.mails.map(({ clientCertificate }) => clientCertificate)).toEqual(['mailroom-a', 'mailroom-a']);
    });

    test('a new one is presented by the next mail, and an older one again when it is activated', async () => {
      const first = await install('mailroom-a');
      await use(sink, mode, true);
      await reached(await publish(), 'sent');
      await install('mailroom-b');
      await reached(await publish(), 'sent');
      await smtpTest();
      await mailroom.sdk.activateClientCertificate({ path: { id: first } });
      await reached(await publish(), 'sent');
      await smtpTest();
      expect(sink.mails.map(({ clientCertificate }) => clientCertificate)).toEqual(['mailroom-a', 'mailroom-b', 'mailroom-b', 'mailroom-a', 'mailroom-a']);
      expect(sink.connections).toBe(5); // none was kept over a change
    });

    test('one of another authority is told as what the server may not accept', async () => {
      const { key, cert } = await servers!.issue({ commonName: 'stranger', usage: 'client' });
      await mailroom.sdk.installClientCertificate({ body: { certificate: cert + key } });
      await use(sink, mode, true);
      // Node's TLS server closes without an alert.
      expect(failureOf(await smtpTest())).toMatchObject({ code: 'CONNECTION_LOST', hint: expect.stringContaining('do not accept the client certificate') });
      expect((await reached(await publish(), 'deferred')).reason!.code).toBe('CONNECTION_LOST');
    });
  });
});

test('a candidate with a client certificate is tested with the active one, and is refused while there is none', async () => {
  const [sink] = [await strictSink('startTls'), await trust()];
  const settings = { serverAddress: '127.0.0.1', port: sink.port, security: 'startTls', senderAddress: 'mailroom@example.com', useClientCertificate: true } as const;
  const start = () => mailroom.sdk.startSmtpTest({ body: { sendTo: 'admin@example.com', settings }, headers: { Prefer: 'wait=20' } });
  await expect(start()).rejects.toMatchObject({ status: 400, code: 'SMTP_CLIENT_CERTIFICATE_REQUIRED', errors: [{ pointer: '/settings/useClientCertificate' }] });
  await install('mailroom-c');
  expect((await start()).status).toBe('passed');
  expect(sink.mails.map(({ clientCertificate }) => clientCertificate)).toEqual(['mailroom-c']);
});

test('a client certificate whose key cannot be read is told as such, and the mail waits', async () => {
  const sink = await strictSink('startTls');
  await trust();
  const id = await install('mailroom-d');
  await use(sink, 'startTls', true);
  await mailroom.container.database.prisma.clientCertificate.update({ where: { id }, data: { privateKeyCiphertext: 'v1.00000000.AAAA' } });
  await mailroom.container.database.prisma.tlsMaterial.update({ where: { id: 1 }, data: { version: { increment: 1 } } });
  expect((await reached(await publish(), 'deferred')).reason!.code).toBe('SECRET_UNREADABLE');
  expect(failureOf(await smtpTest())).toMatchObject({ name: 'startTls', code: 'SECRET_UNREADABLE', hint: expect.stringContaining('client certificate') });
  expect(sink.connections).toBe(0);
});
