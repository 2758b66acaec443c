import type { MxRecord } from 'node:dns';
import { setMaxListeners } from 'node:events';
import { isIP } from 'node:net';
import { DnsFailure, invalidMx, nullMx } from './dns-failure.js';
import { askAddresses, askMx, type HostAnswer, type Limits } from './questions.js';
import type { ServerAddress } from './server-address.js';

/** One IP address of a mail server. */
export interface ResolvedAddress {
  /** IP literal, without brackets. */
  address: string;
  /** The host that it belongs to: the server itself, or one of its MX hosts. */
  host: string;
  /** Of the MX record that named the host; the lowest is tried first. */
  preference?: number;
}

/** All that a look-up brought. */
export interface Resolution {
  /** At least one, in the order in which they are to be tried. */
  addresses: ResolvedAddress[];
  /** Hosts, or families of a host, that could not be looked up while others could. */
  failures: DnsFailure[];
  /** How many hosts and addresses were left out because there were too many. */
  leftOut: number;
}

export interface ResolveOptions {
  signal?: AbortSignal;
  /** For each name; 10 s when left out. */
  timeoutMs?: number;
}

/** A host that may have the server's mail, best first. */
interface MailHost {
  host: string;
  preference?: number;
}

const TIMEOUT_MS = 10_000;
/** A DNS answer is somebody else's, and may hold a thousand records: so many are used. */
export const MAX_MX_HOSTS = 10;
export const MAX_ADDRESSES = 32;

/** Finds the addresses of mail servers. */
export class Dns {
  /** @param servers the DNS servers to ask (`10.0.0.53`, `[2001:db8::53]:5353`), read at each look-up; none: the operating system's resolver */
  constructor(private readonly servers: () => Promise<readonly string[]>) {}

  /**
   * All addresses of a server in the order in which they are to be tried. With `resolveMx` they are those of the hosts in its MX records,
   * by preference (RFC 5321 §5.1). An IP address stands for itself.
   * @throws DnsFailure when there is none; within `timeoutMs` for each name (twice that with `resolveMx`)
   */
  async resolveServer(server: ServerAddress, resolveMx: boolean, options: ResolveOptions = {}): Promise<ResolvedAddress[]> {
    return (await this.resolve(server, resolveMx, options)).addresses;
  }

  /** The same, with what could not be looked up and what was left out. */
  async resolve(server: ServerAddress, resolveMx: boolean, { signal, timeoutMs = TIMEOUT_MS }: ResolveOptions = {}): Promise<Resolution> {
    if (server.type !== 'name') return { addresses: [{ address: server.host, host: server.host }], failures: [], leftOut: 0 };
    if (signal) setMaxListeners(0, signal); // each name and family listens
    const limits: Limits = { servers: await this.servers(), timeoutMs, signals: signal ? [signal] : [] };
    const found = resolveMx ? await mailHosts(server.host, limits) : { hosts: [{ host: server.host }], failures: [] };
    const hosts = found.hosts.slice(0, MAX_MX_HOSTS);
    const answers = await Promise.allSettled(hosts.map(({ host }) => askAddresses(host, limits)));
    const resolution = combine(hosts, answers, found.failures);
    return { ...resolution, leftOut: resolution.leftOut + found.hosts.length - hosts.length };
  }
}

/**
 * A domain without MX records is its own mail host. The same goes for one that DNS does not know at all (RFC 5321 §5.1 calls that an
 * error): its address may stand in /etc/hosts, and when it does not, the look-up of the address says so.
 */
async function mailHosts(domain: string, limits: Limits): Promise<{ hosts: MailHost[]; failures: DnsFailure[] }> {
  const records = await askMx(domain, limits).catch((failure: unknown) => {
    if (failure instanceof DnsFailure && failure.code === 'DNS_NOT_FOUND') return [] as MxRecord[];
    throw failure;
  });
  if (records.length === 0) return { hosts: [{ host: domain }], failures: [] };
  const named = records.filter(({ exchange }) => exchange !== '');
  if (named.length === 0) throw nullMx(domain);
  const hosts = inOrder(named).map(({ exchange, priority }) => ({ host: exchange.toLowerCase(), preference: priority }));
  const failures = hosts.filter(({ host }) => isIP(host) !== 0).map(({ host }) => invalidMx(domain, host));
  const usable = uniqueBy(hosts.filter(({ host }) => isIP(host) === 0), ({ host }) => host);
  if (usable.length === 0) throw failures[0]!;
  return { hosts: usable, failures };
}

/** RFC 5321 §5.1: by preference, and those of one preference in random order, to spread the load. */
function inOrder(records: MxRecord[]): MxRecord[] {
  return records
    .map((record) => ({ record, rank: Math.random() }))
    .sort((one, other) => one.record.priority - other.record.priority || one.rank - other.rank)
    .map(({ record }) => record);
}

function combine(hosts: MailHost[], answers: PromiseSettledResult<HostAnswer>[], earlier: DnsFailure[]): Resolution {
  const failures = [...earlier];
  const found = answers.map((answer, index) => {
    if (answer.status === 'fulfilled') failures.push(...answer.value.failures);
    else if (answer.reason instanceof DnsFailure) failures.push(answer.reason);
    else throw answer.reason;
    return answer.status === 'fulfilled' ? answer.value.addresses.map((address) => ({ address, ...hosts[index]! })) : [];
  });
  const all = uniqueBy(found.flat(), ({ address }) => address);
  if (all.length === 0) throw failures.find(({ code }) => code !== 'DNS_MX_INVALID')!;
  const addresses = fewest(all, MAX_ADDRESSES);
  return { addresses, failures, leftOut: all.length - addresses.length };
}

/** At most `limit` addresses, still in their order: the first of each host, then the second of each, so that no host is left without one. */
function fewest(all: ResolvedAddress[], limit: number): ResolvedAddress[] {
  const seen = new Map<string, number>();
  const ranked = all.map((address, index) => {
    const rank = seen.get(address.host) ?? 0;
    seen.set(address.host, rank + 1);
    return { address, index, rank };
  });
  const kept = ranked.sort((one, other) => one.rank - other.rank || one.index - other.index).slice(0, limit);
  return kept.sort((one, other) => one.index - other.index).map(({ address }) => address);
}

/** The first of each key. */
function uniqueBy<T>(items: T[], keyOf: (item: T) => string): T[] {
  const seen = new Set<string>();
  return items.filter((item) => !seen.has(keyOf(item)) && seen.add(keyOf(item)));
}
