import { type KeyObject, createPrivateKey, KeyObject as Key, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';

export type Keys = webcrypto.CryptoKeyPair;

export interface CertificateOptions {
  /** A common name, or a whole name. */
  subject?: string | asn1js.Sequence;
  /** Itself, when left out. */
  issuer?: Issued;
  keys?: Keys;
  /** Whether basicConstraints say so; null: there are none. */
  isAuthority?: boolean | null;
  /** The bytes of keyUsage; null: there is none. */
  keyUsage?: number[] | null;
  extensions?: pkijs.Extension[];
  notBefore?: Date;
  notAfter?: Date;
  serialNumber?: Buffer;
  /** Of the signature. */
  hash?: 'SHA-1' | 'SHA-256';
}

export interface Issued {
  der: Buffer;
  pem: string;
  x509: X509Certificate;
  keys: Keys;
  privateKey: KeyObject;
  parsed: pkijs.Certificate;
}

export const DAY = 24 * 60 * 60 * 1000;
export const daysFromNow = (days: number): Date => new Date(Date.now() + days * DAY);

const RSA = { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1), hash: 'SHA-256' };
const EC = { name: 'ECDSA', namedCurve: 'P-256' };
export const newKeys = (kind: 'ec' | 'rsa' = 'ec'): Promise<Keys> => webcrypto.subtle.generateKey(kind === 'rsa' ? RSA : EC, true, ['sign', 'verify']);

export const extension = (extnID: string, value: asn1js.BaseBlock, critical = false): pkijs.Extension => new pkijs.Extension({ extnID, critical, extnValue: value.toBER(false) });

/** A name of attributes with their values, the most general first. */
export const nameOf = (...attributes: [string, asn1js.BaseBlock][]): asn1js.Sequence =>
  new asn1js.Sequence({ value: attributes.map(([type, value]) => new asn1js.Set({ value: [new asn1js.Sequence({ value: [new asn1js.ObjectIdentifier({ value: type }), value] })] })) });

export const commonName = (value: string): asn1js.Sequence => nameOf(['2.5.4.3', new asn1js.Utf8String({ value })]);

const KEY_CERT_SIGN = 0x04;

/** Issues a certificate of any make. A few milliseconds, with a P-256 key. */
export async function issue(options: CertificateOptions = {}): Promise<Issued> {
  const { subject = 'test', issuer, keys = await newKeys(), notBefore = daysFromNow(-1), notAfter = daysFromNow(30), serialNumber = randomSerialNumber(), hash = 'SHA-256' } = options;
  const certificate = new pkijs.Certificate({ version: 2, serialNumber: new asn1js.Integer({ valueHex: Uint8Array.from(serialNumber).buffer }) });
  certificate.subject = pkijs.RelativeDistinguishedNames.fromBER((typeof subject === 'string' ? commonName(subject) : subject).toBER());
  certificate.issuer = issuer?.parsed.subject ?? certificate.subject;
  certificate.notBefore = timeOf(notBefore);
  certificate.notAfter = timeOf(notAfter);
  certificate.extensions = extensionsOf(options);
  await certificate.subjectPublicKeyInfo.importKey(keys.publicKey);
  await certificate.sign((issuer?.keys ?? keys).privateKey, hash);
  const der = Buffer.from(certificate.toSchema(true).toBER(false));
  const x509 = new X509Certificate(der);
  return { der, pem: x509.toString(), x509, keys, privateKey: Key.from(keys.privateKey), parsed: certificate };
}

function extensionsOf({ isAuthority = false, keyUsage = isAuthority ? [KEY_CERT_SIGN] : null, extensions = [] }: CertificateOptions): pkijs.Extension[] {
  return [
    ...(isAuthority === null ? [] : [extension('2.5.29.19', new pkijs.BasicConstraints({ cA: isAuthority }).toSchema(), true)]),
    ...(keyUsage === null ? [] : [extension('2.5.29.15', new asn1js.BitString({ valueHex: Uint8Array.from(keyUsage).buffer }), true)]),
    ...extensions,
  ];
}

const randomSerialNumber = (): Buffer => Buffer.concat([Buffer.of(0x40), randomBytes(15)]); // positive, as it must be

/** UTCTime up to 2049, GeneralizedTime after that (RFC 5280 §4.1.2.5). */
const timeOf = (value: Date): pkijs.Time => new pkijs.Time({ type: value.getUTCFullYear() < 2050 ? pkijs.TimeType.UTCTime : pkijs.TimeType.GeneralizedTime, value });

export const authority = (subject: string, issuer?: Issued, options: CertificateOptions = {}): Promise<Issued> =>
  issue({ subject, isAuthority: true, ...(issuer && { issuer }), ...options });

export const pkcs8 = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }) as string;

/** Whether a private key in PEM is that of a certificate. */
export const belongsTo = (privateKey: string, certificate: string): boolean => new X509Certificate(certificate).checkPrivateKey(createPrivateKey(privateKey));

export const sha256 = ({ x509 }: Issued): string => x509.fingerprint256.replaceAll(':', '');
