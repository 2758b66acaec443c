import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import type { TlsOptions, TLSSocket } from 'node:tls';
import { certificateFaults } from '../../src/smtp/certificate-faults.js';

import { SmtpFailure } from '../../src/smtp/failure.js';
import { openSession } from '../../src/smtp/session.js';
import { tlsFault } from '../../src/smtp/tls-faults.js';
import { createPki, expired, notYetValid, type Identity, type IdentityOptions, type TestPki } from '../setup/pki.js';
import { honest, honestUntil, startScriptedServer, startSmtpSink, type SinkOptions } from '../setup/smtp-servers.js';
import { buildEndpoint, type EndpointOverrides, rejectionOf } from './endpoint.js';

let pki: TestPki;
let other: TestPki;
let good: Identity;
beforeAll(async () => {
  [pki, other] = await Promise.all([createPki(), createPki('Unknown')]);
  good = await pki.issue({ dnsNames: ['mx.example.test', '*.mail.example.test'], ipAddresses: ['127.0.0.1', '::1'] });
});

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const MODES = [['startTls'], ['smtps']] as const;
type Mode = (typeof MODES)[number][0];
const stageOf = (mode: Mode): 'startTls' | 'tls' => (mode === 'smtps' ? 'tls' : 'startTls');

async function sink(mode: Mode, { key, chain }: Identity, tls: SinkOptions['tls'] = {}, more: SinkOptions = {}) {
  const server = await startSmtpSink({ secure: mode === 'smtps', tls: { key, cert: chain, ...tls }, ...more });
  cleanUps.push(() => server.close());
  return server;
}

/** An OpenSSL server that is strict in the handshake itself, as mail servers are. */
async function strictServer(mode: Mode, tls: TlsOptions) {
  const server = await startScriptedServer(async (peer) => {
    if (mode === 'startTls') {
      if (!await honestUntil(peer, 'STARTTLS', ['STARTTLS'])) return;
      peer.say('220 Go ahead');
      await peer.upgrade(tls);
    } else peer.say('220 mx.example.test ESMTP');
    await honest(peer, 'never');
  }, mode === 'smtps' ? { tls } : {});
  cleanUps.push(() => server.close());
  return server;
}

async function open(server: { port: number; host: string }, security: Mode, overrides: EndpointOverrides = {}) {
  const session = await openSession(buildEndpoint(server, { security, trustedCertificates: [pki.root], ...overrides }));
  cleanUps.push(() => session.destroy());
  return session;
}

const failureOf = (server: { port: number; host: string }, security: Mode, overrides: EndpointOverrides = {}) => rejectionOf(open(server, security, overrides), SmtpFailure);

describe.each(MODES)('%s', (mode) => {
  test('a good certificate: the mail goes over TLS, and the facts are told', async () => {
    const server = await sink(mode, good);
    const session = await open(server, mode);
    await session.send({ from: 'a@example.test', to: 'b@example.test', message: Buffer.from('\r\nx\r\n') });
    expect(server.mails[0]!.tls).toBe(true);
    expect(session.tls).toMatchObject({ protocol: 'TLSv1.3', cipher: expect.stringMatching(/^TLS_/), trusted: true, faults: [] });
    expect(session.tls!.chain.map(({ subject }) => subject)).toEqual(['CN=mx.example.test', 'CN=Mailroom Test Issuing CA', 'CN=Mailroom Test Root']);
    expect(session.tls!.chain[0]).toMatchObject({
      issuer: 'CN=Mailroom Test Issuing CA', selfSigned: false, fingerprint: expect.stringMatching(/^([0-9A-F]{2}:){31}/),
      subjectAltNames: ['DNS:mx.example.test', 'DNS:*.mail.example.test', 'IP Address:127.0.0.1', 'IP Address:0:0:0:0:0:0:0:1'],
    });
    expect(session.stages.map(({ name }) => name)).toEqual(mode === 'smtps' ? ['connect', 'tls', 'greeting', 'ehlo', 'auth'] : ['connect', 'greeting', 'ehlo', 'startTls', 'auth']);
    await session.quit();
  });

  test.each([['a.mail.example.test'], ['MX.EXAMPLE.TEST'], ['mx.example.test.'], ['127.0.0.1'], ['[::1]']])('the certificate is for %s', async (host) => {
    await expect(open(await sink(mode, good), mode, { host })).resolves.toHaveProperty('tls.trusted', true);
  });

  test.each<[string, IdentityOptions, EndpointOverrides, string, RegExp]>([
    ['expired', { dnsNames: ['mx.example.test'], ...expired() }, {}, 'CERTIFICATE_EXPIRED', /CN=mx\.example\.test expired on \d{4}-/],
    ['not yet valid', { dnsNames: ['mx.example.test'], ...notYetValid() }, {}, 'CERTIFICATE_NOT_YET_VALID', /valid only from \d{4}-/],
    ['for another name', { dnsNames: ['other.example.test'] }, {}, 'CERTIFICATE_NAME_MISMATCH', /not for mx\.example\.test\. It has: DNS:other\.example\.test/],
    ['not for the IP address', { dnsNames: ['mx.example.test'], ipAddresses: ['192.0.2.1'] }, { host: '127.0.0.1' }, 'CERTIFICATE_NAME_MISMATCH', /IP Address:192\.0\.2\.1/],
    ['self-signed', { dnsNames: ['mx.example.test'], selfSigned: true }, {}, 'CERTIFICATE_SELF_SIGNED', /self-signed/],
    ['expired and for another name', { dnsNames: ['other.example.test'], ...expired() }, {}, 'CERTIFICATE_EXPIRED', /Also: .*not for mx\.example\.test/],
  ])('a certificate that is %s', async (_name, options, overrides, code, message) => {
    const server = await sink(mode, await pki.issue(options));
    const failure = await failureOf(server, mode, overrides);
    expect(failure).toMatchObject({ code, stage: stageOf(mode), message: expect.stringMatching(message), hint: expect.stringMatching(/.{20}/) });
    expect(failure.stages.at(-1)).toMatchObject({ name: stageOf(mode), status: 'failed', code });
    expect(failure.tls).toMatchObject({ trusted: false, chain: [{ subject: expect.stringMatching(/^CN=/) }, ...(options.selfSigned ? [] : [{}, {}])] });

    const session = await open(server, mode, { ...overrides, verifyCertificate: false });
    expect(session.stages.find(({ name }) => name === stageOf(mode))).toMatchObject({ status: 'warned', code });
    expect(session.tls).toMatchObject({ trusted: false, faults: [{ code }, ...(code === 'CERTIFICATE_EXPIRED' && options.dnsNames![0] !== 'mx.example.test' ? [{}] : [])] });
  });

  test('an unknown issuer is named', async () => {
    const server = await sink(mode, await other.issue({ dnsNames: ['mx.example.test'] }));
    expect(await failureOf(server, mode)).toMatchObject({ code: 'CERTIFICATE_UNKNOWN_ISSUER', message: expect.stringContaining('CN=Unknown Root') });
    await expect(open(server, mode, { trustedCertificates: [pki.root + other.root] })).resolves.toHaveProperty('usable', true);
    await expect(open(server, mode, { trustedCertificates: [other.intermediate] })).resolves.toHaveProperty('usable', true);
  });

  test('a missing intermediate is an unknown issuer', async () => {
    const server = await sink(mode, { ...good, chain: good.cert });
    expect(await failureOf(server, mode)).toMatchObject({ code: 'CERTIFICATE_UNKNOWN_ISSUER', message: expect.stringContaining('CN=Mailroom Test Issuing CA') });
  });

  test('a self-signed certificate that is trusted', async () => {
    const identity = await pki.issue({ dnsNames: ['mx.example.test'], selfSigned: true });
    await expect(open(await sink(mode, identity), mode, { trustedCertificates: [identity.cert] })).resolves.toHaveProperty('tls.trusted', true);
  });

  describe.each([['TLSv1.2'], ['TLSv1.3']] as const)('with %s', (version) => {
    const strict = (): TlsOptions => ({ key: good.key, cert: good.chain, ca: pki.root, requestCert: true, rejectUnauthorized: true, minVersion: version, maxVersion: version });

    test('a client certificate is presented', async () => {
      const client = await pki.issue({ commonName: 'mailroom', usage: 'client' });
      const session = await open(await strictServer(mode, strict()), mode, { clientCertificate: { key: client.key, cert: client.chain } });
      expect(session.tls!.protocol).toBe(version);
      await session.send({ from: 'a@example.test', to: 'b@example.test', message: Buffer.from('\r\nx\r\n') });
    });

    test('a missing client certificate', async () => {
      const failure = await failureOf(await strictServer(mode, strict()), mode);
      expect(failure).toMatchObject({ code: 'CLIENT_CERTIFICATE_REQUIRED', stage: stageOf(mode) });
      expect(failure.stages.filter(({ status }) => status === 'failed').map(({ name }) => name)).toEqual([stageOf(mode)]);
    });
  });

  test('a client certificate whose key is another', async () => {
    const client = await pki.issue({ commonName: 'mailroom', usage: 'client' });
    const failure = await failureOf(await sink(mode, good), mode, { clientCertificate: { key: good.key, cert: client.chain } });
    expect(failure).toMatchObject({ code: 'CLIENT_CERTIFICATE_INVALID', stage: stageOf(mode) });
  });

  test('a trusted certificate that is none', async () => {
    expect(await failureOf(await sink(mode, good), mode, { trustedCertificates: ['junk'] })).toMatchObject({ code: 'TRUSTED_CERTIFICATE_INVALID' });
  });

  test('a server with TLS 1.1 only', async () => {
    const server = await strictServer(mode, { key: good.key, cert: good.chain, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' });
    expect(await failureOf(server, mode)).toMatchObject({ code: 'TLS_VERSION', stage: stageOf(mode) });
  });

  test('no cipher suite in common is not taken for a missing client certificate', async () => {
    const server = await strictServer(mode, { key: good.key, cert: good.chain, maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' });
    expect(await failureOf(server, mode)).toMatchObject({ code: 'TLS_FAILED', stage: stageOf(mode) });
  });

  test('the host name goes out as SNI, an IP address does not', async () => {
    const asked: string[] = [];
    const server = await sink(mode, good, {}, { server: { SNICallback: (name, callback) => { asked.push(name); callback(null); } } });
    await open(server, mode, { host: 'mx.example.test' });
    await open(server, mode, { host: '127.0.0.1' });
    expect(asked).toEqual(['mx.example.test']);
  });
});

test('TLS on a plain port', async () => {
  const server = await startSmtpSink();
  cleanUps.push(() => server.close());
  expect(await failureOf(server, 'smtps')).toMatchObject({ code: 'TLS_ON_PLAIN_PORT', stage: 'tls', hint: expect.stringContaining('startTls') });
});

test('a server that closes in the handshake', async () => {
  const server = await startScriptedServer((peer) => peer.end());
  cleanUps.push(() => server.close());
  expect(await failureOf(server, 'smtps')).toMatchObject({ code: 'TLS_FAILED', stage: 'tls', hint: expect.stringContaining('client certificate') });
});

test('a server that never answers in the handshake', async () => {
  const server = await startScriptedServer((peer) => peer.closed);
  cleanUps.push(() => server.close());
  const failure = await failureOf(server, 'smtps', { timeouts: { connectMs: 5_000, greetingMs: 5_000, commandMs: 50, dataMs: 5_000 } });
  expect(failure).toMatchObject({ code: 'TLS_TIMEOUT', stage: 'tls', timedOut: true });
});

test('something that is not TLS behind the 220 to STARTTLS', async () => {
  const server = await startScriptedServer(async (peer) => {
    if (!await honestUntil(peer, 'STARTTLS', ['STARTTLS'])) return;
    peer.say('220 Go ahead');
    await peer.line();
    peer.say('500 What is this?');
  });
  cleanUps.push(() => server.close());
  expect(await failureOf(server, 'startTls', { timeouts: { connectMs: 5_000, greetingMs: 5_000, commandMs: 200, dataMs: 5_000 } }))
    .toMatchObject({ stage: 'startTls', code: expect.stringMatching(/^TLS_(FAILED|TIMEOUT)$/) });
});

describe('verdicts of OpenSSL that no test server can bring about', () => {
  test.each([
    ['CERT_REVOKED', 'CERTIFICATE_REVOKED'],
    ['UNSPECIFIED', 'CERTIFICATE_WEAK'],
    ['INVALID_PURPOSE', 'CERTIFICATE_REJECTED'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'CERTIFICATE_UNKNOWN_ISSUER'],
  ])('%s', (verdict, code) => {
    const leaf = new X509Certificate(good.cert);
    const socket = { authorizationError: verdict, getPeerCertificate: () => leaf.toLegacyObject() } as unknown as TLSSocket;
    expect(certificateFaults(socket, [leaf], 'mx.example.test')).toMatchObject([{ code }]);
  });

  test.each([
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', true, 'CLIENT_CERTIFICATE_REJECTED'],
    ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', true, 'CLIENT_CERTIFICATE_REJECTED'],
    ['ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', true, 'CLIENT_CERTIFICATE_REJECTED'],
    ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', false, 'CLIENT_CERTIFICATE_REQUIRED'],
    ['ERR_SSL_UNSUPPORTED_PROTOCOL', false, 'TLS_VERSION'],
    ['ERR_SSL_EE_KEY_TOO_SMALL', false, 'CERTIFICATE_WEAK'],
    ['ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR', false, 'TLS_FAILED'],
    ['ECONNRESET', false, undefined],
  ])('%s, client certificate presented: %p', (opensslCode, presented, code) => {
    const endpoint = buildEndpoint({ port: 25, host: '127.0.0.1' }, { security: 'startTls', ...(presented && { clientCertificate: { key: good.key, cert: good.cert } }) });
    expect(tlsFault(Object.assign(new Error(), { code: opensslCode }), endpoint, true)?.code).toBe(code);
  });
});

test('plain on a TLS port: silence, and the hint says so', async () => {
  const server = await sink('smtps', good);
  const failure = await failureOf(server, 'startTls', { timeouts: { connectMs: 5_000, greetingMs: 100, commandMs: 5_000, dataMs: 5_000 } });
  expect(failure).toMatchObject({ code: 'GREETING_TIMEOUT', stage: 'greeting', timedOut: true, hint: expect.stringContaining('smtps') });
});

test('plain on a TLS port that sends an alert', async () => {
  const server = await startScriptedServer((peer) => peer.raw(Buffer.from([0x15, 3, 1, 0, 2, 2, 0x28])));
  cleanUps.push(() => server.close());
  expect(await failureOf(server, 'startTls')).toMatchObject({ code: 'PLAIN_ON_TLS_PORT', hint: expect.stringContaining('smtps') });
});

test('STARTTLS that is not offered is required all the same, and no credentials leave', async () => {
  const server = await startScriptedServer((peer) => honestUntil(peer, 'message', ['AUTH PLAIN']).then(() => {}));
  cleanUps.push(() => server.close());
  const failure = await failureOf(server, 'startTls', { credentials: { type: 'password', accountName: 'a', password: 'secret' } });
  expect(failure).toMatchObject({ code: 'TLS_NOT_OFFERED', stage: 'startTls' });
  expect(server.lines).toEqual(['EHLO client.example.test']);
});

test('what was offered before TLS is forgotten after it', async () => {
  const server = await startScriptedServer(async (peer) => {
    if (!await honestUntil(peer, 'STARTTLS', ['STARTTLS', 'AUTH PLAIN', 'PIPELINING'])) return;
    peer.say('220 Go ahead');
    await peer.upgrade({ key: good.key, cert: good.chain });
    await honest(peer, 'never', ['8BITMIME']);
  });
  cleanUps.push(() => server.close());
  const session = await open(server, 'startTls');
  expect([...session.extensions.keys()]).toEqual(['8BITMIME']);
  expect(await failureOf(server, 'startTls', { credentials: { type: 'password', accountName: 'a', password: 'secret' } })).toMatchObject({ code: 'AUTH_NOT_OFFERED' });
});

test('what was offered before TLS is forgotten also when EHLO is refused after it', async () => {
  const server = await startScriptedServer(async (peer) => {
    if (!await honestUntil(peer, 'STARTTLS', ['STARTTLS', 'AUTH PLAIN'])) return;
    peer.say('220 Go ahead');
    await peer.upgrade({ key: good.key, cert: good.chain });
    await peer.line();
    peer.say('502 5.5.1 Not implemented');
    await honest(peer, 'never');
  });
  cleanUps.push(() => server.close());
  expect((await open(server, 'startTls')).extensions.size).toBe(0);
});

test('a certificate that does not pass keeps the password here', async () => {
  const server = await sink('smtps', await other.issue({ dnsNames: ['mx.example.test'] }), {}, { auth: { user: 'a', password: 'secret' } });
  const failure = await failureOf(server, 'smtps', { credentials: { type: 'password', accountName: 'a', password: 'secret' } });
  expect(failure.stages.map(({ name }) => name)).toEqual(['connect', 'tls']);
});
