import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { EmailAttempt } from '../../openapi/client/src/index.js';
import { Dns } from '../../src/dns/resolve.js';
import { AddressMemory } from '../../src/emails/address-memory.js';
import { RelayOpener } from '../../src/emails/relay-opener.js';
import { RelaySessions } from '../../src/emails/relay-sessions.js';
import { SmtpFailure } from '../../src/smtp/failure.js';
import { Transcript } from '../../src/smtp/transcript.js';
import type { Relay } from '../../src/smtp-settings/relay.js';
import { type DnsServer, startDnsServer, type Zone } from '../setup/dns-server.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { type SinkOptions, type SmtpSink, startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';

/** The whole of 127.0.0.0/8 is loopback, so that one machine has as many addresses as a test wants. On other systems only 127.0.0.1 is. */
const onLinux = process.platform === 'linux' ? describe : describe.skip;
/** Long enough for an honest server on a busy machine. */
const SILENT_MS = 1_500;

let dns: DnsServer;
const closers: (() => Promise<unknown>)[] = [];
beforeAll(async () => { dns = await startDnsServer(); });
afterAll(() => dns.close());
beforeEach(() => { dns.zone = {}; });
afterEach(async () => { await Promise.all(closers.splice(0).map((close) => close())); });

const sink = async (options: SinkOptions = {}): Promise<SmtpSink> => {
  const made = await startSmtpSink(options);
  closers.push(() => made.close());
  return made;
};

interface Stranger {
  connections: number;
}

/** Something that is no proper mail server, on the port of one: it says `greeting`, or nothing, and hangs up when asked to. */
async function stranger(host: string, port: number, { greeting = '', hangsUp = false } = {}): Promise<Stranger> {
  const sockets = new Set<Socket>();
  const state: Stranger = { connections: 0 };
  const server: Server = createServer((socket) => {
    state.connections += 1;
    sockets.add(socket);
    socket.on('error', () => {}).resume();
    if (greeting !== '') socket.write(`${greeting}\r\n`);
    if (hangsUp) socket.end();
  });
  server.listen(port, host);
  await once(server, 'listening');
  closers.push(() => {
    sockets.forEach((socket) => socket.destroy());
    return new Promise((resolve) => { server.close(resolve); });
  });
  return state;
}

onLinux('a session with one of several addresses', () => {
  let sessions: RelaySessions;
  const relayOf = (port: number, overrides: Partial<Relay> = {}): Relay => ({
    version: '1.0', serverAddress: 'mail.test', resolveMx: false, port, security: 'none', verifyCertificate: true, senderAddress: 'mailroom@example.com', senderName: null,
    clientHostname: 'client.test', maxConnections: 5, maxMessagesPerSecond: null, credentials: () => Promise.resolve({ type: 'none' }), refused: () => false,
    tls: () => Promise.resolve({ trustedCertificates: [], clientCertificate: null }), ...overrides,
  });
  const sessionsWith = (denied: string[] = []): RelaySessions => {
    const timeouts = { connectMs: SILENT_MS, greetingMs: SILENT_MS, commandMs: 5_000, dataMs: 5_000 };
    return new RelaySessions(new RelayOpener({ dns: new Dns(() => Promise.resolve([dns.address])), denies: (address) => denied.includes(address), timeouts }));
  };
  const failureOf = async (acquired: Promise<unknown>): Promise<SmtpFailure> => {
    const error = await acquired.then(() => null, (reason: unknown) => reason);
    expect(error).toBeInstanceOf(SmtpFailure);
    return error as SmtpFailure;
  };

  beforeEach(() => { sessions = sessionsWith(); });
  afterEach(() => sessions.close());

  test('the next address is tried when one refuses, and what happened at the first one is kept', async () => {
    const { port } = await sink();
    dns.zone = { 'mail.test': { A: ['127.0.0.2', '127.0.0.1'] } };
    const transcript = new Transcript();
    const session = await sessions.acquire(relayOf(port), transcript);
    expect(session.endpoint.address).toBe('127.0.0.1');
    expect(sessions.takeFailures(session)).toEqual([expect.objectContaining({ code: 'CONNECTION_REFUSED', address: '127.0.0.2', stage: 'connect' })]);
    expect(sessions.takeFailures(session)).toEqual([]);
    expect(transcript.toString()).toMatch(/Connecting to 127\.0\.0\.2[\s\S]*refused the connection[\s\S]*Connecting to 127\.0\.0\.1[\s\S]*220 /);
  });

  test('an address that does not answer costs its time-out once, and not every connection', async () => {
    const { port } = await sink();
    const silent = await stranger('127.0.0.2', port);
    dns.zone = { 'mail.test': { A: ['127.0.0.2', '127.0.0.1'] } };
    const relay = relayOf(port);
    const first = await sessions.acquire(relay);
    expect(sessions.takeFailures(first)).toEqual([expect.objectContaining({ code: 'GREETING_TIMEOUT', address: '127.0.0.2' })]);
    const others = await Promise.all([1, 2, 3].map(() => sessions.acquire(relay)));
    expect([first, ...others].map(({ endpoint }) => endpoint.address)).toEqual(Array(4).fill('127.0.0.1'));
    expect(others.flatMap((session) => sessions.takeFailures(session))).toEqual([]);
    expect(silent.connections).toBe(1);
  });

  test('an address that is remembered as dead is still tried when no other one answers', async () => {
    const server = await sink();
    dns.zone = { 'mail.test': { A: ['127.0.0.2', '127.0.0.1'] } };
    await sessions.acquire(relayOf(server.port));
    const back = await stranger('127.0.0.2', server.port, { greeting: '554 5.7.1 Go away', hangsUp: true });
    dns.zone = { 'mail.test': { A: ['127.0.0.2', '127.0.0.3'] } };
    expect(await failureOf(sessions.acquire(relayOf(server.port)))).toMatchObject({ address: '127.0.0.2', replyCode: 554 });
    expect(back.connections).toBe(1);
  });

  test('a refusal is an answer: the next address is tried, and the first one is not avoided afterwards', async () => {
    const { port } = await sink();
    const busy = await stranger('127.0.0.2', port, { greeting: '421 4.3.2 Too many connections', hangsUp: true });
    dns.zone = { 'mail.test': { A: ['127.0.0.2', '127.0.0.1'] } };
    for (const count of [1, 2]) {
      const session = await sessions.acquire(relayOf(port));
      expect(session.endpoint.address).toBe('127.0.0.1');
      expect(busy.connections).toBe(count);
    }
  });

  test('when all fail, the failure that came furthest is told, and the others with it', async () => {
    const { port } = await sink({ host: '127.0.0.9' });
    await stranger('127.0.0.3', port, { greeting: '554 5.7.1 Your address is on our block list', hangsUp: true });
    dns.zone = { 'mail.test': { A: ['127.0.0.2', '127.0.0.3', '127.0.0.4'] } };
    const failure = await failureOf(sessions.acquire(relayOf(port)));
    expect(failure).toMatchObject({ stage: 'greeting', address: '127.0.0.3', replyCode: 554 });
    expect(failure.message).toMatch(/No other address helped: .*127\.0\.0\.2.* refused the connection\. .*127\.0\.0\.4.* refused the connection\.$/);
    expect(failure.stages.at(-1)).toMatchObject({ name: 'greeting', status: 'failed' });
  });

  test('a wrong password is not tried at every address, which would lock the account', async () => {
    const auth = { user: 'mailroom', password: 'right', required: true };
    const first = await sink({ host: '127.0.0.2', auth });
    const next = await stranger('127.0.0.3', first.port);
    dns.zone = { 'mail.test': { A: ['127.0.0.2', '127.0.0.3'] } };
    const credentials = (): ReturnType<Relay['credentials']> => Promise.resolve({ type: 'password', accountName: 'mailroom', password: 'wrong' });
    expect(await failureOf(sessions.acquire(relayOf(first.port, { credentials })))).toMatchObject({ stage: 'auth', replyCode: 535 });
    expect(next.connections).toBe(0);
  });

  test('MX: the hosts are tried by preference, and a domain without MX records is its own host', async () => {
    const server = await sink();
    dns.zone = {
      'example.test': { MX: [[20, 'second.test'], [10, 'first.test'], [5, 'gone.test']], A: ['127.0.0.9'] },
      'first.test': { A: ['127.0.0.2'] }, 'second.test': { A: ['127.0.0.1'] },
      'plain.test': { A: ['127.0.0.1'] },
    };
    const session = await sessions.acquire(relayOf(server.port, { serverAddress: 'example.test', resolveMx: true }));
    expect(session.endpoint).toMatchObject({ address: '127.0.0.1', host: 'example.test' });
    expect(sessions.takeFailures(session).map(({ address }) => address)).toEqual(['127.0.0.2']);
    const plain = await sessions.acquire(relayOf(server.port, { serverAddress: 'plain.test', resolveMx: true }));
    expect(plain.endpoint).toMatchObject({ address: '127.0.0.1', host: 'plain.test' });
  });

  test('a denied address is never connected to, and the next one is tried', async () => {
    const { port } = await sink();
    const forbidden = await stranger('127.0.0.2', port);
    dns.zone = { 'mail.test': { A: ['127.0.0.2', '127.0.0.1'] }, 'bad.test': { A: ['127.0.0.2'] } };
    const guarded = sessionsWith(['127.0.0.2']);
    const session = await guarded.acquire(relayOf(port));
    expect(guarded.takeFailures(session)).toEqual([expect.objectContaining({ code: 'SMTP_ADDRESS_DENIED', stage: 'connect', address: '127.0.0.2' })]);
    const failure = await failureOf(guarded.acquire(relayOf(port, { serverAddress: 'bad.test' })));
    expect(failure).toMatchObject({ code: 'SMTP_ADDRESS_DENIED', stages: [{ name: 'connect', status: 'failed', code: 'SMTP_ADDRESS_DENIED' }] });
    await guarded.close();
    expect(forbidden.connections).toBe(0);
  });

  describe('that is not waited for any more', () => {
    test('while the server is silent', async () => {
      const server = await sink();
      const silent = await stranger('127.0.0.2', server.port);
      dns.zone = { 'mail.test': { A: ['127.0.0.2', '127.0.0.1'] } };
      const stop = new AbortController();
      const relay = relayOf(server.port, { maxConnections: 1 });
      const acquired = sessions.acquire(relay, new Transcript(), stop.signal);
      await waitFor(() => silent.connections, (count) => count === 1);
      stop.abort();
      await expect(acquired).rejects.toBe(stop.signal.reason);
      expect(server.connections).toBe(0);
      await expect(sessions.acquire(relay, new Transcript(), stop.signal)).rejects.toBe(stop.signal.reason);
      expect((await sessions.acquire(relay)).usable).toBe(true); // its place is free again
    });

    test('while DNS hangs', async () => {
      dns.zone = { 'mail.test': 'silence' };
      const stop = new AbortController();
      const asked = dns.queries.length;
      const acquired = sessions.acquire(relayOf(25), new Transcript(), stop.signal);
      await waitFor(() => dns.queries.length, (count) => count > asked);
      stop.abort();
      await expect(acquired).rejects.toBe(stop.signal.reason);
    });

    test('while all places are taken: the others still get theirs', async () => {
      const { port } = await sink();
      dns.zone = { 'mail.test': { A: ['127.0.0.1'] } };
      const relay = relayOf(port, { maxConnections: 1 });
      const held = await sessions.acquire(relay);
      const stop = new AbortController();
      const impatient = sessions.acquire(relay, new Transcript(), stop.signal);
      const patient = sessions.acquire(relay);
      stop.abort();
      await expect(impatient).rejects.toBe(stop.signal.reason);
      sessions.release(held, relay);
      expect(await patient).toBe(held);
    });

    test('a session that was given out does not hear the signal any more', async () => {
      const server = await sink();
      dns.zone = { 'mail.test': { A: ['127.0.0.1'] } };
      const stop = new AbortController();
      const session = await sessions.acquire(relayOf(server.port), new Transcript(), stop.signal);
      stop.abort();
      await session.send({ from: 'mailroom@example.com', to: 'alice@example.com', message: Buffer.from('Subject: x\r\n\r\nx\r\n') });
      expect(server.mails).toHaveLength(1);
    });

    test('cut() stops connections that are being made', async () => {
      const server = await sink();
      const silent = await stranger('127.0.0.2', server.port);
      dns.zone = { 'mail.test': { A: ['127.0.0.2', '127.0.0.1'] } };
      const acquired = failureOf(sessions.acquire(relayOf(server.port)));
      await waitFor(() => silent.connections, (count) => count === 1);
      sessions.cut();
      expect(await acquired).toMatchObject({ code: 'ABORTED' });
      expect(server.connections).toBe(0);
    });
  });
});

describe('the memory of dead addresses', () => {
  const addresses = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((address) => ({ address }));
  const order = (memory: AddressMemory, port = 25): string => memory.inOrder(addresses, port).map(({ address }) => address.at(-1)).join('');

  test('those that failed come last for a minute; then one caller tries them again, and the others wait for its word', () => {
    let now = 0;
    const memory = new AddressMemory(() => now);
    memory.failed('192.0.2.1', 25);
    memory.failed('192.0.2.2', 25);
    expect([order(memory), order(memory, 465)]).toEqual(['312', '123']);
    memory.answered('192.0.2.2', 25);
    expect(order(memory)).toBe('231');
    now = 60_000;
    expect([order(memory), order(memory)]).toEqual(['123', '231']);
    memory.answered('192.0.2.1', 25);
    expect(order(memory)).toBe('123');
  });
});

onLinux('deliveries', () => {
  let mailroom: TestMailroom;
  const settings = (port: number, overrides: object = {}) =>
    mailroom.sdk.putSmtpSettings({ body: { serverAddress: 'mail.test', port, security: 'none', senderAddress: 'mailroom@example.com', ...overrides } });
  const publish = async (): Promise<string> => (await mailroom.sdk.publishEvent({ body: { type: 'PasswordCheckFailed' } })).id;
  const emailOf = async (eventId: string) => (await mailroom.sdk.listEmails({ query: { eventId } })).items[0] as { id: string; status: string } | undefined;
  const attemptsAt = async (eventId: string, status: string): Promise<EmailAttempt[]> => {
    const email = await waitFor(() => emailOf(eventId), (one) => one?.status === status, 25_000);
    return attemptsOf(email!.id);
  };
  const attemptsOf = async (id: string): Promise<EmailAttempt[]> => (await mailroom.sdk.getEmail({ path: { id } })).attempts;
  const start = async (zone: Zone, env: Record<string, string> = {}): Promise<void> => {
    mailroom = await startMailroom({ env });
    closers.push(() => mailroom.close());
    dns.zone = zone;
    await mailroom.sdk.putDnsSettings({ body: { servers: [dns.address] } });
    await mailroom.sdk.createSubscription({ body: { emailAddress: 'alice@example.com', eventTypes: ['PasswordCheckFailed'] } });
  };

  test('the attempt tells which address took the mail and what went wrong before; a change of the DNS servers applies at once', async () => {
    const server = await sink();
    await start({ 'mail.test': { A: ['127.0.0.2', '127.0.0.1'] } });
    await settings(server.port);
    const [attempt] = await attemptsAt(await publish(), 'sent');
    expect(attempt).toMatchObject({ outcome: 'sent', address: '127.0.0.1', code: null, message: expect.stringMatching(/^127\.0\.0\.1 took the mail\. Before: mail\.test \(127\.0\.0\.2, port \d+\) refused the connection\.$/) });
    const elsewhere = await startDnsServer({ 'other.test': { A: ['127.0.0.1'] } });
    closers.push(() => elsewhere.close());
    await mailroom.sdk.putDnsSettings({ body: { servers: [elsewhere.address] } });
    await settings(server.port, { serverAddress: 'other.test' });
    await attemptsAt(await publish(), 'sent');
    expect(server.mails).toHaveLength(2);
    expect(elsewhere.queries).toContain('other.test A');
  });

  test('mail that waits because of DNS goes out when the DNS settings are corrected', async () => {
    const server = await sink();
    await start({});
    await settings(server.port);
    const event = await publish();
    const [attempt] = await attemptsAt(event, 'deferred');
    expect(attempt).toMatchObject({ stage: 'connect', code: 'DNS_NOT_FOUND', address: null, hint: expect.stringContaining(dns.address) });
    const right = await startDnsServer({ 'mail.test': { A: ['127.0.0.1'] } });
    closers.push(() => right.close());
    await mailroom.sdk.putDnsSettings({ body: { servers: [right.address] } });
    await attemptsAt(event, 'sent');
  });

  test('a DNS server that hangs ends the attempt in time', async () => {
    await start({ 'mail.test': 'silence' });
    await settings(25);
    const [attempt] = await attemptsAt(await publish(), 'deferred');
    expect(attempt).toMatchObject({ stage: 'connect', code: 'DNS_TIMEOUT' });
    expect(attempt!.durationMs).toBeLessThan(15_000);
  });

  test.each([['DNS hangs', 'silence'], ['the server is silent', { A: ['127.0.0.2'] }]] as [string, Zone[string]][])('a stop does not wait for a connection when %s, and the mail is not lost', async (_name, entry) => {
    const { port } = await sink();
    const silent = await stranger('127.0.0.2', port);
    const asked = dns.queries.length;
    await start({ 'mail.test': entry });
    await settings(port);
    await publish();
    await waitFor(() => (entry === 'silence' ? dns.queries.length - asked : silent.connections), (count) => count > 0);
    const { database } = mailroom.container;
    const left: object[] = [];
    const closeDatabase = database.close.bind(database);
    let tookMs = Infinity;
    jest.spyOn(database, 'close').mockImplementation(async () => {
      tookMs = Date.now() - startedAt;
      left.push(...(await database.prisma.email.findMany()), ...(await database.prisma.emailAttempt.findMany()));
      await closeDatabase();
    });
    const startedAt = Date.now();
    closers.pop();
    await mailroom.close();
    expect(tookMs).toBeLessThan(3_500);
    expect(left).toEqual([expect.objectContaining({ status: 'queued', attemptCount: 0, leaseId: null, nudgeAt: expect.any(Date) })]);
  });

  test('a name that leads to a denied address is a failed connect, and a denied address itself is refused at once', async () => {
    await start({ 'mail.test': { A: ['169.254.169.254'] }, 'mapped.test': { AAAA: ['::ffff:a9fe:a9fe'] } });
    await settings(25);
    const event = await publish();
    const [attempt] = await attemptsAt(event, 'deferred');
    expect(attempt).toMatchObject({ stage: 'connect', code: 'SMTP_ADDRESS_DENIED', address: '169.254.169.254', outcome: 'deferred', hint: expect.stringContaining('MAILROOM_SMTP_DENY_NETWORKS') });
    await settings(25, { serverAddress: 'mapped.test' }); // releases the mail that waits
    const { id } = (await emailOf(event))!;
    const mapped = { code: 'SMTP_ADDRESS_DENIED', address: '::ffff:169.254.169.254' };
    const attempts = await waitFor(() => attemptsOf(id), (all) => all.some(({ address }) => address === mapped.address));
    expect(attempts).toContainEqual(expect.objectContaining(mapped));
    for (const serverAddress of ['169.254.169.254', '[::ffff:169.254.169.254]', '[fe80::1]']) {
      await expect(settings(25, { serverAddress })).rejects.toMatchObject({ status: 400, code: 'SMTP_ADDRESS_DENIED', errors: [{ pointer: '/serverAddress' }] });
    }
  });

  test('MAILROOM_SMTP_DENY_NETWORKS applies to deliveries', async () => {
    const server = await sink();
    await start({ 'mail.test': { A: ['127.0.0.1'] } }, { MAILROOM_SMTP_DENY_NETWORKS: '127.0.0.0/8' });
    await settings(server.port);
    expect((await attemptsAt(await publish(), 'deferred'))[0]).toMatchObject({ code: 'SMTP_ADDRESS_DENIED', address: '127.0.0.1' });
    expect(server.connections).toBe(0);
  });
});
