import { afterEach, describe, expect, test } from '@jest/globals';
import type { Credentials } from '../../src/smtp/endpoint.js';
import { SmtpFailure } from '../../src/smtp/failure.js';
import { openSession } from '../../src/smtp/session.js';
import { Transcript } from '../../src/smtp/transcript.js';
import { createPki } from '../setup/pki.js';
import { honestUntil, startScriptedServer, startSmtpSink, type SinkOptions } from '../setup/smtp-servers.js';
import { buildEndpoint, rejectionOf } from './endpoint.js';

const PASSWORD = 's3cret pässword';
const TOKEN = 'token.with.many-letters';
const password: Credentials = { type: 'password', accountName: 'mailer@example.test', password: PASSWORD };
const token: Credentials = { type: 'oauth2', accountName: 'mailer@example.test', accessToken: TOKEN };
const AUTH: NonNullable<SinkOptions['auth']> = { user: 'mailer@example.test', password: PASSWORD, accessToken: TOKEN, required: true };

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** Logs in, sends one mail and gives the transcript with what the server got. */
async function sendAs(credentials: Credentials, sinkOptions: SinkOptions, overTls = false) {
  const pki = await createPki();
  const server = await startSmtpSink({ ...sinkOptions, ...(overTls && { tls: tlsOf(await pki.issue({ dnsNames: ['mx.example.test'] })) }) });
  cleanUps.push(() => server.close());
  const transcript = new Transcript();
  const endpoint = buildEndpoint(server, { credentials, ...(overTls && { security: 'startTls', trustedCertificates: [pki.root] }) });
  const outcome = await openSession(endpoint, { transcript }).then(async (session) => {
    await session.send({ from: 'a@example.test', to: 'b@example.test', message: Buffer.from('\r\nx\r\n') });
    await session.quit();
    return session;
  }, (error: unknown) => error as SmtpFailure);
  return { outcome, mails: server.mails, transcript: transcript.toString() };
}

const tlsOf = ({ key, chain }: { key: string; chain: string }): { key: string; cert: string } => ({ key, cert: chain });

function expectNoSecret(text: string): void {
  for (const secret of [PASSWORD, TOKEN]) {
    expect(text).not.toContain(secret);
    expect(text).not.toContain(Buffer.from(secret).toString('base64').replace(/=+$/, ''));
  }
}

describe('each mechanism logs in and leaves no secret in the transcript', () => {
  test.each<[string, Credentials, ('PLAIN' | 'LOGIN' | 'CRAM-MD5' | 'XOAUTH2')[], boolean]>([
    ['PLAIN', password, ['LOGIN', 'PLAIN'], false],
    ['LOGIN', password, ['LOGIN'], false],
    ['CRAM-MD5', password, ['PLAIN', 'CRAM-MD5'], false],
    ['PLAIN', password, ['CRAM-MD5', 'PLAIN'], true],
    ['CRAM-MD5', password, ['CRAM-MD5'], true],
    ['XOAUTH2', token, ['PLAIN', 'XOAUTH2'], true],
  ])('%s', async (mechanism, credentials, methods, overTls) => {
    const { outcome, mails, transcript } = await sendAs(credentials, { auth: { ...AUTH, methods } }, overTls);
    expect(outcome.stages.find(({ name }) => name === 'auth')).toMatchObject({ status: 'passed', reply: expect.stringMatching(/^235 /) });
    expect(mails).toMatchObject([{ user: 'mailer@example.test', tls: overTls }]);
    expect(transcript).toMatch(new RegExp(`C: AUTH ${mechanism}( \\[redacted\\])?$`, 'm'));
    expectNoSecret(transcript);
  });
});

describe('refusals', () => {
  test.each<[string, Credentials, ('PLAIN' | 'LOGIN' | 'CRAM-MD5' | 'XOAUTH2')[]]>([
    ['PLAIN', { ...password, password: 'wrong-password' }, ['PLAIN']],
    ['LOGIN', { ...password, password: 'wrong-password' }, ['LOGIN']],
    ['CRAM-MD5', { ...password, password: 'wrong-password' }, ['CRAM-MD5']],
    ['XOAUTH2', { ...token, accessToken: 'wrong-token' }, ['XOAUTH2']],
  ])('%s', async (_name, credentials, methods) => {
    const { outcome, mails, transcript } = await sendAs(credentials, { auth: { ...AUTH, methods } });
    expect(outcome).toMatchObject({ code: 'AUTH_REJECTED', stage: 'auth', replyCode: 535, messageHandedOver: false });
    expect(outcome.stages.at(-1)).toMatchObject({ name: 'auth', status: 'failed', code: 'AUTH_REJECTED' });
    expect(mails).toEqual([]);
    expect(transcript).not.toMatch(/wrong-|d3Jvbm/);
  });

  test('XOAUTH2 tells the reason in the challenge', async () => {
    const { outcome } = await sendAs({ ...token, accessToken: 'wrong-token' }, { auth: { ...AUTH, methods: ['XOAUTH2'] } });
    expect((outcome as SmtpFailure).message).toContain('"status":"401"');
  });

  test.each<[string, Credentials, SinkOptions, RegExp]>([
    ['no AUTH at all', password, {}, /offers no authentication without TLS/],
    ['no mechanism for a token', token, { auth: { ...AUTH, methods: ['PLAIN'] } }, /offers only PLAIN .* not XOAUTH2/],
  ])('%s: credentials are never left out in silence', async (_name, credentials, options, message) => {
    const { outcome, mails } = await sendAs(credentials, options);
    expect(outcome).toBeInstanceOf(SmtpFailure);
    expect(outcome).toMatchObject({ code: 'AUTH_NOT_OFFERED', stage: 'auth', message: expect.stringMatching(message) });
    expect(mails).toEqual([]);
  });
});

describe('a server that echoes the password', () => {
  const encoded = Buffer.from(PASSWORD).toString('base64');

  test.each([
    ['in its reply', `535 5.7.8 Wrong: ${PASSWORD} or ${encoded}`, '535 5.7.8 Wrong: [redacted] or [redacted]'],
    ['in what is no reply', `Wrong: ${PASSWORD}`, null],
  ])('%s does not bring it into reply, message or transcript', async (_name, says, reply) => {
    const server = await startScriptedServer(async (peer) => { if (await honestUntil(peer, 'AUTH', ['AUTH PLAIN'])) peer.say(says); });
    cleanUps.push(() => server.close());
    const transcript = new Transcript();
    const failure = await rejectionOf(openSession(buildEndpoint(server, { credentials: password }), { transcript }), SmtpFailure);
    expect(failure).toMatchObject({ reply, stage: 'auth', message: expect.stringContaining('[redacted]') });
    expectNoSecret([failure.message, failure.hint, JSON.stringify(failure.stages), transcript.toString()].join('\n'));
  });
});
