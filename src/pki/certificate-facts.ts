import { X509Certificate } from 'node:crypto';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';
import { parseBer } from './asn1.js';
import { formatDistinguishedName } from './distinguished-name.js';
import { ipAddressText } from './ip-address.js';
import { excessOf, keyTypeOf } from './key-pair.js';
import { PkiFault, unreadable } from './pki-fault.js';
import { publicKeyOf } from './public-key.js';

/** What a certificate says, as plain data. */
export interface CertificateFacts {
  /** RFC 4514. */
  subject: string;
  issuer: string;
  /** Hexadecimal digits in upper case. */
  serialNumber: string;
  /** SHA-256 and SHA-1 of the DER, hexadecimal digits in upper case. */
  thumbprintSha256: string;
  thumbprintSha1: string;
  /** RFC 3339. */
  validFrom: string;
  validTo: string;
  keyType: string;
  /** Such as `DNS:mx.example.com` and `IP Address:192.0.2.1`; at most 100. */
  subjectAltNames: string[];
  /** RFC 5280 §4.2.1.3; empty: not restricted. */
  keyUsage: string[];
  /** RFC 5280 §4.2.1.12, by name where it has one; empty: not restricted. */
  extendedKeyUsage: string[];
  isCertificateAuthority: boolean;
  isSelfSigned: boolean;
}

const OID = { keyUsage: '2.5.29.15', subjectAltName: '2.5.29.17', extendedKeyUsage: '2.5.29.37' };
const KEY_USAGES = [
  'digitalSignature', 'contentCommitment', 'keyEncipherment', 'dataEncipherment', 'keyAgreement', 'keyCertSign', 'cRLSign', 'encipherOnly', 'decipherOnly',
];
const PURPOSES: Record<string, string> = {
  '1.3.6.1.5.5.7.3.1': 'serverAuth', '1.3.6.1.5.5.7.3.2': 'clientAuth', '1.3.6.1.5.5.7.3.3': 'codeSigning', '1.3.6.1.5.5.7.3.4': 'emailProtection',
  '1.3.6.1.5.5.7.3.8': 'timeStamping', '1.3.6.1.5.5.7.3.9': 'OCSPSigning', '2.5.29.37.0': 'anyExtendedKeyUsage',
};
/** Every process keeps each, and every answer that lists them holds each. */
const MAX_BYTES = 64 * 1024;
const MAX_NAMES = 100;
/** Characters of a distinguished name that are kept: real ones have 200 at most. */
const LONGEST_NAME = 2_000;

/** @throws PkiFault CERTIFICATE_UNREADABLE */
export function certificateFacts(der: Buffer): CertificateFacts {
  if (der.length > MAX_BYTES) throw new PkiFault('CERTIFICATE_TOO_LARGE', `The file holds a certificate of ${der.length} bytes; ${MAX_BYTES} are the most. A usual one has 2,000.`);
  try {
    return factsOf(new X509Certificate(der), new pkijs.Certificate({ schema: parseBer(der) }));
  } catch (cause) {
    throw cause instanceof PkiFault ? cause : unreadable('The file holds a certificate that is damaged. Export it again.', cause);
  }
}

function factsOf(certificate: X509Certificate, parsed: pkijs.Certificate): CertificateFacts {
  return {
    subject: nameOf(parsed.subject),
    issuer: nameOf(parsed.issuer),
    serialNumber: certificate.serialNumber,
    thumbprintSha256: certificate.fingerprint256.replaceAll(':', ''),
    thumbprintSha1: certificate.fingerprint.replaceAll(':', ''),
    validFrom: moment(certificate.validFrom, parsed.notBefore),
    validTo: moment(certificate.validTo, parsed.notAfter),
    keyType: keyType(certificate),
    subjectAltNames: alternativeNames(extensionOf(parsed, OID.subjectAltName)),
    keyUsage: keyUsages(extensionOf(parsed, OID.keyUsage)),
    extendedKeyUsage: purposes(extensionOf(parsed, OID.extendedKeyUsage)),
    isCertificateAuthority: certificate.ca,
    isSelfSigned: isSelfSigned(certificate),
  };
}

const nameOf = ({ valueBeforeDecode }: pkijs.RelativeDistinguishedNames): string => oneLine(formatDistinguishedName(new Uint8Array(valueBeforeDecode)), LONGEST_NAME);

/** Issued by itself: the same name, and its own key verifies it. (OpenSSL's own check asks for a CA's key usage too, which servers' certificates lack.) */
export function isSelfSigned(certificate: X509Certificate): boolean {
  try {
    return certificate.subject === certificate.issuer && certificate.verify(certificate.publicKey);
  } catch {
    return false; // a key of a kind that OpenSSL does not know
  }
}

/** RFC 5280 §4.1.2.5. OpenSSL and pkijs read times that are none (month 13, no Z) in different ways. */
function moment(text: string, { value }: pkijs.Time): string {
  if (Date.parse(text) === value.getTime()) return value.toISOString();
  throw unreadable('The file holds a certificate with a date that is none. Have it issued again.');
}

function keyType(certificate: X509Certificate): string {
  const key = publicKeyOf(certificate);
  if (key === null) return 'unknown';
  const excess = excessOf(key);
  if (excess !== null) throw new PkiFault('CERTIFICATE_KEY_UNUSUAL', `The file holds a certificate that is not safe to compute with. ${excess}`);
  return keyTypeOf(key);
}

function extensionOf({ extensions = [] }: pkijs.Certificate, oid: string): asn1js.AsnType | null {
  const extension = extensions.find(({ extnID }) => extnID === oid);
  return extension === undefined ? null : parseBer(extension.extnValue.valueBlock.valueHexView);
}

function keyUsages(value: asn1js.AsnType | null): string[] {
  if (!(value instanceof asn1js.BitString)) return [];
  const bytes = value.valueBlock.valueHexView;
  return KEY_USAGES.filter((_usage, bit) => ((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0);
}

function purposes(value: asn1js.AsnType | null): string[] {
  if (value === null) return [];
  return new pkijs.ExtKeyUsage({ schema: value }).keyPurposes.map((oid) => PURPOSES[oid] ?? oid);
}

function alternativeNames(value: asn1js.AsnType | null): string[] {
  if (value === null) return [];
  return namesOf(value).slice(0, MAX_NAMES).map(nameText);
}

/** pkijs does not know names of X.400 and EDI: a certificate with one of them shows none. */
function namesOf(schema: asn1js.AsnType): pkijs.GeneralName[] {
  try {
    return new pkijs.GeneralNames({ schema }).names;
  } catch {
    return [];
  }
}

/** Whoever made the certificate chose these texts: they stay one line. */
const oneLine = (text: unknown, longest = 300): string => String(text).slice(0, longest).toWellFormed().replace(/[\p{Cc}\u2028\u2029]/gu, '\uFFFD');

/** RFC 5280 §4.2.1.6, with the words of OpenSSL. */
function nameText({ type, value }: pkijs.GeneralName): string {
  if (type === 1) return `email:${oneLine(value)}`;
  if (type === 2) return `DNS:${oneLine(value)}`;
  if (type === 4) return `DirName:${oneLine(formatDistinguishedName(new Uint8Array((value as pkijs.RelativeDistinguishedNames).valueBeforeDecode)))}`;
  if (type === 6) return `URI:${oneLine(value)}`;
  if (type === 7) return `IP Address:${ipAddressText((value as asn1js.OctetString).valueBlock.valueHexView)}`;
  return type === 8 ? `Registered ID:${oneLine(value)}` : 'othername';
}
