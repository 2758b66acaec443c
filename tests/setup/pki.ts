import { X509Certificate, webcrypto } from 'node:crypto';
import { isIP, isIPv4 } from 'node:net';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';

/** A certificate with its key, in PEM. */
export interface Identity {
  key: string;
  /** The certificate alone. */
  cert: string;
  /** The certificate followed by the intermediate: what a server or client presents. */
  chain: string;
}

export interface IdentityOptions {
  commonName?: string;
  dnsNames?: string[];
  ipAddresses?: string[];
  notBefore?: Date;
  notAfter?: Date;
  usage?: 'server' | 'client';
  /** Signed by its own key instead of the intermediate CA. */
  selfSigned?: boolean;
}

export interface TestPki {
  /** PEM. */
  root: string;
  intermediate: string;
  issue(options?: IdentityOptions): Promise<Identity>;
}

interface Authority {
  certificate: pkijs.Certificate;
  privateKey: webcrypto.CryptoKey;
}

const DAY = 24 * 60 * 60 * 1000;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' };
const OID = { commonName: '2.5.4.3', basicConstraints: '2.5.29.19', keyUsage: '2.5.29.15', extendedKeyUsage: '2.5.29.37', subjectAltName: '2.5.29.17' };
const PURPOSE = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' };
const KEY_CERT_SIGN = 0x04;
const DIGITAL_SIGNATURE = 0x80;

/** A root CA, an intermediate CA below it, and as many identities as a test needs, with fresh P-256 keys. A few milliseconds each. */
export async function createPki(name = 'Mailroom Test'): Promise<TestPki> {
  const root = await createAuthority(`${name} Root`, null);
  const intermediate = await createAuthority(`${name} Issuing CA`, root);
  return {
    root: pemOf(root.certificate),
    intermediate: pemOf(intermediate.certificate),
    issue: (options = {}) => issue(options, intermediate),
  };
}

/** The moments of a certificate that ended yesterday, or begins tomorrow. */
type Validity = Pick<IdentityOptions, 'notBefore' | 'notAfter'>;
export const expired = (): Validity => ({ notBefore: new Date(Date.now() - 30 * DAY), notAfter: new Date(Date.now() - DAY) });
export const notYetValid = (): Validity => ({ notBefore: new Date(Date.now() + DAY), notAfter: new Date(Date.now() + 30 * DAY) });

async function createAuthority(commonName: string, issuer: Authority | null): Promise<Authority> {
  const keys = await newKeys();
  const certificate = await draft(commonName, keys.publicKey);
  certificate.extensions = [
    extension(OID.basicConstraints, new pkijs.BasicConstraints({ cA: true }).toSchema(), true),
    extension(OID.keyUsage, bits(KEY_CERT_SIGN), true),
  ];
  await sign(certificate, issuer ?? { certificate, privateKey: keys.privateKey });
  return { certificate, privateKey: keys.privateKey };
}

async function issue(options: IdentityOptions, authority: Authority): Promise<Identity> {
  const keys = await newKeys();
  const certificate = await draft(options.commonName ?? options.dnsNames?.[0] ?? 'Test', keys.publicKey, options.notBefore, options.notAfter);
  certificate.extensions = [
    extension(OID.basicConstraints, new pkijs.BasicConstraints({ cA: false }).toSchema(), true),
    extension(OID.keyUsage, bits(DIGITAL_SIGNATURE), true),
    extension(OID.extendedKeyUsage, new pkijs.ExtKeyUsage({ keyPurposes: [PURPOSE[options.usage ?? 'server']] }).toSchema()),
    ...alternativeNames(options),
  ];
  await sign(certificate, options.selfSigned ? { certificate, privateKey: keys.privateKey } : authority);
  const cert = pemOf(certificate);
  return { key: await keyPem(keys.privateKey), cert, chain: options.selfSigned ? cert : cert + pemOf(authority.certificate) };
}

const newKeys = (): Promise<webcrypto.CryptoKeyPair> => webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);

async function draft(
  commonName: string, publicKey: webcrypto.CryptoKey, notBefore = new Date(Date.now() - DAY), notAfter = new Date(Date.now() + 30 * DAY),
): Promise<pkijs.Certificate> {
  const certificate = new pkijs.Certificate({ version: 2, serialNumber: serialNumber() });
  certificate.subject.typesAndValues.push(new pkijs.AttributeTypeAndValue({ type: OID.commonName, value: new asn1js.Utf8String({ value: commonName }) }));
  certificate.notBefore.value = notBefore;
  certificate.notAfter.value = notAfter;
  await certificate.subjectPublicKeyInfo.importKey(publicKey);
  return certificate;
}

async function sign(certificate: pkijs.Certificate, issuer: Authority): Promise<void> {
  certificate.issuer = issuer.certificate.subject;
  await certificate.sign(issuer.privateKey, 'SHA-256');
}

/** Positive, as RFC 5280 §4.1.2.2 wants it: the first bit is 0 and the byte is not. */
function serialNumber(): asn1js.Integer {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return new asn1js.Integer({ valueHex: bytes.buffer });
}

function alternativeNames({ dnsNames = [], ipAddresses = [] }: IdentityOptions): pkijs.Extension[] {
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

const extension = (extnID: string, value: asn1js.BaseBlock, critical = false): pkijs.Extension =>
  new pkijs.Extension({ extnID, critical, extnValue: value.toBER(false) });

const bits = (value: number): asn1js.BitString => new asn1js.BitString({ valueHex: Uint8Array.of(value).buffer });

const pemOf = (certificate: pkijs.Certificate): string => new X509Certificate(Buffer.from(certificate.toSchema(true).toBER(false))).toString();

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  const base64 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${base64.match(/.{1,64}/g)!.join('\n')}\n-----END PRIVATE KEY-----\n`;
}
