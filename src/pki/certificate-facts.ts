import { X509Certificate } from 'node:crypto';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';
import { parseBer } from './asn1.js';
import { formatDistinguishedName } from './distinguished-name.js';
import { ipAddressText } from './ip-address.js';
import { keyTypeOf } from './key-pair.js';
import { unreadable } from './pki-fault.js';

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
const MAX_NAMES = 100;

/** @throws PkiFault CERTIFICATE_UNREADABLE */
export function certificateFacts(der: Buffer): CertificateFacts {
  try {
    return factsOf(new X509Certificate(der), new pkijs.Certificate({ schema: parseBer(der) }));
  } catch (cause) {
    throw unreadable('The file holds a certificate that is damaged. Export it again.', cause);
  }
}

function factsOf(certificate: X509Certificate, parsed: pkijs.Certificate): CertificateFacts {
  return {
    subject: formatDistinguishedName(new Uint8Array(parsed.subject.valueBeforeDecode)),
    issuer: formatDistinguishedName(new Uint8Array(parsed.issuer.valueBeforeDecode)),
    serialNumber: certificate.serialNumber,
    thumbprintSha256: certificate.fingerprint256.replaceAll(':', ''),
    thumbprintSha1: certificate.fingerprint.replaceAll(':', ''),
    validFrom: parsed.notBefore.value.toISOString(),
    validTo: parsed.notAfter.value.toISOString(),
    keyType: keyType(certificate),
    subjectAltNames: alternativeNames(extensionOf(parsed, OID.subjectAltName)),
    keyUsage: keyUsages(extensionOf(parsed, OID.keyUsage)),
    extendedKeyUsage: purposes(extensionOf(parsed, OID.extendedKeyUsage)),
    isCertificateAuthority: certificate.ca,
    isSelfSigned: isSelfSigned(certificate),
  };
}

/** Issued by itself: the same name, and its own key verifies it. (OpenSSL's own check asks for a CA's key usage too, which servers' certificates lack.) */
export function isSelfSigned(certificate: X509Certificate): boolean {
  try {
    return certificate.subject === certificate.issuer && certificate.verify(certificate.publicKey);
  } catch {
    return false; // a key of a kind that OpenSSL does not know
  }
}

function keyType(certificate: X509Certificate): string {
  try {
    return keyTypeOf(certificate.publicKey);
  } catch {
    return 'unknown';
  }
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
  return new pkijs.ExtKeyUsage({ schema: value }).keyPurposes.slice(0, MAX_NAMES).map((oid) => PURPOSES[oid] ?? oid);
}

function alternativeNames(value: asn1js.AsnType | null): string[] {
  if (value === null) return [];
  return new pkijs.GeneralNames({ schema: value }).names.slice(0, MAX_NAMES).map(nameText);
}

/** Whoever made the certificate chose these texts: they stay one line. */
const oneLine = (text: unknown): string => String(text).toWellFormed().replace(/[\p{Cc}\u2028\u2029]/gu, '\uFFFD').slice(0, 300);

/** RFC 5280 §4.2.1.6, with the words of OpenSSL. */
function nameText({ type, value }: pkijs.GeneralName): string {
  if (type === 1) return `email:${oneLine(value)}`;
  if (type === 2) return `DNS:${oneLine(value)}`;
  if (type === 4) return `DirName:${oneLine(formatDistinguishedName(new Uint8Array((value as pkijs.RelativeDistinguishedNames).valueBeforeDecode)))}`;
  if (type === 6) return `URI:${oneLine(value)}`;
  if (type === 7) return `IP Address:${ipAddressText((value as asn1js.OctetString).valueBlock.valueHexView)}`;
  return type === 8 ? `Registered ID:${oneLine(value)}` : 'othername';
}
