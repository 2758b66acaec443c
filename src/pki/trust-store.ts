import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { isSelfSigned } from './certificate-facts.js';

const MAX_DEPTH = 10;
/** Signatures that are checked for one answer: certificates that share names could lead to very many paths, and the event loop waits. */
const MAX_CHECKS = 20;
const MAX_KNOWN = 10_000;

let publicRoots: readonly X509Certificate[] | null = null;

/** The certificates that Mailroom trusts: the public roots of Node.js, and others. */
export class TrustStore {
  private readonly bySubject = new Map<string, X509Certificate[]>();
  /** Signatures that were checked before: by issuer and certificate. */
  private readonly known = new Map<string, boolean>();

  /** @param others in PEM, one certificate each */
  constructor(others: readonly string[]) {
    publicRoots ??= rootCertificates.map((pem) => new X509Certificate(pem));
    for (const anchor of [...others.map((pem) => new X509Certificate(pem)), ...publicRoots]) this.add(anchor);
  }

  /**
   * Whether signatures lead from the certificate to a trusted one, over CA certificates that are valid now. A trusted certificate leads to
   * itself.
   * @param others that may stand in between
   */
  leadsToTrusted(certificate: X509Certificate, others: readonly X509Certificate[] = [], at = Date.now()): boolean {
    const signatures = new Signatures(this.known);
    const search = (current: X509Certificate, depth: number): boolean => {
      if (depth > MAX_DEPTH || (depth > 0 && !isValidAt(current, at))) return false;
      if (this.has(current)) return isValidAt(current, at);
      const candidates = [...(this.bySubject.get(current.issuer) ?? []), ...others.filter((other) => other.subject === current.issuer && other !== current)];
      return candidates.some((issuer) => signatures.issued(issuer, current) && search(issuer, depth + 1));
    };
    return search(certificate, 0);
  }

  private add(anchor: X509Certificate): void {
    const same = this.bySubject.get(anchor.subject);
    if (same) same.push(anchor);
    else this.bySubject.set(anchor.subject, [anchor]);
  }

  private has(certificate: X509Certificate): boolean {
    return this.bySubject.get(certificate.subject)?.some(({ fingerprint256 }) => fingerprint256 === certificate.fingerprint256) ?? false;
  }
}

/** The issuers of a certificate among others, the nearest first, without a root at the end: servers have that themselves (RFC 8446 §4.4.2). */
export function chainOf(certificate: X509Certificate, others: readonly X509Certificate[]): X509Certificate[] {
  const chain: X509Certificate[] = [];
  const signatures = new Signatures();
  for (let current = certificate; chain.length < MAX_DEPTH; current = chain.at(-1)!) {
    const issuer = others.find((other) => other !== certificate && !chain.includes(other) && signatures.issued(other, current));
    if (issuer === undefined) break;
    chain.push(issuer);
  }
  return chain.filter((one, index) => index < chain.length - 1 || !isSelfSigned(one));
}

export const isValidAt = ({ validFrom, validTo }: X509Certificate, at: number): boolean => Date.parse(validFrom) <= at && at <= Date.parse(validTo);

/** Checks who issued a certificate, at most so often that nobody has to wait: what is not checked any more counts as no. */
class Signatures {
  private checks = 0;

  constructor(private readonly known = new Map<string, boolean>()) {}

  issued(issuer: X509Certificate, certificate: X509Certificate): boolean {
    // Names, key identifiers and key usage cost nothing. A self-signed one of version 1 does not say that it is an authority.
    if (!certificate.checkIssued(issuer) || !(issuer.ca || issuer.subject === issuer.issuer)) return false;
    const pair = `${issuer.fingerprint256} ${certificate.fingerprint256}`;
    return this.known.get(pair) ?? this.check(pair, issuer, certificate);
  }

  private check(pair: string, issuer: X509Certificate, certificate: X509Certificate): boolean {
    if ((this.checks += 1) > MAX_CHECKS) return false;
    const verified = verifies(issuer, certificate);
    if (this.known.size < MAX_KNOWN) this.known.set(pair, verified);
    return verified;
  }
}

function verifies(issuer: X509Certificate, certificate: X509Certificate): boolean {
  try {
    return certificate.verify(issuer.publicKey);
  } catch {
    return false; // a key of a kind that OpenSSL does not know
  }
}
