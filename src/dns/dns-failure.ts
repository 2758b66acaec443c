export type DnsFailureCode =
  | 'DNS_NOT_FOUND'
  | 'DNS_TIMEOUT'
  | 'DNS_REFUSED'
  | 'DNS_SERVFAIL'
  | 'DNS_UNREACHABLE'
  | 'DNS_NULL_MX'
  | 'DNS_MX_INVALID'
  | 'DNS_FAILED'
  | 'ABORTED';

/** The mail server's name leads to no address: a sentence that a person understands, and what to change. */
export class DnsFailure extends Error {
  constructor(
    readonly code: DnsFailureCode,
    /** The name that was looked up. */
    readonly host: string,
    message: string,
    readonly hint: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'DnsFailure';
  }

  /** Whether there simply was no answer in time. */
  get timedOut(): boolean {
    return this.code === 'DNS_TIMEOUT';
  }
}

/** What was asked, and whom. */
export interface Question {
  name: string;
  record: 'MX' | 'A or AAAA' | 'A' | 'AAAA';
  /** `address` or `address:port`; empty: this machine's own resolver. */
  servers: readonly string[];
}

interface Explanation {
  code: DnsFailureCode;
  says: (question: Question) => string;
  hint: (question: Question) => string;
}

const whom = ({ servers }: Question): string => (servers.length === 0 ? "this machine's DNS servers (/etc/resolv.conf)" : `the DNS servers ${servers.join(', ')}`);

const NOT_FOUND: Explanation = {
  code: 'DNS_NOT_FOUND',
  says: ({ name, record }) => `There is no ${record} record for ${name}.`,
  hint: (question) => `Check the spelling of serverAddress, and whether ${whom(question)} know the name. If it is a domain whose mail servers stand in MX records, set resolveMx.`
    + (question.servers.length === 0 ? '' : ' Names of /etc/hosts, such as localhost, are known only while no DNS servers are set.'),
};
const TIMEOUT: Explanation = {
  code: 'DNS_TIMEOUT',
  says: ({ name, record }) => `The DNS look-up of ${name} (${record}) got no answer in time.`,
  hint: (question) => `Check that ${whom(question)} can be reached from this machine, over UDP and TCP.`,
};
const REFUSED: Explanation = {
  code: 'DNS_REFUSED',
  says: ({ name, record }) => `The DNS server refused to look up ${name} (${record}).`,
  hint: (question) => `Check whether ${whom(question)} may be asked by this machine, and for names of other domains (recursion).`,
};
const SERVFAIL: Explanation = {
  code: 'DNS_SERVFAIL',
  says: ({ name, record }) => `The DNS server could not look up ${name} (${record}): SERVFAIL.`,
  hint: (question) => `The name servers of the domain may be down, or its DNSSEC signatures wrong. Otherwise look into the log of ${whom(question)}.`,
};
const UNREACHABLE: Explanation = {
  code: 'DNS_UNREACHABLE',
  says: ({ name }) => `No DNS server could be reached to look up ${name}.`,
  hint: (question) => `Check that ${whom(question)} run, and that no firewall blocks them.`,
};

/** By the codes of c-ares (RFC 1035 §4.1.1 RCODEs, and its own) and of getaddrinfo. */
const EXPLANATIONS: Record<string, Explanation> = {
  ENOTFOUND: NOT_FOUND, ENODATA: NOT_FOUND, ENONAME: NOT_FOUND, EAI_NODATA: NOT_FOUND, EAI_NONAME: NOT_FOUND,
  ETIMEOUT: TIMEOUT, EREFUSED: REFUSED, ESERVFAIL: SERVFAIL, ECONNREFUSED: UNREACHABLE,
};

/** The failure behind what node:dns threw. */
export function dnsFailure(cause: NodeJS.ErrnoException, question: Question): DnsFailure {
  const reason = cause.code ?? cause.message;
  const { code, says, hint } = EXPLANATIONS[reason] ?? {
    code: 'DNS_FAILED',
    says: ({ name, record }) => `The DNS look-up of ${name} (${record}) failed (${reason}).`,
    hint: () => `Check ${whom(question)}.`,
  };
  return new DnsFailure(code, question.name, says(question), hint(question), { cause });
}

/** A look-up whose signal was aborted: `AbortSignal.timeout()` makes it a time-out like any other. */
export function stoppedFailure(signal: AbortSignal, question: Question): DnsFailure {
  const { reason } = signal as { reason: unknown };
  if ((reason as { name?: unknown } | undefined)?.name === 'TimeoutError') return dnsFailure(Object.assign(new Error('timed out', { cause: reason }), { code: 'ETIMEOUT' }), question);
  return new DnsFailure('ABORTED', question.name, `The DNS look-up of ${question.name} was stopped.`, 'Start it again when wanted.', { cause: reason });
}

export const nullMx = (domain: string): DnsFailure => new DnsFailure('DNS_NULL_MX', domain,
  `${domain} says by a null MX record (RFC 7505) that it takes no mail.`, 'Enter another domain, or turn resolveMx off and enter the mail server itself.');

/** RFC 5321 §5.1: an MX record names a host. What looks like an address in it is a name that does not exist. */
export const invalidMx = (domain: string, exchange: string): DnsFailure => new DnsFailure('DNS_MX_INVALID', exchange,
  `An MX record of ${domain} holds the IP address ${exchange} where a host name must stand.`, `Correct the MX record in the DNS of ${domain}, or turn resolveMx off and enter the address itself.`);
