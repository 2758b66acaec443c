import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type LookupAddress, type MxRecord } from 'node:dns';
import { lookup, Resolver } from 'node:dns/promises';
import { DnsFailure, dnsFailure, type Question, stoppedFailure } from './dns-failure.js';

/** Whom to ask, and how long to wait for the answer to one name. */
export interface Limits {
  /** `address` or `address:port`, IPv6 in brackets; empty: this machine's own resolver. */
  servers: readonly string[];
  timeoutMs: number;
  signals: readonly AbortSignal[];
}

/** The addresses of a host in the order to try, and what went wrong with the rest of them. */
export interface HostAnswer {
  addresses: string[];
  failures: DnsFailure[];
}

/** c-ares asks the next server, or the same one again, when there was no answer for so long. */
const RETRANSMIT = { timeout: 2_000, tries: 3 };
/** Once one family has answered, the other one has so long: time for one retransmission. Some DNS servers never answer AAAA. */
const OTHER_FAMILY_MS = 3_000;

/** The MX records of a domain. @throws DnsFailure, `DNS_NOT_FOUND` when there are none */
export function askMx(domain: string, limits: Limits): Promise<MxRecord[]> {
  return ask({ name: domain, record: 'MX', servers: limits.servers }, limits, (resolver) => resolver.resolveMx(domain));
}

/** The addresses of a host, at least one. @throws DnsFailure when there is none: a failed look-up rather than the missing record of the other family */
export async function askAddresses(host: string, limits: Limits): Promise<HostAnswer> {
  return limits.servers.length === 0 ? askThisMachine(host, limits) : askBothFamilies(host, limits);
}

/** getaddrinfo cannot be stopped and takes a thread while it waits, so all who ask for one name at the same time share one call. */
const underWay = new Map<string, Promise<LookupAddress[]>>();

/** The operating system's resolver: with /etc/hosts, and in the order of RFC 6724. */
async function askThisMachine(host: string, limits: Limits): Promise<HostAnswer> {
  const question: Question = { name: host, record: 'A or AAAA', servers: [] };
  const found = await bounded(question, limits, shared(host));
  return { addresses: found.map(({ address }) => address), failures: [] };
}

function shared(host: string): Promise<LookupAddress[]> {
  const known = underWay.get(host);
  if (known) return known;
  const answer = lookup(host, { all: true, verbatim: true }).finally(() => underWay.delete(host));
  underWay.set(host, answer);
  return answer;
}

/**
 * A and AAAA at once. The families alternate, so that one that leads nowhere costs one try and not all of its addresses (RFC 8305 §4);
 * IPv6 is first where this machine has it (RFC 6724).
 */
async function askBothFamilies(host: string, limits: Limits): Promise<HostAnswer> {
  const otherFamily = new AbortController();
  const patient = { ...limits, signals: [...limits.signals, otherFamily.signal] };
  let grace: NodeJS.Timeout | undefined;
  const family = async (record: 'A' | 'AAAA'): Promise<string[]> => {
    const found = await ask({ name: host, record, servers: limits.servers }, patient, (resolver) => (record === 'A' ? resolver.resolve4(host) : resolver.resolve6(host)));
    grace ??= setTimeout(() => otherFamily.abort(new DOMException('The other family has answered.', 'TimeoutError')), OTHER_FAMILY_MS);
    return found;
  };
  const answers = await Promise.allSettled([family('AAAA'), family('A')]);
  clearTimeout(grace);
  const [v6, v4] = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : [])) as [string[], string[]];
  const failures = answers.flatMap((answer) => (answer.status === 'rejected' ? [asDnsFailure(answer.reason)] : []));
  if (v4.length + v6.length === 0) throw mostTelling(host, limits.servers, failures);
  return { addresses: hasIPv6() ? alternate(v6, v4) : alternate(v4, v6), failures: failures.filter(({ code }) => code !== 'DNS_NOT_FOUND') };
}

function mostTelling(host: string, servers: readonly string[], failures: DnsFailure[]): DnsFailure {
  const notFound = (): DnsFailure => dnsFailure(Object.assign(new Error('no address'), { code: 'ENOTFOUND', cause: failures[0] }), { name: host, record: 'A or AAAA', servers });
  return failures.find(({ code }) => code !== 'DNS_NOT_FOUND') ?? notFound();
}

function asDnsFailure(reason: unknown): DnsFailure {
  if (reason instanceof DnsFailure) return reason;
  throw reason;
}

function alternate(first: string[], second: string[]): string[] {
  return Array.from({ length: Math.max(first.length, second.length) }, (_, index) => [first[index], second[index]])
    .flat().filter((address) => address !== undefined);
}

/** Whether an IPv6 address beyond this machine and its link can be a source (RFC 6724 §5 rule 2: scopes must match). */
const hasIPv6 = (): boolean => Object.values(networkInterfaces()).flat()
  .some((one) => one !== undefined && isIPv6(one.address) && !one.internal && one.scopeid === 0);

/** One question to a resolver of its own, because cancel() ends all questions of a resolver. */
async function ask<T>(question: Question, limits: Limits, put: (resolver: Resolver) => Promise<T>): Promise<T> {
  const resolver = new Resolver(RETRANSMIT);
  if (limits.servers.length > 0) resolver.setServers(limits.servers);
  try {
    return await bounded(question, limits, put(resolver));
  } finally {
    resolver.cancel();
  }
}

/** The answer, or a DnsFailure when it is a failure, comes too late, or is not wanted any more. */
function bounded<T>(question: Question, { timeoutMs, signals }: Limits, answer: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const stop = ({ target }: Pick<Event, 'target'>): void => settle(() => reject(stoppedFailure(target as AbortSignal, question)));
    const timer = setTimeout(() => settle(() => reject(dnsFailure(Object.assign(new Error(`no answer within ${timeoutMs} ms`), { code: 'ETIMEOUT' }), question))), timeoutMs);
    const settle = (how: () => void): void => {
      clearTimeout(timer);
      signals.forEach((signal) => signal.removeEventListener('abort', stop));
      how();
    };
    signals.forEach((signal) => signal.addEventListener('abort', stop));
    answer.then((value) => settle(() => resolve(value)), (cause: NodeJS.ErrnoException) => settle(() => reject(dnsFailure(cause, question))));
    const aborted = signals.find((signal) => signal.aborted);
    if (aborted) stop({ target: aborted });
  });
}
