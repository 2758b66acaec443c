import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { simpleParser } from 'mailparser';
import type { SmtpSettingsUpdate } from '../../src/smtp-settings/smtp-settings.contract.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { noPostfix, noSasl, type Postfix, startPostfix } from '../setup/postfix.js';
import { createPki } from '../setup/pki.js';
import { type Greylist, startGreylist } from './greylist.js';
import { ALICE, failedStage, inMailbox, lastAttempt, RETRIES, stagesOf, type Trials, trialsOf } from './trials.js';

const ACCOUNT = { user: 'mailroom', password: 'correct horse ☃ battery' };
const GREY = 'grey@real.test';
const LIMIT = 1_000;

const skipped = noPostfix();
if (skipped) test.skip(`dialogues with Postfix: ${skipped}`, () => undefined);
else describe('dialogues with Postfix', describeDialogues);

function describeDialogues(): void {
  let postfix: Postfix;
  let mailroom: TestMailroom;
  let trials: Trials;
  let greylist: Greylist;
  /** Settings for one of its services. */
  const at = (service: string, overrides: Partial<SmtpSettingsUpdate> = {}): Partial<SmtpSettingsUpdate> => ({ port: postfix.ports[service]!, ...overrides });
  const overTls = { security: 'startTls', verifyCertificate: false } as const;
  const login = (password = ACCOUNT.password) => ({ authentication: { type: 'password', accountName: ACCOUNT.user, password } }) as const;

  beforeAll(async () => {
    greylist = await startGreylist();
    const tls = await (await createPki()).issue({ ipAddresses: ['127.0.0.1'] });
    const authenticated = { smtpd_client_restrictions: 'permit_sasl_authenticated, reject' };
    postfix = await startPostfix({
      mailboxes: [ALICE, GREY],
      tables: { senders: { 'bad@real.test': '550 5.7.1 not from you', 'later@real.test': '450 4.7.1 not just now' } },
      ...(noSasl() === null && { account: ACCOUNT }),
      services: {
        plain: {},
        tls: { tls, parameters: { smtpd_tls_security_level: 'encrypt' } },
        smtps: { tls, parameters: { smtpd_tls_wrappermode: 'yes' } },
        ...(noSasl() === null && {
          submission: { tls, sasl: 'PLAIN', parameters: { smtpd_tls_security_level: 'encrypt', ...authenticated } },
          submissions: { tls, sasl: 'LOGIN', parameters: { smtpd_tls_wrappermode: 'yes', ...authenticated } },
          cram: { sasl: 'CRAM-MD5', parameters: { smtpd_tls_auth_only: 'no', ...authenticated } },
        }),
        senders: { parameters: { smtpd_sender_restrictions: 'check_sender_access @senders' } },
        strict: { parameters: { smtpd_helo_required: 'yes', smtpd_helo_restrictions: 'reject_non_fqdn_helo_hostname' } },
        blocked: { parameters: { smtpd_client_restrictions: 'reject' } },
        grey: { parameters: { smtpd_recipient_restrictions: `check_policy_service inet:127.0.0.1:${greylist.port}` } },
        small: { parameters: { message_size_limit: String(LIMIT) } },
        smallInSilence: { parameters: { message_size_limit: String(LIMIT), smtpd_discard_ehlo_keywords: 'size' } },
      },
    });
    mailroom = await startMailroom({ env: RETRIES });
    trials = trialsOf(mailroom.as());
  }, 60_000);
  afterAll(async () => {
    await mailroom?.close();
    await postfix?.stop();
    await greylist?.close();
  });

  test.each([
    ['in clear text', 'plain', {}, /with ESMTP id/],
    ['over STARTTLS', 'tls', overTls, /\(using TLSv1\.3 with cipher[\s\S]+with ESMTPS id/],
    ['over smtps', 'smtps', { security: 'smtps', verifyCertificate: false }, /\(using TLSv1\.3 with cipher[\s\S]+with ESMTPS id/],
  ] as const)('a mail %s: its queue id is that of the log and of the mail in the mailbox', async (_name, service, overrides, received) => {
    const done = await trials.smtpTest(at(service, overrides));
    expect(done).toMatchObject({ status: 'passed', addresses: [{ address: '127.0.0.1', port: postfix.ports[service], status: 'passed', queueId: expect.stringMatching(/^\w{6,}$/) }] });
    expect(stagesOf(done)).not.toContain(expect.stringMatching(/failed/));
    const testMail = await inMailbox(postfix, ALICE, done.addresses[0]!.queueId);
    expect(testMail).toMatch(received);

    const email = await trials.deliver(at(service, overrides));
    expect(email).toMatchObject({ status: 'sent', attemptCount: 1, serverQueueId: expect.stringMatching(/^\w{6,}$/), serverReply: expect.stringContaining('queued as') });
    const mail = await inMailbox(postfix, ALICE, email.serverQueueId);
    expect(mail).toMatch(received);
    expect(mail).toContain('from appliance.real.test ');
    expect(await simpleParser(mail)).toMatchObject({ messageId: email.messageId, subject: email.subject });
    expect(postfix.log()).toContain(`${email.serverQueueId}: message-id=${email.messageId}`);
    expect(postfix.log()).toMatch(new RegExp(`${email.serverQueueId}: to=<${ALICE}>, relay=virtual, .*status=sent \\(delivered to maildir\\)`));
  });

  describe('what it refuses', () => {
    test.each([
      ['clear text where it wants TLS', 'tls', {}, ALICE, 'mailFrom', 'TLS_REQUIRED', 'deferred', /^530 5\.7\.0 Must issue a STARTTLS/],
      ['STARTTLS where it has none', 'plain', overTls, ALICE, 'startTls', 'TLS_NOT_OFFERED', 'deferred', null],
      ['smtps on a port of clear text', 'plain', { security: 'smtps' }, ALICE, 'tls', 'TLS_ON_PLAIN_PORT', 'deferred', null],
      ['a recipient it does not know', 'plain', {}, 'nobody@real.test', 'rcptTo', 'RECIPIENT_REJECTED', 'failed', /^550 5\.1\.1 .*User unknown/],
      ['a recipient elsewhere', 'plain', {}, 'someone@elsewhere.test', 'rcptTo', 'RELAY_DENIED', 'failed', /^554 5\.7\.1 .*Relay access denied/],
      ['a sender it does not like', 'senders', { senderAddress: 'bad@real.test' }, ALICE, 'rcptTo', 'SENDER_REJECTED', 'failed', /^550 5\.7\.1 .*Sender address rejected/],
      ['a sender it does not like just now', 'senders', { senderAddress: 'later@real.test' }, ALICE, 'rcptTo', 'SENDER_DEFERRED', 'deferred', /^450 4\.7\.1 .*Sender address rejected/],
      ['a client without a full name', 'strict', { clientHostname: 'appliance' }, ALICE, 'rcptTo', 'EHLO_REJECTED', 'deferred', /^504 5\.5\.2 .*Helo command rejected/],
      ['every client', 'blocked', {}, ALICE, 'rcptTo', 'CLIENT_REJECTED', 'deferred', /^554 5\.7\.1 .*Client host rejected/],
      ['a message beyond the size it tells', 'small', {}, ALICE, 'mailFrom', 'MESSAGE_TOO_LARGE', 'failed', null],
      ['a message beyond the size it does not tell', 'smallInSilence', {}, ALICE, 'data', 'MESSAGE_TOO_LARGE', 'failed', /^552 5\.3\.4/],
    ] as const)('%s', async (_name, service, overrides, to, stage, code, status, reply) => {
      const said = reply === null ? null : expect.stringMatching(reply);
      const done = await trials.smtpTest(at(service, overrides), { sendTo: to });
      expect(done.status).toBe('failed');
      expect(failedStage(done)).toMatchObject({ name: stage, code, reply: said, hint: expect.stringMatching(/./) });
      const email = await trials.deliver(at(service, overrides), to);
      expect(email).toMatchObject({ status, reason: { code }, serverQueueId: null });
      expect(lastAttempt(email)).toMatchObject({ stage, code, outcome: status, reply: said });
      expect(postfix.mails(to).some((mail) => mail.includes(email.messageId))).toBe(false);
    });

    test('a port of smtps is silent in clear text, and the hint names smtps', async () => {
      const done = await trials.smtpTest(at('smtps'), { timeoutSeconds: 1 });
      expect(done.status).toBe('timedOut');
      expect(failedStage(done)).toMatchObject({ name: 'greeting', code: 'GREETING_TIMEOUT', hint: expect.stringContaining('set security to smtps') });
    });

    test('a recipient on a grey list is deferred, tried again and then delivered, once', async () => {
      const done = await trials.smtpTest(at('grey'), { sendTo: GREY, senderAddress: 'test@real.test' });
      expect(failedStage(done)).toMatchObject({ name: 'rcptTo', code: 'RECIPIENT_DEFERRED', reply: expect.stringContaining('450 4.2.0'), hint: expect.stringContaining('Greylisting') });
      const email = await trials.deliverUntil('sent', at('grey'), GREY);
      expect(email.attempts).toMatchObject([{ outcome: 'deferred', stage: 'rcptTo', code: 'RECIPIENT_DEFERRED', enhancedCode: '4.2.0' }, { outcome: 'sent', stage: 'data' }]);
      await inMailbox(postfix, GREY, email.serverQueueId);
      expect(postfix.mails(GREY)).toHaveLength(1);
    });
  });

  const unable = noSasl();
  if (unable) {
    test.skip(`log-in by Cyrus SASL: ${unable}`, () => undefined);
    return;
  }
  describe('log-in by Cyrus SASL', () => {
    test.each([
      ['PLAIN over STARTTLS', 'submission', overTls, 'PLAIN', 'ESMTPSA'],
      ['LOGIN over smtps', 'submissions', { security: 'smtps', verifyCertificate: false }, 'LOGIN', 'ESMTPSA'],
      ['CRAM-MD5 in clear text', 'cram', {}, 'CRAM-MD5', 'ESMTPA'],
    ] as const)('%s', async (_name, service, overrides, mechanism, protocol) => {
      const done = await trials.smtpTest(at(service, { ...overrides, ...login() }));
      expect(done.status).toBe('passed');
      expect(stagesOf(done)).toContain('auth passed');
      expect(done.addresses[0]!.transcript).toContain(`AUTH ${mechanism}`);
      expect(JSON.stringify(done)).not.toContain(Buffer.from(ACCOUNT.password).toString('base64'));
      const email = await trials.deliver(at(service, { ...overrides, ...login() }));
      expect(email.status).toBe('sent');
      const [received] = (await inMailbox(postfix, ALICE, email.serverQueueId)).split('\nTo:');
      expect(received).toContain(`with ${protocol} id ${email.serverQueueId}`);
      expect(received).toContain(`(Authenticated sender: ${ACCOUNT.user}@real.test)`);
    });

    test.each([
      ['a wrong password by PLAIN', 'submission', { ...overTls, ...login('wrong password') }, 'auth', 'AUTH_REJECTED', /^535 5\.7\.8 .*authentication fail/],
      ['a wrong password by LOGIN', 'submissions', { security: 'smtps', verifyCertificate: false, ...login('wrong password') }, 'auth', 'AUTH_REJECTED', /^535 5\.7\.8/],
      ['a wrong password by CRAM-MD5', 'cram', login('wrong password'), 'auth', 'AUTH_REJECTED', /^535 5\.7\.8/],
      ['no AUTH offered', 'plain', login(), 'auth', 'AUTH_NOT_OFFERED', null],
      ['no AUTH offered over TLS', 'tls', { ...overTls, ...login() }, 'auth', 'AUTH_NOT_OFFERED', null],
      ['AUTH offered over TLS only', 'submission', login(), 'auth', 'AUTH_NOT_OFFERED', null],
      ['no log-in where it wants one', 'submission', overTls, 'rcptTo', 'CLIENT_REJECTED', /^554 5\.7\.1/],
    ] as const)('%s', async (_name, service, overrides, stage, code, reply) => {
      const said = reply === null ? null : expect.stringMatching(reply);
      const done = await trials.smtpTest(at(service, overrides));
      expect(failedStage(done)).toMatchObject({ name: stage, code, reply: said, hint: expect.stringMatching(/./) });
      expect(JSON.stringify(done)).not.toMatch(/wrong password|d3JvbmcgcGFzc3dvcmQ/);
      const email = await trials.deliver(at(service, overrides));
      expect(email).toMatchObject({ status: 'deferred', reason: { code } });
      expect(lastAttempt(email)).toMatchObject({ stage, code, reply: said });
    });
  });
}
