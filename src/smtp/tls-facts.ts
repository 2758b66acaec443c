import { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import { printable } from './printable.js';

/** A fault of the server's certificate or of its chain. */
export interface CertificateFault {
  code: string;
  message: string;
  hint: string;
}

export interface CertificateFacts {
  /** Distinguished names on one line, such as `O=Example, CN=mx.example.test`. */
  subject: string;
  issuer: string;
  /** As `DNS:mx.example.test` and `IP Address:192.0.2.1`. */
  subjectAltNames: string[];
  /** RFC 3339. */
  validFrom: string;
  validTo: string;
  serialNumber: string;
  /** SHA-256, hexadecimal pairs with colons. */
  fingerprint: string;
  selfSigned: boolean;
}

export interface TlsFacts {
  /** Such as `TLSv1.3`. */
  protocol: string;
  cipher: string;
  /** Whether the chain and the name passed every check, also when they were not required to. */
  trusted: boolean;
  /** Which checks failed, the deciding one first. */
  faults: CertificateFault[];
  /** The server's certificate first. Ends with the root when it is known. At most 10. */
  chain: CertificateFacts[];
}

const MAX_CHAIN = 10;

/** The certificates of the peer, its own first, up to a root (which is its own issuer) or to where the chain breaks off. */
export function peerChain(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (next?.raw && chain.length < MAX_CHAIN) {
    chain.push(new X509Certificate(next.raw));
    next = next.issuerCertificate === next ? undefined : next.issuerCertificate;
  }
  return chain;
}

export function certificateFacts(certificate: X509Certificate): CertificateFacts {
  return {
    subject: distinguishedName(certificate.subject),
    issuer: distinguishedName(certificate.issuer),
    subjectAltNames: alternativeNames(certificate),
    validFrom: new Date(certificate.validFrom).toISOString(),
    validTo: new Date(certificate.validTo).toISOString(),
    serialNumber: certificate.serialNumber,
    fingerprint: certificate.fingerprint256,
    selfSigned: isSelfSigned(certificate),
  };
}

/** Issued by itself: same name, and its own key verifies it. */
export function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.subject === certificate.issuer && certificate.checkIssued(certificate);
}

/** Node puts one attribute on each line. */
export function distinguishedName(lines: string): string {
  return (lines ?? '').split('\n').filter(Boolean).map((attribute) => printable(attribute, 200)).join(', ') || '(empty name)';
}

export function alternativeNames({ subjectAltName }: X509Certificate): string[] {
  return subjectAltName ? subjectAltName.split(', ').slice(0, 100).map((name) => printable(name, 300)) : [];
}
