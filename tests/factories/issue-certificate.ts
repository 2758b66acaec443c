import { generateKeyPairSync, type KeyObject, webcrypto, X509Certificate } from 'node:crypto';
import { isIP, isIPv4 } from 'node:net';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';

/** Kinds of fresh keys, good and bad ones. */
export type FreshKeyType = 'rsa1024' | 'rsa2048' | 'rsa3072' | 'ecP256' | 'ecP384' | 'ecP521' | 'secp256k1' | 'secp224r1' | 'ed25519';
type Purpose = keyof typeof PURPOSES;
type KeyUsage = (typeof KEY_USAGES)[number];

export interface CertificateOptions {
  /** In PEM: the certificate is for its key and its subject. Without it a key is made. */
  csr?: string;
  keyType?: FreshKeyType;
  commonName?: string;
  notBefore?: Date;
  notAfter?: Date;
  /** null: without the extension. */
  purposes?: Purpose[] | null;
  /** null: without the extension. */
  keyUsage?: KeyUsage[] | null;
  dnsNames?: string[];
  ipAddresses?: string[];
  ca?: boolean;
  /** Signed by its own key, of P-256, instead of the intermediate CA's. */
  selfSigned?: boolean;
}

export interface IssuedCertificate {
  /** PEM. */
  certificate: string;
  /** The certificate followed by the intermediate one. */
  chain: string;
  /** PKCS#8 in PEM; empty when it is the key of a request. */
  key: string;
}

/** A root CA with an intermediate CA below it, which issues. */
export interface TestAuthority {
  /** PEM. */
  root: string;
  intermediate: string;
  issue(options?: CertificateOptions): Promise<IssuedCertificate>;
}

interface Issuer {
  certificate: pkijs.Certificate;
  privateKey: webcrypto.CryptoKey;
}

const DAY = 24 * 60 * 60 * 1000;
const EC = { name: 'ECDSA', namedCurve: 'P-256' };
const OID = { commonName: '2.5.4.3', basicConstraints: '2.5.29.19', keyUsage: '2.5.29.15', extendedKeyUsage: '2.5.29.37', subjectAltName: '2.5.29.17' };
const PURPOSES = { serverAuth: '1.3.6.1.5.5.7.3.1', clientAuth: '1.3.6.1.5.5.7.3.2', codeSigning: '1.3.6.1.5.5.7.3.3', anyExtendedKeyUsage: '2.5.29.37.0' };
const KEY_USAGES = ['digitalSignature', 'contentCommitment', 'keyEncipherment', 'dataEncipherment', 'keyAgreement', 'keyCertSign', 'cRLSign'] as const;

export async function createAuthority(name = 'Test'): Promise<TestAuthority> {
  const root = await newIssuer(`${name} Root`, null);
  const intermediate = await newIssuer(`${name} Issuing CA`, root);
  return {
    root: pemOf(root.certificate),
    intermediate: pemOf(intermediate.certificate),
    issue: async (options = {}) => {
      const { certificate, key } = await issue(options, intermediate);
      return { certificate, chain: options.selfSigned ? certificate : certificate + pemOf(intermediate.certificate), key };
    },
  };
}

/** The moments of a certificate that ended yesterday, or begins tomorrow. */
type Validity = Pick<CertificateOptions, 'notBefore' | 'notAfter'>;
export const ended = (): Validity => ({ notBefore: new Date(Date.now() - 30 * DAY), notAfter: new Date(Date.now() - DAY) });
export const notBegun = (): Validity => ({ notBefore: new Date(Date.now() + DAY), notAfter: new Date(Date.now() + 30 * DAY) });

/** The bytes of the first block of a PEM text. */
export const derOf = (pem: string): Buffer => Buffer.from(/-----BEGIN [^-]+-----([^-]+)/.exec(pem)![1]!, 'base64');

async function newIssuer(commonName: string, above: Issuer | null): Promise<Issuer> {
  const keys = await webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']);
  const certificate = new pkijs.Certificate({ version: 2, serialNumber: serialNumber() });
  certificate.subject = nameOf(commonName);
  certificate.subjectPublicKeyInfo = pkijs.PublicKeyInfo.fromBER(await webcrypto.subtle.exportKey('spki', keys.publicKey));
  finish(certificate, { ca: true });
  await sign(certificate, above ?? { certificate, privateKey: keys.privateKey });
  return { certificate, privateKey: keys.privateKey };
}

async function issue(options: CertificateOptions, issuer: Issuer): Promise<Omit<IssuedCertificate, 'chain'>> {
  if (options.csr !== undefined) return { certificate: await answer(options.csr, options, issuer), key: '' };
  const pair = newKeys(options.keyType ?? 'ecP256');
  const certificate = new pkijs.Certificate({ version: 2, serialNumber: serialNumber() });
  certificate.subject = nameOf(options.commonName ?? 'mailroom.example.com');
  certificate.subjectPublicKeyInfo = pkijs.PublicKeyInfo.fromBER(bytesOf(pair.publicKey.export({ type: 'spki', format: 'der' })));
  finish(certificate, options);
  await sign(certificate, options.selfSigned ? { certificate, privateKey: await signingKey(pair.privateKey) } : issuer);
  return { certificate: pemOf(certificate), key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string };
}

/** For the key and the subject of a request. */
async function answer(csr: string, options: CertificateOptions, issuer: Issuer): Promise<string> {
  const request = pkijs.CertificationRequest.fromBER(bytesOf(derOf(csr)));
  const certificate = new pkijs.Certificate({ version: 2, serialNumber: serialNumber() });
  certificate.subject = request.subject;
  certificate.subjectPublicKeyInfo = request.subjectPublicKeyInfo;
  finish(certificate, options);
  await sign(certificate, issuer);
  return pemOf(certificate);
}

const signingKey = (key: KeyObject): Promise<webcrypto.CryptoKey> => webcrypto.subtle.importKey('pkcs8', key.export({ type: 'pkcs8', format: 'der' }), EC, false, ['sign']);

function finish(certificate: pkijs.Certificate, options: CertificateOptions): void {
  const { ca = false, notBefore = new Date(Date.now() - DAY), notAfter = new Date(Date.now() + 90 * DAY) } = options;
  const { purposes = ca ? null : ['clientAuth'], keyUsage = [ca ? 'keyCertSign' : 'digitalSignature'] } = options;
  certificate.notBefore.value = notBefore;
  certificate.notAfter.value = notAfter;
  certificate.extensions = [
    extension(OID.basicConstraints, new pkijs.BasicConstraints({ cA: ca }).toSchema(), true),
    ...(keyUsage === null ? [] : [extension(OID.keyUsage, usageBits(keyUsage), true)]),
    ...(purposes === null ? [] : [extension(OID.extendedKeyUsage, new pkijs.ExtKeyUsage({ keyPurposes: purposes.map((purpose) => PURPOSES[purpose]) }).toSchema())]),
    ...alternativeNames(options),
  ];
}

function alternativeNames({ dnsNames = [], ipAddresses = [] }: CertificateOptions): pkijs.Extension[] {
  const names = [
    ...dnsNames.map((value) => new pkijs.GeneralName({ type: 2, value })),
    ...ipAddresses.map((address) => new pkijs.GeneralName({ type: 7, value: new asn1js.OctetString({ valueHex: ipBytes(address) }) })),
  ];
  return names.length > 0 ? [extension(OID.subjectAltName, new pkijs.GeneralNames({ names }).toSchema())] : [];
}

function ipBytes(address: string): ArrayBuffer {
  if (isIP(address) === 0) throw new Error(`${address} is not an IP address`);
  if (isIPv4(address)) return Uint8Array.from(address.split('.').map(Number)).buffer;
  const [head = '', tail = ''] = address.split('::');
  const groups = (text: string): string[] => text.split(':').filter(Boolean);
  const missing = 8 - groups(head).length - groups(tail).length;
  const all = [...groups(head), ...new Array<string>(missing).fill('0'), ...groups(tail)].map((group) => parseInt(group, 16));
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff])).buffer;
}

async function sign(certificate: pkijs.Certificate, issuer: Issuer): Promise<void> {
  certificate.issuer = issuer.certificate.subject;
  await certificate.sign(issuer.privateKey, 'SHA-256');
}

function newKeys(type: FreshKeyType): { publicKey: KeyObject; privateKey: KeyObject } {
  if (type === 'ed25519') return generateKeyPairSync('ed25519');
  if (type.startsWith('rsa')) return generateKeyPairSync('rsa', { modulusLength: Number(type.slice(3)) });
  return generateKeyPairSync('ec', { namedCurve: type.replace('ecP', 'P-') });
}

function nameOf(commonName: string): pkijs.RelativeDistinguishedNames {
  return new pkijs.RelativeDistinguishedNames({
    typesAndValues: [new pkijs.AttributeTypeAndValue({ type: OID.commonName, value: new asn1js.Utf8String({ value: commonName }) })],
  });
}

/** Positive, as RFC 5280 §4.1.2.2 wants it. */
function serialNumber(): asn1js.Integer {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return new asn1js.Integer({ valueHex: bytes.buffer });
}

/** Named bits: zeros at the end are left out (X.690 §11.2.2). */
function usageBits(usages: readonly KeyUsage[]): asn1js.BitString {
  const value = usages.reduce((bits, usage) => bits | (0x80 >> KEY_USAGES.indexOf(usage)), 0);
  return new asn1js.BitString({ valueHex: Uint8Array.of(value).buffer, unusedBits: 31 - Math.clz32(value & -value) });
}

const extension = (extnID: string, value: asn1js.BaseBlock, critical = false): pkijs.Extension => new pkijs.Extension({ extnID, critical, extnValue: value.toBER(false) });

const pemOf = (certificate: pkijs.Certificate): string => new X509Certificate(Buffer.from(certificate.toSchema(true).toBER(false))).toString();

const bytesOf = (buffer: Buffer): ArrayBuffer => Uint8Array.from(buffer).buffer;
