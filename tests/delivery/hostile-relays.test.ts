import { createServer, type AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';
import { authority, extension, issue, type Issued, pkcs8 } from '../pki/issue.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { ehloReply, honest, honestUntil, lies, type Peer, type Script, startScriptedServer, startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';

/** So that what is sent within a test was released by the correction, and not by a retry. */
const HOUR = '3600000';
const MIB = 1_048_576;
/** How much more memory this process, which plays the relays too, may ever have than before. */
const MOST_GROWTH_MIB = 384;
const QUICK_MS = 5_000;
/** All that tells a terminal, or a page, to do something. */
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;

let mailroom: TestMailroom;
let memoryBefore: number;
const closers: (() => unknown)[] = [];

beforeAll(async () => {
  mailroom = await startMailroom({ env: { MAILROOM_RETRY_BASE_MS: HOUR } });
  await mailroom.sdk.createSubscription({ body: { emailAddress: 'alice@example.com', eventTypes: ['DiskUsageWarning'] } });
  memoryBefore = process.memoryUsage().rss;
});
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
  expect((process.memoryUsage().rss - memoryBefore) / MIB).toBeLessThan(MOST_GROWTH_MIB);
});
afterAll(() => mailroom.close());

type Settings = Record<string, unknown>;
const settingsOf = (port: number, overrides: Settings = {}): Settings => ({ serverAddress: '127.0.0.1', port, security: 'none', senderAddress: 'mailroom@example.com', ...overrides });

async function relay(script: Script, tls?: { key: string; cert: string }): Promise<number> {
  const server = await startScriptedServer(script, tls && { tls });
  closers.push(() => server.close());
  return server.port;
}

interface Attempt { outcome: string; code: string | null; message: string | null; hint: string | null; reply: string | null }
interface Email { id: string; status: string; attempts: Attempt[] }
const publish = async (): Promise<string> => (await mailroom.sdk.publishEvent({ body: { type: 'DiskUsageWarning' } })).id;

async function emailOf(eventId: string, isReached: (status: string) => boolean): Promise<Email> {
  const page = await waitFor(() => mailroom.sdk.listEmails({ query: { eventId } }), ({ items }) => isReached(items[0]?.status as string));
  return (await mailroom.sdk.getEmail({ path: { id: page.items[0]!.id } }));
}
const attempted = (eventId: string): Promise<Email> => emailOf(eventId, (status) => status !== undefined && !['queued', 'sending'].includes(status));

interface Told { status: string; addresses: { message: string; transcript: string; tls: { chain: object[]; faults: object[] } | null; stages: { name: string; status: string; code: string | null; message: string | null; hint: string | null }[] }[] }
const smtpTest = async (settings: Settings, timeoutSeconds = 5): Promise<Told> =>
  (await mailroom.sdk.startSmtpTest({ body: { sendTo: 'admin@example.com', timeoutSeconds, settings }, headers: { Prefer: 'wait=30' } })) as Told;
const faultOf = ({ addresses }: Told) => addresses[0]!.stages.find(({ status }) => status === 'failed');

/** The test and a mail both tell this fault, quickly; mail goes out as soon as the settings name an honest relay. */
async function expectFault(settings: Settings, stage: string | RegExp, code: string): Promise<Attempt> {
  const begun = Date.now();
  expect(faultOf(await smtpTest(settings))).toMatchObject({ name: expect.stringMatching(stage), code, message: expect.stringContaining('127.0.0.1'), hint: expect.stringMatching(/.{20}/) });
  await mailroom.sdk.putSmtpSettings({ body: settings });
  const event = await publish();
  const { status, attempts: [attempt] } = await attempted(event);
  expect(Date.now() - begun).toBeLessThan(2 * QUICK_MS);
  expect(attempt).toMatchObject({ code, message: expect.stringContaining('127.0.0.1'), hint: expect.stringMatching(/.{20}/) });
  await expectNothingHeldUp(status === 'failed' ? [] : [event]);
  return attempt!;
}

async function expectNothingHeldUp(waiting: string[]): Promise<void> {
  const sink = await startSmtpSink();
  closers.push(() => sink.close());
  await mailroom.sdk.putSmtpSettings({ body: settingsOf(sink.port) });
  for (const event of [await publish(), ...waiting]) await emailOf(event, (status) => status === 'sent');
}

/** Sends the text for as long as the other side takes it, no faster. */
async function flood(peer: Peer, text: string): Promise<void> {
  const timer = setInterval(() => peer.raw(text), 1);
  await peer.closed;
  clearInterval(timer);
}

describe('replies without end', () => {
  const longLine = 'x'.repeat(8 * MIB);
  test.each<[string, Script, string | RegExp, string]>([
    ['lines of a reply for ever', lies.endlessReply, 'ehlo', 'PROTOCOL_ERROR'],
    ['a greeting of lines for ever, as fast as they are read', (peer) => flood(peer, '220-again\r\n'.repeat(1_000)), 'greeting', 'PROTOCOL_ERROR'],
    ['whole replies for ever, without being asked', async (peer) => { peer.say('220 mx'); await flood(peer, '250 2.0.0 OK\r\n'.repeat(1_000)); }, /^(ehlo|mailFrom)$/, 'CONNECTION_LOST'],
    ['a greeting of 8 MiB without an end of its line', (peer) => peer.raw(`220 ${longLine}`), 'greeting', 'PROTOCOL_ERROR'],
    ['a reply to MAIL of 8 MiB without an end of its line', async (peer) => { if (await honestUntil(peer, 'MAIL')) peer.raw(`250 ${longLine}`); }, 'mailFrom', 'PROTOCOL_ERROR'],
    ['a refusal of the recipient of 8 MiB in lines', async (peer) => { if (await honestUntil(peer, 'RCPT')) peer.raw(`550-${'x'.repeat(70)}\r\n`.repeat(110_000)); }, 'rcptTo', 'PROTOCOL_ERROR'],
    ['10,000 extensions', async (peer) => { if (await honestUntil(peer, 'EHLO')) peer.say(...ehloReply(Array.from({ length: 10_000 }, (_, index) => `X-${index} a b c`))); }, 'ehlo', 'PROTOCOL_ERROR'],
  ])('%s', async (_name, script, stage, code) => {
    await expectFault(settingsOf(await relay(script)), stage, code);
  });

  test('8 MiB as the reply to the message: nobody knows whether the relay has it', async () => {
    await mailroom.sdk.putSmtpSettings({ body: settingsOf(await relay(async (peer) => { if (await honestUntil(peer, 'message')) peer.raw(`250 ${longLine}`); })) });
    const event = await publish();
    expect(await attempted(event)).toMatchObject({ status: 'unconfirmed', attempts: [{ outcome: 'unconfirmed', code: 'PROTOCOL_ERROR' }] });
    await expectNothingHeldUp([event]);
  });

  test('as many and as long extensions as a reply may have', async () => {
    const extensions = ['8BITMIME', ...Array.from({ length: 100 }, (_, index) => `X-${index} ${'x'.repeat(500)}`)];
    const told = await smtpTest(settingsOf(await relay((peer) => honestUntil(peer, 'never', extensions).then(() => undefined))));
    expect(told.status).toBe('passed');
  });

  test('data for ever after QUIT: the mail is sent, and the connection is closed', async () => {
    let closed = 0;
    const port = await relay(async (peer) => {
      if (!await honestUntil(peer, 'message')) return;
      peer.say('250 2.0.0 OK: queued as FLOOD1');
      await peer.line(); // QUIT
      await flood(peer, '250-more\r\n'.repeat(1_000));
      closed += 1;
    });
    const told = await smtpTest(settingsOf(port));
    expect(told).toMatchObject({ status: 'passed', addresses: [{ stages: expect.arrayContaining([expect.objectContaining({ name: 'quit', status: 'warned' })]) }] });
    await waitFor(() => closed, (count) => count === 1);
    await mailroom.sdk.putSmtpSettings({ body: settingsOf(port) });
    await emailOf(await publish(), (status) => status === 'sent');
    await waitFor(() => closed, (count) => count === 2); // when it was idle for a while
  });
});

describe('replies that are no text', () => {
  const ESCAPES = '\u001b]0;owned\u0007\u001b[2J\u001b[31m\u009b1m\0\u0008\u007f\u202e\u2028';
  const refuses = (command: 'RCPT' | 'message', bytes: string | Buffer): Script => async (peer) => {
    if (!await honestUntil(peer, command)) return;
    peer.raw(bytes);
    await honest(peer, 'never');
  };

  test.each<[string, Script, string, string, RegExp]>([
    ['control characters in the greeting', (peer) => { peer.raw(`554 5.7.1 ${ESCAPES}Go away\r\n`); peer.end(); }, 'greeting', 'GREETING_REJECTED', /^554 5\.7\.1 .*Go away$/],
    ['control characters in the refusal of a recipient', refuses('RCPT', `550-5.1.1 No\0such${ESCAPES}\r\n550 5.1.1 user\r\n`), 'rcptTo', 'RECIPIENT_REJECTED', /^550 5\.1\.1 No such.*user$/],
    ['bytes that are no UTF-8', refuses('RCPT', Buffer.from('550 5.1.1 Unbekannt: M\u00fcller \u00ff\u00fe\u00c0\u0080\r\n', 'latin1')), 'rcptTo', 'RECIPIENT_REJECTED', /^550 5\.1\.1 Unbekannt: M\uFFFDller /],
    ['characters that are cut', refuses('RCPT', Buffer.concat([Buffer.from('550 5.1.1 \u20ac').subarray(0, -1), Buffer.from('\r\n')])), 'rcptTo', 'RECIPIENT_REJECTED', /^550 5\.1\.1 \uFFFD$/],
  ])('%s', async (_name, script, stage, code, reply) => {
    const { reply: kept } = await expectFault(settingsOf(await relay(script)), stage, code);
    expect(kept).toMatch(reply);
  });

  test('garbage instead of a reply is told in a sentence', async () => {
    const { message } = await expectFault(settingsOf(await relay((peer) => peer.raw(`${ESCAPES}${'\u00ff'.repeat(10_000)}\r\n`))), 'greeting', 'PROTOCOL_ERROR');
    expect(message!.length).toBeLessThan(500);
  });

  test('a mail that is taken with such words is sent, with its queue id', async () => {
    await mailroom.sdk.putSmtpSettings({ body: settingsOf(await relay(refuses('message', `250 2.0.0 OK: queued as AB12CD ${ESCAPES}\r\n`))) });
    expect((await emailOf(await publish(), (status) => status === 'sent')).attempts[0]).toMatchObject({ outcome: 'sent', reply: expect.stringContaining('AB12CD') });
  });
});

describe('TLS', () => {
  const ADDRESS = new pkijs.GeneralName({ type: 7, value: new asn1js.OctetString({ valueHex: Uint8Array.of(127, 0, 0, 1).buffer }) });
  const names = (all: pkijs.GeneralName[]): pkijs.Extension => extension('2.5.29.17', new pkijs.GeneralNames({ names: all }).toSchema());
  let root: Issued;
  beforeAll(async () => {
    root = await authority('Hostile Root');
    await mailroom.sdk.addTrustedCertificates({ body: { certificate: root.pem } });
  });
  /** The fault of a relay that shows these certificates. */
  async function shows(leaf: Issued, chain: Issued[] = []): Promise<Settings> {
    const tls = { key: pkcs8(leaf.privateKey), cert: [leaf, ...chain].map(({ pem }) => pem).join('') };
    return settingsOf(await relay(async (peer) => void (await honestUntil(peer, 'never')), tls), { security: 'smtps' });
  }
  const padding = (bytes: number): pkijs.Extension => extension('2.16.840.1.113730.1.13', new asn1js.OctetString({ valueHex: new Uint8Array(bytes).buffer }));
  /** A relay with its certificate below so many authorities, each of so many bytes more than usual. */
  async function showsChain(length: number, extensions: pkijs.Extension[] = []): Promise<Settings> {
    const chain: Issued[] = [];
    for (let depth = 0; depth < length; depth += 1) chain.unshift(await authority(`CA ${depth}`, chain[0] ?? root, { extensions }));
    return shows(await issue({ subject: 'mx', issuer: chain[0]!, extensions: [names([ADDRESS])] }), chain);
  }

  test('a chain of 100 certificates is verified, and its first ones are told', async () => {
    const told = await smtpTest(await showsChain(100));
    expect(told).toMatchObject({ status: 'passed', addresses: [{ tls: { trusted: true } }] });
    expect(told.addresses[0]!.tls!.chain).toHaveLength(10);
  });

  test('a chain of more bytes than OpenSSL takes', async () => {
    await expectFault(await showsChain(40, [padding(4_096)]), 'tls', 'TLS_FAILED');
  });

  test('a certificate of 1 MiB', async () => {
    await expectFault(await shows(await issue({ subject: 'mx', issuer: root, extensions: [names([ADDRESS]), padding(MIB)] })), 'tls', 'TLS_FAILED');
  });

  test('a certificate with 3,000 names, none of them right: some are told', async () => {
    const wrong = Array.from({ length: 3_000 }, (_, index) => new pkijs.GeneralName({ type: 2, value: `mx${index}.example.test` }));
    const { message } = await expectFault(await shows(await issue({ subject: 'mx', issuer: root, extensions: [names(wrong)] })), 'tls', 'CERTIFICATE_NAME_MISMATCH');
    expect(message!.length).toBeLessThan(5_000);
  });

  test('names with control characters are shown without them', async () => {
    const { message } = await expectFault(await shows(await issue({ subject: 'mx\u001b[2J\0\u202e', issuer: root, extensions: [names([new pkijs.GeneralName({ type: 2, value: 'a\u001b[31m' })])] })), 'tls', 'CERTIFICATE_NAME_MISMATCH');
    expect(message).not.toMatch(CONTROL);
  });

  test.each<[string, Settings, string, Script]>([
    ['does not begin', { security: 'startTls' }, 'startTls', async (peer) => {
      if (!await honestUntil(peer, 'STARTTLS', ['STARTTLS'])) return;
      peer.say('220 Go ahead');
      await peer.closed;
    }],
    ['trickles', { security: 'smtps' }, 'tls', async (peer) => {
      peer.raw(Buffer.of(0x16, 3, 3, 0x40, 0)); // the head of a record of 16 KiB
      const timer = setInterval(() => peer.raw(Buffer.of(0)), 20);
      await peer.closed;
      clearInterval(timer);
    }],
  ])('a handshake that %s ends in time', async (_name, security, stage, script) => {
    expect(faultOf(await smtpTest(settingsOf(await relay(script), security), 1))).toMatchObject({ name: stage, code: 'TLS_TIMEOUT' });
    await expectNothingHeldUp([]);
  });

  test('a server that wants a new handshake again and again, and says nothing else', async () => {
    const leaf = await issue({ subject: 'mx', issuer: root, extensions: [names([ADDRESS])] });
    let handshakes = 0;
    const secure = createTlsServer({ key: pkcs8(leaf.privateKey), cert: leaf.pem, maxVersion: 'TLSv1.2' }, (socket) => {
      const again = (): void => {
        handshakes += 1;
        if (!socket.destroyed) socket.renegotiate({}, (error) => { if (!error) setImmediate(again); });
      };
      socket.on('error', () => undefined).resume();
      again();
    });
    const server = createServer((socket) => void secure.emit('connection', socket)).listen(0, '127.0.0.1');
    closers.push(() => new Promise((resolve) => { server.close(resolve); }));
    await waitFor(() => server.listening, Boolean);
    expect(faultOf(await smtpTest(settingsOf((server.address() as AddressInfo).port, { security: 'smtps' }), 1))).toMatchObject({ name: 'greeting' });
    expect(handshakes).toBeGreaterThan(0);
    await expectNothingHeldUp([]);
  });
});

test('nothing of all that is kept which would tell a terminal what to do, and no dialogue is longer than 64 KiB', async () => {
  const { prisma } = mailroom.container.database;
  const [logs, attempts, tests] = await Promise.all([prisma.smtpSessionLog.findMany(), prisma.emailAttempt.findMany(), mailroom.as().get('/v1/smtp-tests?limit=200').expect(200)]);
  expect(logs.length).toBeGreaterThan(20);
  const texts = [...logs.flatMap(({ line, transcript }) => [line, transcript ?? '']), ...attempts.flatMap(({ reply, message, hint }) => [reply ?? '', message ?? '', hint ?? '']),
    ...(tests.body.items as Told[]).flatMap(({ addresses }) => addresses.flatMap(({ message, transcript }) => [message, transcript]))];
  expect(texts.filter((text) => CONTROL.test(text) || !text.isWellFormed())).toEqual([]);
  expect(Math.max(...texts.map((text) => Buffer.byteLength(text)))).toBeLessThanOrEqual(64 * 1_024);
});
