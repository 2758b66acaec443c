import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate, type TLSSocket } from 'node:tls';
import { alternativeNames, distinguishedName, isSelfSigned, type CertificateFault } from './tls-facts.js';

const UNKNOWN_ISSUER = new Set([
  'UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'SELF_SIGNED_CERT_IN_CHAIN', 'CERT_UNTRUSTED',
]);

/**
 * What is wrong with the server's certificate for the name `host`, the deciding fault first; none when all is well. The chain is judged by
 * OpenSSL; name (RFC 9525, an IP address against IP names only) and dates are looked at in any case, so that a reader sees all that is
 * to be mended at once.
 */
export function certificateFaults(socket: TLSSocket, chain: X509Certificate[], host: string): CertificateFault[] {
  const [leaf] = chain;
  if (!leaf) return [fault('CERTIFICATE_REJECTED', 'The server showed no certificate.', 'Give the server a certificate.')];
  // Node's types say Error, but the property holds OpenSSL's code as text.
  const verdict = (socket.authorizationError as unknown as string | null) ?? null;
  const found = [verdict && chainFault(verdict, chain), dateFault(chain), nameFault(socket.getPeerCertificate(), leaf, host)];
  const faults = found.filter((item): item is CertificateFault => Boolean(item));
  return faults.filter((item, index) => faults.findIndex(({ code }) => code === item.code) === index);
}

const fault = (code: string, message: string, hint: string): CertificateFault => ({ code, message, hint });

function chainFault(verdict: string, chain: X509Certificate[]): CertificateFault {
  if (verdict === 'CERT_HAS_EXPIRED' || verdict === 'CERT_NOT_YET_VALID') return dateFault(chain) ?? rejected(verdict, chain);
  if (verdict === 'DEPTH_ZERO_SELF_SIGNED_CERT') return selfSigned(chain[0]!);
  if (UNKNOWN_ISSUER.has(verdict)) return isSelfSigned(chain[0]!) ? selfSigned(chain[0]!) : unknownIssuer(chain);
  if (verdict === 'CERT_REVOKED') return fault('CERTIFICATE_REVOKED', 'The server’s certificate was revoked by its issuer.',
    'Install a new certificate on the server.');
  // Node has no name for OpenSSL's "key too small" and "digest too weak" and calls them so.
  if (verdict === 'UNSPECIFIED') return weak(chain);
  return rejected(verdict, chain);
}

function dateFault(chain: X509Certificate[]): CertificateFault | null {
  const now = Date.now();
  const expired = chain.find(({ validTo }) => Date.parse(validTo) < now);
  if (expired) return expiredFault(expired, expired === chain[0]);
  const early = chain.find(({ validFrom }) => Date.parse(validFrom) > now);
  return early ? fault(
    'CERTIFICATE_NOT_YET_VALID',
    `The certificate ${distinguishedName(early.subject)} is valid only from ${new Date(early.validFrom).toISOString()} on.`,
    'Check the clock of this machine and of the server, or wait until the certificate is valid.',
  ) : null;
}

const expiredFault = (certificate: X509Certificate, isLeaf: boolean): CertificateFault => fault(
  'CERTIFICATE_EXPIRED',
  `The ${isLeaf ? 'server’s certificate' : 'issuer’s certificate'} ${distinguishedName(certificate.subject)} `
    + `expired on ${new Date(certificate.validTo).toISOString()}.`,
  isLeaf ? 'Install a new certificate on the server.' : 'Install a current certificate chain on the server, or trust the current certificate of its CA.',
);

const selfSigned = (leaf: X509Certificate): CertificateFault => fault(
  'CERTIFICATE_SELF_SIGNED',
  `The server’s certificate ${distinguishedName(leaf.subject)} is self-signed and is not trusted here.`,
  'Add this certificate to the trusted certificates after comparing its fingerprint, or install one that a CA issued.',
);

const unknownIssuer = (chain: X509Certificate[]): CertificateFault => fault(
  'CERTIFICATE_UNKNOWN_ISSUER',
  `The server’s certificate ${distinguishedName(chain[0]!.subject)} was issued by ${distinguishedName(chain.at(-1)!.issuer)}, which is not trusted here.`,
  'Add the certificate of this issuing CA to the trusted certificates. If it is a public CA, let the server send its intermediate certificates.',
);

const weak = (chain: X509Certificate[]): CertificateFault => fault(
  'CERTIFICATE_WEAK',
  `A certificate in the server’s chain (${chain.map(({ subject }) => distinguishedName(subject)).join(' ← ')}) `
    + 'has a key or a signature that is too weak to be trusted.',
  'Install a certificate with an RSA key of at least 2048 bits or an EC key, signed with SHA-256 or better.',
);

const rejected = (verdict: string, chain: X509Certificate[]): CertificateFault => fault(
  'CERTIFICATE_REJECTED',
  `The server’s certificate ${distinguishedName(chain[0]!.subject)} does not pass the check of its chain (${verdict}).`,
  'Check the purposes, constraints and signatures in the server’s certificate chain.',
);

/** `host` is compared as configured: the address we connected to proves nothing. */
function nameFault(peer: PeerCertificate, leaf: X509Certificate, host: string): CertificateFault | null {
  if (!checkServerIdentity(host, peer)) return null;
  const names = alternativeNames(leaf);
  const listed = names.length > 0 ? names.join(', ') : `no names, only the subject ${distinguishedName(leaf.subject)}`;
  return fault(
    'CERTIFICATE_NAME_MISMATCH',
    `The server’s certificate is not for ${host}. It has: ${listed}.`,
    isIP(host) ? 'Set the server address to one of the names in the certificate, or add this IP address to the certificate.'
      : 'Set the server address to one of the names in the certificate, or install a certificate for this name.',
  );
}
