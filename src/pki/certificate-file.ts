import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import type * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';
import { numberedOid, parseBer } from './asn1.js';
import { type CertificateFacts, certificateFacts } from './certificate-facts.js';
import { canSign, excessOf } from './key-pair.js';
import { passwordBasedCipher, WorkBudget } from './pbe.js';
import { fromBase64, looksLikePem, type PemBlock, pemBlocks, toPem } from './pem.js';
import { isPkcs12, type KeyMaterial, readPkcs12 } from './pkcs12.js';
import { PkiFault, unreadable } from './pki-fault.js';

export interface CertificateInFile {
  pem: string;
  facts: CertificateFacts;
}

/** What a file holds, as plain data. */
export interface CertificateFile {
  format: 'pem' | 'der' | 'pkcs12' | 'pkcs7';
  /** In their order, each once; at least one. */
  certificates: CertificateInFile[];
  /** PKCS#8 in PEM, each once. */
  privateKeys: string[];
}

export const MAX_CERTIFICATES = 200;

const SIGNED_DATA = '1.2.840.113549.1.7.2';
const CERTIFICATE_LABELS = new Set(['CERTIFICATE', 'X509 CERTIFICATE', 'TRUSTED CERTIFICATE']);
/** The labels of private keys, and the form of their DER. */
const DER_TYPES: Readonly<Record<string, 'pkcs8' | 'pkcs1' | 'sec1'>> = { 'PRIVATE KEY': 'pkcs8', 'ENCRYPTED PRIVATE KEY': 'pkcs8', 'RSA PRIVATE KEY': 'pkcs1', 'EC PRIVATE KEY': 'sec1' };
const SEQUENCE_TAG = 0x30;

/** How the format was found out, and what is in the file. */
type Content = KeyMaterial & Pick<CertificateFile, 'format'>;

/**
 * Reads certificates, and private keys where there are any, from a file of any of the usual formats, which is found out: PEM with text around
 * it, DER, PKCS#7 (.p7b), PKCS#12 (.p12, .pfx), or the base64 text of one of these. It may take seconds of computing for a PKCS#12 file.
 * @param passphrase null: none was given
 * @throws PkiFault
 */
export function readCertificateFile(bytes: Buffer, passphrase: string | null): CertificateFile {
  const { format, certificates, privateKeys } = contentOf(bytes, passphrase);
  const different = [...new Map(certificates.map((der) => [der.toString('base64'), der])).values()];
  if (different.length > MAX_CERTIFICATES) throw tooMany(different.length);
  if (different.length === 0) throw unreadable('There is no certificate in the file.');
  return {
    format,
    certificates: different.map((der) => ({ pem: toPem('CERTIFICATE', certificateBytes(der)), facts: certificateFacts(certificateBytes(der)) })),
    privateKeys: [...new Set(privateKeys.map(usableKey))],
  };
}

/** @throws PkiFault when computing with the key could take for ever, or leads nowhere */
function usableKey(key: KeyObject): string {
  const excess = excessOf(key);
  if (excess !== null) throw new PkiFault('CERTIFICATE_KEY_UNUSUAL', `The private key in the file is not safe to compute with. ${excess}`);
  if (!canSign(key)) throw new PkiFault('CERTIFICATE_UNUSABLE', 'The private key in the file cannot sign: it is damaged, or of a kind that TLS does not use. Export it again.');
  return key.export({ type: 'pkcs8', format: 'pem' }) as string;
}

/** Without what OpenSSL's "trusted" form adds behind it. */
function certificateBytes(der: Buffer): Buffer {
  try {
    return Buffer.from(new X509Certificate(der).raw);
  } catch (cause) {
    throw unreadable('The file holds a certificate that is damaged. Export it again.', cause);
  }
}

function contentOf(bytes: Buffer, passphrase: string | null): Content {
  const text = textOf(bytes).replace(/^\xef\xbb\xbf/, ''); // the mark of UTF-8, as it reads here
  if (looksLikePem(text)) return pemContent(pemBlocks(text), passphrase);
  if (bytes[0] === SEQUENCE_TAG) return binaryContent(bytes, passphrase);
  const decoded = fromBase64(text);
  if (decoded !== null && decoded[0] === SEQUENCE_TAG) return binaryContent(decoded, passphrase);
  if (decoded !== null && looksLikePem(textOf(decoded))) return contentOf(decoded, passphrase);
  throw unreadable('This is not a certificate: it is neither PEM (a text with BEGIN CERTIFICATE in it) nor DER nor PKCS#12.');
}

/** Windows saves text as UTF-16 when it is asked for Unicode. */
function textOf(bytes: Buffer): string {
  return bytes[0] === 0xff && bytes[1] === 0xfe ? bytes.toString('utf16le') : bytes.toString('latin1');
}

function pemContent(blocks: PemBlock[], passphrase: string | null): Content {
  const certificates = blocks.flatMap(({ label, der }) => {
    if (label === 'PKCS7' || label === 'CMS') return pkcs7Certificates(parseBer(der));
    return CERTIFICATE_LABELS.has(label) ? [der] : [];
  });
  if (certificates.length === 0) throw withoutCertificate(blocks.map(({ label }) => label));
  const budget = new WorkBudget();
  const keyBlocks = [...new Map(blocks.filter(({ label }) => label in DER_TYPES).map((block) => [block.text, block])).values()];
  return { format: 'pem', certificates, privateKeys: keyBlocks.map((block) => privateKey(block, passphrase, budget)) };
}

function binaryContent(der: Buffer, passphrase: string | null): Content {
  if (isCertificate(der)) return { format: 'der', certificates: certificatesInRow(der), privateKeys: [] };
  const root = parseBer(der);
  if (isPkcs12(root)) return { format: 'pkcs12', ...orUnreadable(() => readPkcs12(der, passphrase)) };
  if (numberedOid((root as asn1js.Sequence).valueBlock.value[0]) === SIGNED_DATA) return { format: 'pkcs7', certificates: pkcs7Certificates(root), privateKeys: [] };
  if (isRequest(root)) throw withoutCertificate(['CERTIFICATE REQUEST']);
  throw unreadable('The file is neither a certificate nor a PKCS#12 file, or it is damaged.');
}

/** One after the other, as `cat` puts them together; line ends behind the last do no harm. */
function certificatesInRow(der: Buffer): Buffer[] {
  const certificates: Buffer[] = [];
  for (let rest = der; rest.length > 0; rest = rest.subarray(certificates.at(-1)!.length)) {
    if (/^\s+$/.test(rest.toString('latin1'))) break;
    if (certificates.length === MAX_CERTIFICATES) throw tooMany('more');
    certificates.push(certificateBytes(rest));
  }
  return certificates;
}

const tooMany = (count: number | 'more'): PkiFault => new PkiFault('CERTIFICATES_TOO_MANY', `The file holds ${count} certificates; ${MAX_CERTIFICATES} are taken at once. Split it.`);

function isCertificate(der: Buffer): boolean {
  try {
    return new X509Certificate(der).raw.length > 0;
  } catch {
    return false;
  }
}

/** CertificationRequestInfo begins with its version, 0 (RFC 2986 §4); a certificate's first part with a tag of its own or a serial number. */
function isRequest(root: asn1js.AsnType): boolean {
  try {
    return new pkijs.CertificationRequest({ schema: root }).version === 0;
  } catch {
    return false;
  }
}

/** The certificates of a "degenerate" SignedData (RFC 5652 §5.1), as Windows' certificate authorities hand them out. */
function pkcs7Certificates(root: asn1js.AsnType): Buffer[] {
  return orUnreadable(() => {
    const content = new pkijs.ContentInfo({ schema: root }).content as asn1js.AsnType;
    const { certificates = [] } = new pkijs.SignedData({ schema: content });
    return certificates.filter((one) => one instanceof pkijs.Certificate).map((one) => Buffer.from(one.toSchema().toBER()));
  });
}

function privateKey({ label, der, text, encrypted }: PemBlock, passphrase: string | null, budget: WorkBudget): KeyObject {
  // How much work it asks for is bounded before OpenSSL does it.
  if (label === 'ENCRYPTED PRIVATE KEY') budget.take(orUnreadable(() => passwordBasedCipher(new pkijs.PKCS8ShroudedKeyBag({ schema: parseBer(der) }).encryptionAlgorithm)).rounds);
  try {
    // The very bytes that were looked at, and not a text that OpenSSL might read in another way.
    const source = encrypted ? { key: text, format: 'pem' as const } : { key: der, format: 'der' as const, type: DER_TYPES[label]! };
    return createPrivateKey({ ...source, ...(passphrase && { passphrase }) });
  } catch (cause) {
    throw keyFault(cause, encrypted || label === 'ENCRYPTED PRIVATE KEY', passphrase);
  }
}

/** Codes of a cipher that OpenSSL does not have, or does not know. (ERR_OSSL_UNSUPPORTED is none: a wrong passphrase now and then leaves what no decoder takes.) */
const UNSUPPORTED = new Set(['ERR_OSSL_EVP_UNSUPPORTED', 'ERR_OSSL_PEM_UNSUPPORTED_ENCRYPTION']);

function keyFault(cause: unknown, encrypted: boolean, passphrase: string | null): PkiFault {
  if (!encrypted) return unreadable('The private key in the file is damaged. Export it again.', cause);
  if (UNSUPPORTED.has((cause as NodeJS.ErrnoException).code ?? '')) {
    return new PkiFault('CERTIFICATE_ENCRYPTION_UNSUPPORTED', 'The private key in the file is encrypted by a scheme that is not safe any more. Export it with AES-256.', 'certificate', { cause });
  }
  if (!passphrase) return new PkiFault('CERTIFICATE_PASSPHRASE_REQUIRED', 'A passphrase is needed: the private key in the file is encrypted.', 'passphrase', { cause });
  return new PkiFault('CERTIFICATE_PASSPHRASE_WRONG', 'The passphrase is wrong: it does not open the private key in the file.', 'passphrase', { cause });
}

/** Whatever else a parser throws means that the file is damaged. */
function orUnreadable<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw cause instanceof PkiFault ? cause : unreadable('The file is damaged: its structure cannot be read. Export it again.', cause);
  }
}

function withoutCertificate(labels: string[]): PkiFault {
  if (labels.some((label) => label.endsWith('CERTIFICATE REQUEST'))) {
    return unreadable('This is a certificate request, and no certificate. Have it signed by your certificate authority, and install what that answers.');
  }
  if (labels.some((label) => label.endsWith('PRIVATE KEY'))) return unreadable('There is a private key in the file, and no certificate.');
  return unreadable(`There is no certificate in the file${labels.length > 0 ? `, only ${labels.slice(0, 3).join(', ')}` : ''}.`);
}

/** The certificates of a PEM text, each in PEM; what cannot be read is left out. For files that an operator gave at the start. */
export function certificatesIn(text: string): string[] {
  return text.split(/(?=-----BEGIN )/).flatMap((part) => {
    try {
      return pemBlocks(part).filter(({ label }) => CERTIFICATE_LABELS.has(label)).map(({ der }) => toPem('CERTIFICATE', certificateBytes(der)));
    } catch {
      return [];
    }
  });
}
