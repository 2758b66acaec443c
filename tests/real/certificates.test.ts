import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { SmtpSettingsUpdate } from '../../src/smtp-settings/smtp-settings.contract.js';
import { MailroomProcess, SHARED } from '../process/mailroom-process.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { createPki, expired, type Identity, type IdentityOptions } from '../setup/pki.js';
import { noPostfix, type Postfix, type PostfixService, startPostfix } from '../setup/postfix.js';
import { ALICE, failedStage, inMailbox, lastAttempt, RETRIES, stagesOf, type Trials, trialsOf } from './trials.js';

/** What Postfix writes into the Received header (smtpd_tls_received_header). */
const SHOWN = /\(Client CN "mailroom-client", Issuer "Private Issuing CA" \(verified OK\)\)/;

const skipped = noPostfix();
if (skipped) test.skip(`certificates of Postfix: ${skipped}`, () => undefined);
else describe('certificates of Postfix', describeCertificates);

function describeCertificates(): void {
  let postfix: Postfix;
  let root: string;
  let client: Identity;
  const at = (service: string, overrides: Partial<SmtpSettingsUpdate> = {}): Partial<SmtpSettingsUpdate> =>
    ({ port: postfix.ports[service]!, security: service.endsWith('smtps') ? 'smtps' : 'startTls', ...overrides });

  beforeAll(async () => {
    const pki = await createPki('Private');
    const tlsOf = async (options: IdentityOptions = {}) => pki.issue({ ipAddresses: ['127.0.0.1'], ...options });
    const tls = await tlsOf();
    const clients = (parameters: Record<string, string>): PostfixService => ({ tls, parameters: { smtpd_tls_security_level: 'encrypt', ...parameters } });
    root = pki.root;
    client = await pki.issue({ commonName: 'mailroom-client', usage: 'client' });
    postfix = await startPostfix({
      mailboxes: [ALICE],
      clientAuthority: pki.root,
      services: {
        private: { tls },
        'private-smtps': { tls, parameters: { smtpd_tls_wrappermode: 'yes' } },
        alone: { tls: { ...tls, chain: tls.cert } },
        self: { tls: await tlsOf({ commonName: 'appliance', selfSigned: true }) },
        old: { tls: await tlsOf(expired()) },
        other: { tls: await tlsOf({ ipAddresses: [], dnsNames: ['mx.other.test'] }) },
        asks: clients({ smtpd_tls_ask_ccert: 'yes' }),
        demands: clients({ smtpd_tls_req_ccert: 'yes' }),
        'demands-1.2': clients({ smtpd_tls_req_ccert: 'yes', smtpd_tls_mandatory_protocols: 'TLSv1.2' }),
        'demands-smtps': clients({ smtpd_tls_req_ccert: 'yes', smtpd_tls_wrappermode: 'yes' }),
      },
    });
  }, 60_000);
  afterAll(() => postfix?.stop());

  describe('without knowing its authority', () => {
    let mailroom: TestMailroom;
    let trials: Trials;
    beforeAll(async () => {
      mailroom = await startMailroom({ env: RETRIES });
      trials = trialsOf(mailroom.as());
    });
    afterAll(() => mailroom?.close());

    test.each([
      ['self-signed', 'self', 'startTls', 'CERTIFICATE_SELF_SIGNED'],
      ['of a private authority', 'private', 'startTls', 'CERTIFICATE_UNKNOWN_ISSUER'],
      ['of a private authority, over smtps', 'private-smtps', 'tls', 'CERTIFICATE_UNKNOWN_ISSUER'],
    ] as const)('%s: nothing is sent, unless verifyCertificate is off, and then it is warned of', async (_name, service, stage, code) => {
      const done = await trials.smtpTest(at(service));
      expect(done.status).toBe('failed');
      expect(failedStage(done)).toMatchObject({ name: stage, code, hint: expect.stringContaining('trusted certificates') });
      expect(done.addresses[0]!.tls).toMatchObject({ protocol: 'TLSv1.3', trusted: false, faults: [{ code }] });
      const refused = await trials.deliver(at(service));
      expect(lastAttempt(refused)).toMatchObject({ outcome: 'deferred', stage, code });

      const warned = await trials.smtpTest(at(service, { verifyCertificate: false }));
      expect(warned.status).toBe('passed');
      expect(stagesOf(warned)).toContain(`${stage} warned`);
      expect(warned.addresses[0]).toMatchObject({ tls: { trusted: false, faults: [{ code }] } });
      const email = await trials.deliver(at(service, { verifyCertificate: false }));
      expect(email.status).toBe('sent');
      await inMailbox(postfix, ALICE, email.serverQueueId);
    });

    test.each([
      ['over STARTTLS and TLS 1.3', 'demands', 'TLSv1.3', 'ehlo'],
      ['over STARTTLS and TLS 1.2', 'demands-1.2', 'TLSv1.2', 'ehlo'],
      ['over smtps', 'demands-smtps', 'TLSv1.3', 'greeting'],
    ] as const)('a client certificate that it demands %s is told as such', async (_name, service, protocol, stage) => {
      const done = await trials.smtpTest(at(service, { verifyCertificate: false }));
      expect(done.addresses[0]!.tls).toMatchObject({ protocol });
      expect(failedStage(done)).toMatchObject({ name: stage, code: 'CLIENT_CERTIFICATE_REQUIRED', hint: expect.stringContaining('useClientCertificate') });
      expect(failedStage(done).message).toContain('demands a client certificate, and none was presented');
      const email = await trials.deliver(at(service, { verifyCertificate: false }));
      expect(lastAttempt(email)).toMatchObject({ outcome: 'deferred', code: 'CLIENT_CERTIFICATE_REQUIRED', stage });
    });

    test('a client certificate that it only asks for is not needed', async () => {
      const done = await trials.smtpTest(at('asks', { verifyCertificate: false }));
      expect(done.status).toBe('passed');
      const [received] = (await inMailbox(postfix, ALICE, done.addresses[0]!.queueId)).split('\nTo:');
      expect(received).toContain('(Client did not present a certificate)');
      expect((await trials.deliver(at('asks', { verifyCertificate: false }))).status).toBe('sent');
    });
  });

  describe('with its root among the trusted certificates, and a client certificate', () => {
    let mailroom: TestMailroom;
    let trials: Trials;
    beforeAll(async () => {
      mailroom = await startMailroom({ env: RETRIES });
      trials = trialsOf(mailroom.as());
      await mailroom.as().post('/v1/trusted-certificates', { certificate: root }).expect(201);
      await mailroom.as().post('/v1/client-certificates', { certificate: client.chain + client.key }).expect(201);
    });
    afterAll(() => mailroom?.close());

    test.each(['asks', 'demands', 'demands-1.2', 'demands-smtps'])('%s sees it from tests and deliveries, and has verified it', async (service) => {
      const done = await trials.smtpTest(at(service, { useClientCertificate: true }));
      expect(done).toMatchObject({ status: 'passed', addresses: [{ tls: { trusted: true } }] });
      expect(await inMailbox(postfix, ALICE, done.addresses[0]!.queueId)).toMatch(SHOWN);
      const email = await trials.deliver(at(service, { useClientCertificate: true }));
      expect(email.status).toBe('sent');
      expect(await inMailbox(postfix, ALICE, email.serverQueueId)).toMatch(SHOWN);
    });

    test('one of an authority that it does not trust is told as such', async () => {
      const { chain, key } = await (await createPki('Strangers')).issue({ commonName: 'stranger', usage: 'client' });
      await mailroom.as().post('/v1/client-certificates', { certificate: chain + key }).expect(201);
      const done = await trials.smtpTest(at('demands', { useClientCertificate: true }));
      expect(failedStage(done)).toMatchObject({ code: 'CLIENT_CERTIFICATE_REJECTED', hint: expect.stringContaining('trusts the CA that issued it') });
    });
  });

  describe('with its root in NODE_EXTRA_CA_CERTS', () => {
    let database: TestDatabase;
    let mailroom: MailroomProcess;
    let trials: Trials;
    let folder: string;
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'mailroom-roots-'));
      writeFileSync(join(folder, 'root.pem'), root);
      database = await createTestDatabase();
      mailroom = await new MailroomProcess({ ...SHARED, DATABASE_URL: database.url, NODE_EXTRA_CA_CERTS: join(folder, 'root.pem') }).ready();
      trials = trialsOf(mailroom.as());
    }, 60_000);
    afterAll(async () => {
      await mailroom?.kill();
      await database?.drop();
      rmSync(folder, { recursive: true, force: true });
    });

    const chain = [{ subjectAltNames: ['IP Address:127.0.0.1'] }, { subject: 'CN=Private Issuing CA' }, { subject: 'CN=Private Root', selfSigned: true }];
    test.each([['private', 'startTls'], ['private-smtps', 'tls']])('%s passes all checks and takes the mail', async (service, stage) => {
      const done = await trials.smtpTest(at(service));
      expect(done.status).toBe('passed');
      expect(stagesOf(done)).toContain(`${stage} passed`);
      expect(done.addresses[0]!.tls).toMatchObject({ trusted: true, faults: [], chain });
      const email = await trials.deliver(at(service));
      expect(email.status).toBe('sent');
      await inMailbox(postfix, ALICE, email.serverQueueId);
    });

    test.each([
      ['without its intermediate certificate', 'alone', 'CERTIFICATE_UNKNOWN_ISSUER', /intermediate/],
      ['that has expired', 'old', 'CERTIFICATE_EXPIRED', /new certificate/],
      ['for another name', 'other', 'CERTIFICATE_NAME_MISMATCH', /server address/],
      ['that is self-signed', 'self', 'CERTIFICATE_SELF_SIGNED', /trusted certificates/],
    ] as const)('one %s is told apart', async (_name, service, code, hint) => {
      const done = await trials.smtpTest(at(service));
      expect(failedStage(done)).toMatchObject({ name: 'startTls', code, hint: expect.stringMatching(hint) });
      expect(lastAttempt(await trials.deliver(at(service)))).toMatchObject({ outcome: 'deferred', stage: 'startTls', code });
    });
  });
}
