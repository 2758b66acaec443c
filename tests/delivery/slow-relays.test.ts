import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { MAX_ADDRESSES } from '../../src/dns/resolve.js';
import { type DnsServer, startDnsServer, type Zone } from '../setup/dns-server.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { createPki } from '../setup/pki.js';
import { honestUntil, type Script, type SinkOptions, type SmtpSink, startScriptedServer, startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';

/** The whole of 127.0.0.0/8 is loopback, so that one machine has as many addresses as a test wants. On other systems only 127.0.0.1 is. */
const onLinux = process.platform === 'linux' ? describe : describe.skip;
/** So that what is sent within a test was not sent by a retry. */
const HOUR = '3600000';
/** How long one address may take for its greeting, or for its handshake. */
const LIMIT_MS = 30_000;
const SLACK_MS = 15_000;
const WHOLE_TEST_MS = 2 * LIMIT_MS + 2 * SLACK_MS;

const closers: (() => Promise<unknown>)[] = [];
/** So many of them are for all tests, the others for one. */
let lasting = 0;
const closeAfter = async (kept: number): Promise<void> => {
  for (const close of closers.splice(kept).reverse()) await close();
};
afterEach(() => closeAfter(lasting), 60_000);
afterAll(() => closeAfter(0), 60_000);

interface Email { status: string; sentAt: string | null; attempts: { code: string | null; message: string | null; outcome: string; address: string | null }[] }

/** A Mailroom with a DNS server of its own, whose mail goes to mail.test. */
class World {
  private constructor(readonly mailroom: TestMailroom, readonly dns: DnsServer) {}

  static async open(zone: Zone): Promise<World> {
    const [mailroom, dns] = await Promise.all([startMailroom({ env: { MAILROOM_RETRY_BASE_MS: HOUR } }), startDnsServer(zone)]);
    closers.push(() => dns.close(), () => mailroom.close());
    await mailroom.sdk.putDnsSettings({ body: { servers: [dns.address] } });
    await mailroom.sdk.createSubscription({ body: { emailAddress: 'alice@example.com', eventTypes: ['DiskUsageWarning'] } });
    return new World(mailroom, dns);
  }

  async use(port: number, overrides: object = {}): Promise<void> {
    await this.mailroom.sdk.putSmtpSettings({ body: { serverAddress: 'mail.test', port, security: 'none', senderAddress: 'mailroom@example.com', ...overrides } });
  }

  async publish(): Promise<string> {
    return (await this.mailroom.sdk.publishEvent({ body: { type: 'DiskUsageWarning' } })).id;
  }

  /** The e-mail of an event, once it has this status. */
  async email(eventId: string, status: string, deadlineMs: number): Promise<Email> {
    const page = await waitFor(() => this.mailroom.sdk.listEmails({ query: { eventId } }), ({ items }) => items[0]?.status === status, deadlineMs);
    return (await this.mailroom.sdk.getEmail({ path: { id: page.items[0]!.id } }));
  }
}

async function sink(options: SinkOptions = {}): Promise<SmtpSink> {
  const made = await startSmtpSink(options);
  closers.push(() => made.close());
  return made;
}

/** On the port of an honest server, at another address. */
async function liar(host: string, port: number, script: Script): Promise<void> {
  const made = await startScriptedServer(script, { host, port });
  closers.push(() => made.close());
}

async function trickle(peer: Parameters<Script>[0], bytes: Buffer, everyMs: number): Promise<void> {
  let sent = 0;
  const timer = setInterval(() => peer.raw(bytes.subarray(sent, sent += 1)), everyMs);
  await peer.closed;
  clearInterval(timer);
}

onLinux('relays that take all the time there is', () => {
  /** These wait beside the other tests; how each ended is looked at last. */
  interface Waiting { world: World; event: string; begun: number }
  const begin = async (port: number, overrides: object = {}): Promise<Waiting> => {
    const world = await World.open({ 'mail.test': { A: ['127.0.0.2', '127.0.0.1'] } });
    await world.use(port, overrides);
    return { world, event: await world.publish(), begun: Date.now() };
  };
  let waiting: Record<'greeting' | 'handshake', Waiting>;

  beforeAll(async () => {
    const { key, chain } = await (await createPki()).issue({ dnsNames: ['mail.test'] });
    const [plain, secure] = await Promise.all([sink(), sink({ tls: { key, cert: chain } })]);
    await liar('127.0.0.2', plain.port, (peer) => trickle(peer, Buffer.from(`220-${'x'.repeat(1_000)}`), 1_000));
    await liar('127.0.0.2', secure.port, async (peer) => {
      if (!await honestUntil(peer, 'STARTTLS', ['STARTTLS'])) return;
      peer.say('220 Go ahead');
      await trickle(peer, Buffer.concat([Buffer.of(0x16, 3, 3, 0x40, 0), Buffer.alloc(1_000)]), 1_000);
    });
    waiting = { greeting: await begin(plain.port), handshake: await begin(secure.port, { security: 'startTls', verifyCertificate: false }) };
    lasting = closers.length;
  }, 60_000);

  describe('a name with 1,000 addresses', () => {
    const THOUSAND = Array.from({ length: 1_000 }, (_, index) => `127.3.${index >> 8}.${index & 0xff}`);
    /** The same addresses, as IPv6 writes them. */
    const MAPPED = THOUSAND.map((address) => `::ffff:${address.split('.').map((part) => Number(part).toString(16).padStart(2, '0')).join('').replace(/^.{4}/, '$&:')}`);
    const HOSTS = Array.from({ length: 1_000 }, (_, index): [number, string] => [index, `mx${index}.test`]);

    test.each<[string, Zone, boolean]>([
      ['where nobody listens', { 'mail.test': { A: THOUSAND, AAAA: MAPPED } }, false],
      ['of 1,000 MX hosts', { 'mail.test': { MX: HOSTS }, ...Object.fromEntries(HOSTS.map(([index, host]) => [host, { A: [THOUSAND[index]!, THOUSAND[999 - index]!] }])) }, true],
    ])('%s: some are tried, the failure says so, and mail goes out when DNS is corrected', async (_name, zone, resolveMx) => {
      const server = await sink();
      const world = await World.open(zone);
      await world.use(server.port, { resolveMx });
      const event = await world.publish();
      const { attempts: [attempt] } = await world.email(event, 'deferred', SLACK_MS);
      expect(attempt).toMatchObject({ code: 'CONNECTION_REFUSED', message: expect.stringMatching(/No other address helped: .*And \d+ more\.$/) });
      expect(attempt!.message!.length).toBeLessThan(1_000);
      const tested = (await world.mailroom.sdk.startSmtpTest({ body: { sendTo: 'admin@example.com', timeoutSeconds: 5 }, headers: { Prefer: 'wait=30' } })) as { status: string; message: string; addresses: object[] };
      expect(tested).toMatchObject({ status: 'failed', message: expect.stringContaining('more hosts or addresses were left out') });
      expect(tested.addresses.length).toBeLessThanOrEqual(MAX_ADDRESSES);

      const right = await startDnsServer({ 'mail.test': { A: ['127.0.0.1'] } });
      closers.push(() => right.close());
      await world.mailroom.sdk.putDnsSettings({ body: { servers: [right.address] } });
      for (const id of [event, await world.publish()]) await world.email(id, 'sent', SLACK_MS);
    }, WHOLE_TEST_MS);

    /** Takes connections at each address, and says nothing. */
    async function silentAt(addresses: string[], port: number): Promise<Set<string>> {
      const sockets = new Set<Socket>();
      const reached = new Set<string>();
      const servers = addresses.map((address) => createServer((socket) => {
        sockets.add(socket.on('error', () => undefined).resume());
        reached.add(address);
      }).listen(port, address));
      await Promise.all(servers.map((server) => once(server, 'listening')));
      closers.push(() => {
        sockets.forEach((socket) => socket.destroy());
        return Promise.all(servers.map((server) => new Promise((resolve) => { server.close(resolve); })));
      });
      return reached;
    }

    test.each<[string, (world: World, port: number) => Promise<unknown>]>([
      ['the settings are', (world, port) => world.use(port, { serverAddress: '127.0.0.1', maxConnections: 3 })],
      ['DNS is', async (world) => {
        world.dns.zone['mail.test'] = { A: ['127.0.0.1'] };
        await world.mailroom.sdk.putDnsSettings({ body: { servers: [world.dns.address] } });
      }],
    ])('where all are silent: mail that waits for them, and later mail, goes out within the limit of one when %s corrected', async (_what, correct) => {
      const server = await sink();
      const reached = await silentAt(THOUSAND.slice(0, MAX_ADDRESSES), server.port);
      const world = await World.open({ 'mail.test': { A: THOUSAND } });
      await world.use(server.port, { maxConnections: 3 });
      const events = [];
      for (let count = 0; count < 12; count += 1) events.push(await world.publish());
      await waitFor(() => reached.size, (count) => count > 0);
      await correct(world, server.port);
      events.push(await world.publish());
      const deadline = Date.now() + LIMIT_MS + SLACK_MS;
      for (const event of events) await world.email(event, 'sent', Math.max(0, deadline - Date.now()));
    }, WHOLE_TEST_MS);
  });

  test.each([['greeting', 'sent no greeting in time'], ['handshake', 'did not complete the change to TLS in time']] as const)(
    'a %s that trickles a byte a second: the mail goes out over the next address within the limit, and later mail at once', async (kind, told) => {
      const { world, event, begun } = waiting[kind];
      const { attempts: [attempt], sentAt } = await world.email(event, 'sent', LIMIT_MS + SLACK_MS);
      expect(Date.parse(sentAt!) - begun).toBeLessThan(LIMIT_MS + SLACK_MS);
      expect(attempt).toMatchObject({ outcome: 'sent', address: '127.0.0.1', message: expect.stringContaining(told) });
      await world.email(await world.publish(), 'sent', SLACK_MS);
    }, WHOLE_TEST_MS);
});
