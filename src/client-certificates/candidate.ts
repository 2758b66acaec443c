import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { MatchingRequest } from '../certificate-requests/certificate-requests.service.js';
import { refusal } from '../certificates/refusal.js';
import type { CertificateFile, CertificateInFile } from '../pki/certificate-file.js';
import { weaknessOf } from '../pki/key-pair.js';
import { publicKeyDigestOf } from '../pki/public-key.js';
import { chainOf } from '../pki/trust-store.js';

/** A certificate that can be presented, with the key that it belongs to. */
export interface Candidate {
  certificate: CertificateInFile;
  /** The nearest issuer first. */
  chain: CertificateInFile[];
  /** PKCS#8 in PEM. */
  privateKey: string;
  certificateRequestId: string | null;
}

type Requests = (publicKeyDigests: Buffer[]) => Promise<MatchingRequest[]>;

/** In the file, as OpenSSL knows it. */
interface Opened {
  inFile: CertificateInFile;
  x509: X509Certificate;
}

/**
 * The certificate in a file that is a client's, with its chain and its key: that in the file, or that of the request it was issued for.
 * @throws MailroomError with a code for each way in which a file cannot be used
 */
export async function candidateOf(file: CertificateFile, requests: Requests): Promise<Candidate> {
  const opened = file.certificates.map((inFile) => ({ inFile, x509: new X509Certificate(inFile.pem) }));
  const { own, privateKey, certificateRequestId } = await withKey(file, opened, requests);
  refuseUnfit(own);
  const chain = chainOf(own.x509, opened.map(({ x509 }) => x509)).map((x509) => opened.find((one) => one.x509 === x509)!.inFile);
  refuseUnusable([own.inFile, ...chain], privateKey);
  return { certificate: own.inFile, chain, privateKey, certificateRequestId };
}

interface WithKey {
  own: Opened;
  privateKey: string;
  certificateRequestId: string | null;
}

async function withKey({ format, privateKeys }: CertificateFile, opened: Opened[], requests: Requests): Promise<WithKey> {
  const [privateKey, ...others] = privateKeys;
  if (others.length > 0) throw refusal('CERTIFICATE_PRIVATE_KEYS_SEVERAL', `There are ${privateKeys.length} private keys in the file. Export one certificate with its private key, and no other.`);
  if (privateKey !== undefined) return { own: ofKey(opened, privateKey), privateKey, certificateRequestId: null };
  if (format === 'pkcs12') {
    throw refusal('CERTIFICATE_PRIVATE_KEY_MISSING', 'There is no private key in the PKCS#12 file. Export the certificate together with its private key.');
  }
  return ofRequest(opened, requests);
}

function ofKey(opened: Opened[], privateKey: string): Opened {
  const key = createPrivateKey(privateKey);
  const own = newest(opened.filter(({ x509 }) => belongsTo(x509, key)));
  if (own === null) throw refusal('CERTIFICATE_KEY_MISMATCH', 'The private key in the file belongs to none of its certificates. Export the two together.');
  return own;
}

function belongsTo(certificate: X509Certificate, key: ReturnType<typeof createPrivateKey>): boolean {
  try {
    return certificate.checkPrivateKey(key);
  } catch {
    return false; // a key of a kind that OpenSSL does not know
  }
}

async function ofRequest(opened: Opened[], requests: Requests): Promise<WithKey> {
  const digests = opened.map(({ x509 }) => publicKeyDigestOf(x509));
  const matching = await requests(digests.filter((digest) => digest !== null));
  const requestOf = (one: Opened): MatchingRequest | undefined => matching.find(({ publicKeyDigest }) => digests[opened.indexOf(one)]?.equals(publicKeyDigest));
  const own = newest(opened.filter((one) => requestOf(one) !== undefined));
  if (own !== null) {
    const request = requestOf(own)!;
    return { own, privateKey: request.privateKey(), certificateRequestId: request.id };
  }
  if (opened.every(({ inFile }) => inFile.facts.isCertificateAuthority)) throw isAuthority();
  throw refusal('CERTIFICATE_REQUEST_NOT_FOUND', 'The certificate was issued for none of the certificate requests here, so there is no private key for it. Install the one that was issued for a request of /v1/certificate-requests, or a PKCS#12 file with its private key.');
}

/** Of several certificates for one key, as after a renewal: that which is valid longest, and valid already if there is one. */
function newest(candidates: Opened[]): Opened | null {
  const rank = ({ inFile: { facts } }: Opened): number => (Date.parse(facts.validFrom) <= Date.now() ? Date.parse(facts.validTo) : -Infinity);
  return candidates.reduce<Opened | null>((best, one) => (best === null || rank(one) > rank(best) ? one : best), null);
}

function refuseUnfit({ inFile: { facts }, x509 }: Opened): void {
  if (facts.isCertificateAuthority) throw isAuthority();
  refuseOtherPurpose(facts);
  const weakness = weaknessOf(x509.publicKey);
  if (weakness !== null) throw refusal('CERTIFICATE_KEY_TOO_WEAK', `The certificate is not safe to use. ${weakness} Make a new certificate request.`);
  if (Date.parse(facts.validTo) <= Date.now()) throw refusal('CERTIFICATE_EXPIRED', `The certificate expired on ${facts.validTo}. Have a new one issued.`);
  if (Date.parse(facts.validFrom) > Date.now()) {
    throw refusal('CERTIFICATE_NOT_YET_VALID', `The certificate is valid only from ${facts.validFrom} on. Install it then, or check the clock of this machine.`);
  }
}

/** What a server's OpenSSL asks of a client's certificate (RFC 5280 §4.2.1.3, §4.2.1.12); without these extensions a certificate is for everything. */
function refuseOtherPurpose({ keyUsage, extendedKeyUsage }: CertificateInFile['facts']): void {
  if (extendedKeyUsage.length > 0 && !extendedKeyUsage.some((purpose) => purpose === 'clientAuth' || purpose === 'anyExtendedKeyUsage')) {
    throw refusal('CERTIFICATE_NOT_FOR_CLIENT_AUTH', `The certificate is for ${extendedKeyUsage.slice(0, 5).join(', ')}, and not for client authentication (clientAuth). Have one issued for that purpose.`);
  }
  if (keyUsage.length > 0 && !keyUsage.includes('digitalSignature') && !keyUsage.includes('keyAgreement')) {
    throw refusal('CERTIFICATE_NOT_FOR_CLIENT_AUTH', `The key may be used for ${keyUsage.join(', ')}, and not for digitalSignature, which client authentication needs. Have a certificate issued for that.`);
  }
}

/** Whatever else TLS would not take, such as an issuer with a SHA-1 signature: it is tried as it will be presented. */
function refuseUnusable(certificates: CertificateInFile[], key: string): void {
  try {
    createSecureContext({ cert: certificates.map(({ pem }) => pem).join(''), key, minVersion: 'TLSv1.2' });
  } catch (cause) {
    const names = certificates.map(({ facts: { subject } }) => subject).join('; ').slice(0, 500);
    throw refusal('CERTIFICATE_UNUSABLE', `TLS cannot use the certificate with its chain (${(cause as { reason?: string }).reason ?? 'unknown reason'}): ${names}. Each must be signed with SHA-256 or better, with a key of usual kind and size.`, undefined, cause);
  }
}

const isAuthority = (): Error =>
  refusal('CERTIFICATE_IS_CA', 'This is the certificate of a certificate authority, and not of a client. Install the one that the authority issued for Mailroom; what mail servers are verified with goes to /v1/trusted-certificates.');
