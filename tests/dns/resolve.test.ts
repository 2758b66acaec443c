import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { networkInterfaces } from 'node:os';
import { DnsFailure } from '../../src/dns/dns-failure.js';
import { Dns, MAX_ADDRESSES, MAX_MX_HOSTS, type ResolveOptions, type Resolution } from '../../src/dns/resolve.js';
import { parseServerAddress, type ServerAddress } from '../../src/dns/server-address.js';
import { type DnsServer, startDnsServer, type Zone } from '../setup/dns-server.js';

let server: DnsServer;
beforeAll(async () => { server = await startDnsServer(); });
afterAll(() => server.close());
afterEach(() => {
  server.zone = {};
  server.queries.length = 0;
});

interface Asked extends ResolveOptions {
  zone: Zone;
  resolveMx?: boolean;
  servers?: string[];
}

const resolve = (name: string, { zone, resolveMx = false, servers = [server.address], ...options }: Asked): Promise<Resolution> => {
  server.zone = zone;
  return new Dns(() => Promise.resolve(servers)).resolve(parseServerAddress(name) as ServerAddress, resolveMx, options);
};
const failure = async (asked: Promise<unknown>): Promise<DnsFailure> => {
  const error = await asked.then(() => new Error('it was resolved'), (reason: unknown) => reason);
  expect(error).toBeInstanceOf(DnsFailure);
  return error as DnsFailure;
};
const addressesOf = ({ addresses }: Resolution): string[] => addresses.map(({ address }) => address);
const SILENT_MS = 400;

describe('DNS servers of our own', () => {
  test('every A and AAAA address, each family in the order of the server, the families in turn', async () => {
    const { addresses, failures, leftOut } = await resolve('mail.test', { zone: { 'mail.test': { A: ['192.0.2.3', '192.0.2.1', '192.0.2.2'], AAAA: ['2001:db8::25'] } } });
    const all = addresses.map(({ address }) => address);
    expect(all.filter((address) => !address.includes(':'))).toEqual(['192.0.2.3', '192.0.2.1', '192.0.2.2']);
    expect(all.indexOf('2001:db8::25')).toBeLessThan(2);
    const hasIPv6 = Object.values(networkInterfaces()).flat().some((one) => one?.family === 'IPv6' && !one.internal && one.scopeid === 0);
    expect(all[0]).toBe(hasIPv6 ? '2001:db8::25' : '192.0.2.3');
    expect(addresses.every(({ host, preference }) => host === 'mail.test' && preference === undefined)).toBe(true);
    expect({ failures, leftOut }).toEqual({ failures: [], leftOut: 0 });
    expect(server.queries.toSorted()).toEqual(['mail.test A', 'mail.test AAAA']);
  });

  test('resolveServer gives the addresses alone', async () => {
    server.zone = { 'mail.test': { A: ['192.0.2.1'] } };
    expect(await new Dns(() => Promise.resolve([server.address])).resolveServer({ type: 'name', host: 'mail.test' }, false)).toEqual([{ address: '192.0.2.1', host: 'mail.test' }]);
  });

  test('are read anew for each look-up', async () => {
    const other = await startDnsServer({ 'mail.test': { A: ['192.0.2.2'] } });
    server.zone = { 'mail.test': { A: ['192.0.2.1'] } };
    let servers = [server.address];
    const dns = new Dns(() => Promise.resolve(servers));
    const first = await dns.resolveServer({ type: 'name', host: 'mail.test' }, false);
    servers = [other.address];
    const second = await dns.resolveServer({ type: 'name', host: 'mail.test' }, false);
    await other.close();
    expect([first, second].map(([one]) => one?.address)).toEqual(['192.0.2.1', '192.0.2.2']);
  });

  test('an IP address is asked of nobody', async () => {
    const dns = new Dns(() => Promise.reject(new Error('not asked')));
    expect(await dns.resolveServer(parseServerAddress('[2001:DB8::25]') as ServerAddress, true)).toEqual([{ address: '2001:db8::25', host: '2001:db8::25' }]);
    expect(await dns.resolveServer(parseServerAddress('192.0.2.1') as ServerAddress, false)).toEqual([{ address: '192.0.2.1', host: '192.0.2.1' }]);
  });

  test('one alias after the other is followed, and the host keeps its name', async () => {
    const { addresses } = await resolve('mail.test', { zone: { 'mail.test': { CNAME: 'www.test' }, 'www.test': { CNAME: 'real.test' }, 'real.test': { A: ['192.0.2.1'] } } });
    expect(addresses).toEqual([{ address: '192.0.2.1', host: 'mail.test' }]);
  });

  test('the same address twice is one', async () => {
    expect(addressesOf(await resolve('mail.test', { zone: { 'mail.test': { A: ['192.0.2.1', '192.0.2.2', '192.0.2.1'] } } }))).toEqual(['192.0.2.1', '192.0.2.2']);
  });

  test('of an answer with 1,000 addresses, which takes TCP, 32 of both families are used', async () => {
    const many = Array.from({ length: 1_000 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
    const { addresses, leftOut } = await resolve('mail.test', { zone: { 'mail.test': { A: many, AAAA: ['2001:db8::1'] } } });
    expect(server.queries).toContain('mail.test A tcp');
    expect(addresses).toHaveLength(MAX_ADDRESSES);
    expect(addresses.filter(({ address }) => !address.includes(':')).map(({ address }) => address)).toEqual(many.slice(0, MAX_ADDRESSES - 1));
    expect(leftOut).toBe(1_001 - MAX_ADDRESSES);
  });

  test('the second server is asked when the first does not exist', async () => {
    const gone = await startDnsServer();
    await gone.close();
    expect(addressesOf(await resolve('mail.test', { zone: { 'mail.test': { A: ['192.0.2.1'] } }, servers: [gone.address, server.address] }))).toEqual(['192.0.2.1']);
  });
});

describe('failures', () => {
  test.each([
    ['a name that does not exist', {}, 'DNS_NOT_FOUND', /no A or AAAA record for mail\.test/],
    ['a name without addresses', { 'mail.test': {} }, 'DNS_NOT_FOUND', /no A or AAAA record for mail\.test/],
    ['an alias to nowhere', { 'mail.test': { CNAME: 'gone.test' } }, 'DNS_NOT_FOUND', /no A or AAAA record for mail\.test/],
    ['SERVFAIL', { 'mail.test': 'SERVFAIL' }, 'DNS_SERVFAIL', /could not look up mail\.test/],
    ['SERVFAIL for one family, nothing for the other', { 'mail.test': { AAAA: 'SERVFAIL' } }, 'DNS_SERVFAIL', /could not look up mail\.test \(AAAA\)/],
    ['a refusal', { 'mail.test': 'REFUSED' }, 'DNS_REFUSED', /refused to look up mail\.test/],
  ] as [string, Zone, string, RegExp][])('%s', async (_name, zone, code, message) => {
    const error = await failure(resolve('mail.test', { zone }));
    expect(error).toMatchObject({ code, host: 'mail.test', message: expect.stringMatching(message), timedOut: false });
    expect(error.hint).toContain(server.address);
  });

  test('no DNS server there', async () => {
    const gone = await startDnsServer();
    await gone.close();
    const error = await failure(resolve('mail.test', { zone: {}, servers: [gone.address] }));
    expect(error).toMatchObject({ code: 'DNS_UNREACHABLE', message: 'No DNS server could be reached to look up mail.test.' });
    expect(error.hint).toContain(gone.address);
  });

  test('a DNS server that hangs costs the time allowed and no more', async () => {
    const startedAt = Date.now();
    const error = await failure(resolve('mail.test', { zone: { 'mail.test': 'silence' }, timeoutMs: SILENT_MS }));
    expect(error).toMatchObject({ code: 'DNS_TIMEOUT', timedOut: true, message: expect.stringContaining('got no answer in time') });
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(SILENT_MS - 5);
    expect(Date.now() - startedAt).toBeLessThan(5_000);
  });

  test('with resolveMx a hanging DNS server costs it once: nothing else is asked then', async () => {
    const startedAt = Date.now();
    const error = await failure(resolve('mail.test', { zone: { 'mail.test': 'silence' }, resolveMx: true, timeoutMs: SILENT_MS }));
    expect(error).toMatchObject({ code: 'DNS_TIMEOUT', message: expect.stringContaining('(MX)') });
    expect(Date.now() - startedAt).toBeLessThan(5_000);
    expect(new Set(server.queries)).toEqual(new Set(['mail.test MX']));
  });

  test('a family that gets no answer holds the other one up for a while only, and is told', async () => {
    const startedAt = Date.now();
    const { addresses, failures } = await resolve('mail.test', { zone: { 'mail.test': { A: ['192.0.2.1'], AAAA: 'silence' } } });
    expect(addresses).toEqual([{ address: '192.0.2.1', host: 'mail.test' }]);
    expect(failures).toEqual([expect.objectContaining({ code: 'DNS_TIMEOUT', message: expect.stringContaining('(AAAA)') })]);
    expect(Date.now() - startedAt).toBeLessThan(9_000);
  });

  test('a family that fails while the other one answers is told; one that is just missing is not', async () => {
    const { failures } = await resolve('mail.test', { zone: { 'mail.test': { A: ['192.0.2.1'], AAAA: 'SERVFAIL' } } });
    expect(failures).toEqual([expect.objectContaining({ code: 'DNS_SERVFAIL' })]);
    expect((await resolve('mail.test', { zone: { 'mail.test': { A: ['192.0.2.1'], AAAA: 'NXDOMAIN' } } })).failures).toEqual([]);
  });

  test('stopping it ends it at once, and a signal of a time-out is a time-out', async () => {
    const asked = (signal: AbortSignal): Promise<Resolution> => resolve('mail.test', { zone: { 'mail.test': 'silence' }, signal });
    const stop = new AbortController();
    const stopped = failure(asked(stop.signal));
    stop.abort();
    expect(await stopped).toMatchObject({ code: 'ABORTED', timedOut: false });
    expect(await failure(asked(stop.signal))).toMatchObject({ code: 'ABORTED' });
    expect(await failure(asked(AbortSignal.timeout(30)))).toMatchObject({ code: 'DNS_TIMEOUT', timedOut: true });
  });
});

describe('MX', () => {
  const HOSTS: Zone = { 'a.test': { A: ['192.0.2.1'] }, 'b.test': { A: ['192.0.2.2'], AAAA: ['2001:db8::2'] }, 'c.test': { A: ['192.0.2.3'] } };
  const resolveMx = (records: [number, string][], zone: Zone = HOSTS): Promise<Resolution> => resolve('example.test', { zone: { ...zone, 'example.test': { MX: records, A: ['192.0.2.99'] } }, resolveMx: true });

  test('all addresses of all hosts, the lowest preference first', async () => {
    const { addresses } = await resolveMx([[20, 'b.test'], [30, 'a.test'], [10, 'C.test']]);
    expect(addresses.map(({ host, preference }) => `${host} ${preference}`)).toEqual(['c.test 10', 'b.test 20', 'b.test 20', 'a.test 30']);
    expect(addresses.map(({ address }) => address).toSorted()).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.3', '2001:db8::2']);
  });

  test('hosts of one preference come in random order, never before a better one', async () => {
    const firsts = new Set<string>();
    for (let round = 0; round < 200 && firsts.size < 2; round += 1) {
      const all = addressesOf(await resolveMx([[10, 'a.test'], [10, 'c.test'], [20, 'b.test']]));
      expect(all.indexOf('192.0.2.2')).toBeGreaterThan(1);
      firsts.add(all[0]!);
    }
    expect(firsts).toEqual(new Set(['192.0.2.1', '192.0.2.3']));
  });

  test.each([['no MX record', {}], ['an answer that the name does not exist', { MX: 'NXDOMAIN' }]] as [string, { MX?: 'NXDOMAIN' }][])('%s: the domain itself', async (_name, entry) => {
    const { addresses } = await resolve('example.test', { zone: { 'example.test': { A: ['192.0.2.99'], ...entry } }, resolveMx: true });
    expect(addresses).toEqual([{ address: '192.0.2.99', host: 'example.test' }]);
  });

  test('a failed look-up of the MX records does not lead to the domain itself', async () => {
    expect(await failure(resolve('example.test', { zone: { 'example.test': { A: ['192.0.2.99'], MX: 'SERVFAIL' } }, resolveMx: true }))).toMatchObject({ code: 'DNS_SERVFAIL' });
    expect(server.queries).not.toContain('example.test A');
  });

  test('an alias is followed to its MX records, and so is a host that is an alias', async () => {
    const zone: Zone = { ...HOSTS, 'example.test': { CNAME: 'real.test' }, 'real.test': { MX: [[10, 'alias.test']] }, 'alias.test': { CNAME: 'a.test' } };
    expect((await resolve('example.test', { zone, resolveMx: true })).addresses).toEqual([{ address: '192.0.2.1', host: 'alias.test', preference: 10 }]);
  });

  test('a null MX says that the domain takes no mail', async () => {
    expect(await failure(resolveMx([[0, '']]))).toMatchObject({ code: 'DNS_NULL_MX', message: expect.stringContaining('RFC 7505') });
    expect(addressesOf(await resolveMx([[0, ''], [10, 'a.test']]))).toEqual(['192.0.2.1']); // RFC 7505 §3: it means that only when it is alone
  });

  test('a host that does not resolve is left out and told, unless there is no other', async () => {
    const { addresses, failures } = await resolveMx([[5, 'gone.test'], [10, 'a.test']]);
    expect(addresses).toEqual([{ address: '192.0.2.1', host: 'a.test', preference: 10 }]);
    expect(failures).toEqual([expect.objectContaining({ code: 'DNS_NOT_FOUND', host: 'gone.test' })]);
    expect(await failure(resolveMx([[5, 'gone.test'], [10, 'lost.test']], { 'lost.test': 'SERVFAIL' }))).toMatchObject({ code: 'DNS_NOT_FOUND', host: 'gone.test' });
  });

  test('an IP address in an MX record is no host', async () => {
    const { addresses, failures } = await resolveMx([[5, '192.0.2.7'], [10, 'a.test']]);
    expect(addresses.map(({ host }) => host)).toEqual(['a.test']);
    expect(failures).toEqual([expect.objectContaining({ code: 'DNS_MX_INVALID', host: '192.0.2.7' })]);
    expect(await failure(resolveMx([[5, '192.0.2.7']]))).toMatchObject({ code: 'DNS_MX_INVALID' });
    expect(server.queries.filter((query) => query.startsWith('192.'))).toEqual([]);
  });

  test('a host that is named twice counts once, with its better preference', async () => {
    expect((await resolveMx([[20, 'a.test'], [10, 'A.test']])).addresses).toEqual([{ address: '192.0.2.1', host: 'a.test', preference: 10 }]);
  });

  test('of many hosts 10 are asked, and the addresses of one leave room for the others', async () => {
    const names = Array.from({ length: 15 }, (_, index) => `mx${index}.test`);
    const zone = Object.fromEntries(names.map((name, index) => [name, { A: Array.from({ length: index === 0 ? 200 : 1 }, (_, last) => `10.${index}.0.${last}`) }]));
    const { addresses, leftOut } = await resolveMx(names.map((name, index) => [index, name]), zone);
    const hosts = addresses.map(({ host }) => host);
    expect([...new Set(hosts)]).toEqual(names.slice(0, MAX_MX_HOSTS));
    expect(hosts.filter((host) => host === 'mx0.test')).toHaveLength(MAX_ADDRESSES - MAX_MX_HOSTS + 1);
    expect(leftOut).toBe(5 + 209 - MAX_ADDRESSES);
    expect(server.queries).not.toContain('mx10.test A');
  });
});

describe("this machine's resolver", () => {
  const resolveHere = (name: string, resolveMx = false): Promise<Resolution> => resolve(name, { zone: {}, servers: [], resolveMx });

  test('knows localhost, and asks none of the servers', async () => {
    const addresses = addressesOf(await resolveHere('localhost'));
    expect(addresses).toContain('127.0.0.1');
    expect(addresses.every((address) => ['127.0.0.1', '::1'].includes(address))).toBe(true);
    expect(server.queries).toEqual([]);
  });

  test('a name that cannot exist is a failure that says where to look', async () => {
    const error = await failure(resolveHere('no-such-host.invalid'));
    expect(['DNS_NOT_FOUND', 'DNS_FAILED']).toContain(error.code); // without a DNS server that can be reached: EAI_AGAIN
    expect(error.hint).toContain("this machine's DNS servers");
  });

  test('many look-ups of one name at the same time all get the answer, and one that is stopped stops no other', async () => {
    const stop = new AbortController();
    const dns = new Dns(() => Promise.resolve([]));
    const stopped = failure(dns.resolve({ type: 'name', host: 'localhost' }, false, { signal: stop.signal }));
    const others = Promise.all(Array.from({ length: 20 }, () => dns.resolveServer({ type: 'name', host: 'localhost' }, false)));
    stop.abort();
    expect(await stopped).toMatchObject({ code: 'ABORTED' });
    expect((await others).every((addresses) => addresses.length > 0)).toBe(true);
  });
});
