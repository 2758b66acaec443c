import type { MxRecord } from 'node:dns';
import { lookup, Resolver } from 'node:dns/promises';
import type { ServerAddress } from './server-address.js';

/** One IP address of a mail server, and the host it belongs to. */
export interface ResolvedAddress {
  address: string;
  host: string;
}

export type DnsFailureCode = 'DNS_NOT_FOUND' | 'DNS_TIMEOUT' | 'DNS_FAILED' | 'DNS_NULL_MX';

/** The mail server's name leads to no address. */
export class DnsFailure extends Error {
  constructor(
    readonly code: DnsFailureCode,
    message: string,
    readonly hint: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'DnsFailure';
  }
}

const TIMEOUT_MS = 10_000;
const MAX_MX_HOSTS = 10;
const NOT_FOUND = new Set(['ENOTFOUND', 'ENODATA', 'ENONAME', 'EAI_NODATA', 'EAI_NONAME']);

/**
 * All addresses of a server in the order in which they are to be tried, by the operating system's resolver, so that /etc/hosts and
 * localhost work. With `resolveMx` the hosts of the MX records come first by preference (RFC 5321 §5.1).
 * @throws DnsFailure, within 10 s for each name
 */
export async function resolveServer(server: ServerAddress, resolveMx: boolean): Promise<ResolvedAddress[]> {
  if (server.type !== 'name') return [{ address: server.host, host: server.host }];
  const hosts = resolveMx ? await mailHosts(server.host) : [server.host];
  const answers = await Promise.allSettled(hosts.map(addressesOf));
  const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  const failed = answers.find((answer) => answer.status === 'rejected');
  if (found.length === 0 && failed) throw failed.reason;
  return found;
}

async function addressesOf(host: string): Promise<ResolvedAddress[]> {
  const answers = await within(host, lookup(host, { all: true, verbatim: true }));
  return answers.map(({ address }) => ({ address, host }));
}

/** A domain without MX records is its own mail host; a null MX (RFC 7505) says that it takes no mail. */
async function mailHosts(domain: string): Promise<string[]> {
  const records = await within(domain, new Resolver({ timeout: 2_500, tries: 2 }).resolveMx(domain)).catch((failure: DnsFailure) => {
    if (failure.code === 'DNS_NOT_FOUND') return [] as MxRecord[];
    throw failure;
  });
  if (records.length === 1 && records[0]!.exchange === '') {
    throw new DnsFailure('DNS_NULL_MX', `${domain} says by a null MX record that it takes no mail.`, 'Enter another domain, or turn resolveMx off and enter the host itself.');
  }
  if (records.length === 0) return [domain];
  return shuffleEqual(records).slice(0, MAX_MX_HOSTS).map(({ exchange }) => exchange);
}

/** RFC 5321 §5.1: hosts of one preference are tried in random order, to spread the load. */
function shuffleEqual(records: MxRecord[]): MxRecord[] {
  return records
    .map((record) => ({ record, rank: Math.random() }))
    .sort((one, other) => one.record.priority - other.record.priority || one.rank - other.rank)
    .map(({ record }) => record);
}

async function within<T>(name: string, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error('no answer'), { code: 'ETIMEOUT' })), TIMEOUT_MS);
  });
  try {
    return await Promise.race([answer, late]);
  } catch (cause) {
    throw dnsFailure(name, cause as NodeJS.ErrnoException);
  } finally {
    clearTimeout(timer);
  }
}

function dnsFailure(name: string, cause: NodeJS.ErrnoException): DnsFailure {
  const code = cause.code ?? '';
  if (NOT_FOUND.has(code)) return new DnsFailure('DNS_NOT_FOUND', `There is no address for ${name}.`, 'Check the spelling of serverAddress, and that this machine\'s DNS knows the name.', { cause });
  if (code === 'ETIMEOUT') return new DnsFailure('DNS_TIMEOUT', `The look-up of ${name} got no answer.`, 'Check that the DNS servers of this machine can be reached.', { cause });
  return new DnsFailure('DNS_FAILED', `The look-up of ${name} failed (${code || cause.message}).`, 'Check the DNS servers of this machine.', { cause });
}
