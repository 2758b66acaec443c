import type { KeyObject } from 'node:crypto';
import * as asn1js from 'asn1js';

/** PKCS#12 files (RFC 7292) out of any parts, without a seal: what no program writes. */
const OID = {
  data: '1.2.840.113549.1.7.1',
  signedData: '1.2.840.113549.1.7.2',
  envelopedData: '1.2.840.113549.1.7.3',
  encryptedData: '1.2.840.113549.1.7.6',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certBag: '1.2.840.113549.1.12.10.1.3',
  secretBag: '1.2.840.113549.1.12.10.1.5',
  safeContentsBag: '1.2.840.113549.1.12.10.1.6',
  x509: '1.2.840.113549.1.9.22.1',
};

const sequence = (...value: asn1js.AsnType[]): asn1js.Sequence => new asn1js.Sequence({ value });
const oid = (value: string): asn1js.ObjectIdentifier => new asn1js.ObjectIdentifier({ value });
const octets = (bytes: Uint8Array | ArrayBuffer): asn1js.OctetString => new asn1js.OctetString({ valueHex: Uint8Array.from(new Uint8Array(bytes)).buffer });
const tagged = (value: asn1js.AsnType): asn1js.AsnType => new asn1js.Constructed({ idBlock: { tagClass: 3, tagNumber: 0 }, value: [value] });
const parsed = (der: Uint8Array): asn1js.AsnType => asn1js.fromBER(Uint8Array.from(der)).result;
const bag = (type: string, value: asn1js.AsnType): asn1js.Sequence => sequence(oid(type), tagged(value));

export const certificateBag = (der: Uint8Array): asn1js.Sequence => bag(OID.certBag, sequence(oid(OID.x509), tagged(octets(der))));
export const keyBag = (key: KeyObject): asn1js.Sequence => bag(OID.keyBag, parsed(key.export({ type: 'pkcs8', format: 'der' })));
export const nestedBag = (...bags: asn1js.Sequence[]): asn1js.Sequence => bag(OID.safeContentsBag, sequence(...bags));
export const secretBag = (): asn1js.Sequence => bag(OID.secretBag, sequence(oid('1.2.3'), tagged(octets(Uint8Array.of(1)))));

/** @param encrypted EncryptedPrivateKeyInfo in DER */
export const shroudedKeyBag = (encrypted: Uint8Array): asn1js.Sequence => bag(OID.shroudedKeyBag, parsed(encrypted));
export const encryptedKey = (key: KeyObject, passphrase: string): Buffer => key.export({ type: 'pkcs8', format: 'der', cipher: 'aes-256-cbc', passphrase });

export const plainPart = (...bags: asn1js.Sequence[]): asn1js.Sequence => sequence(oid(OID.data), tagged(octets(sequence(...bags).toBER())));

/** A part that asks for so many iterations of PBKDF2; what is in it is junk. */
export function encryptedPart(iterations: number): asn1js.Sequence {
  const salt = octets(Buffer.alloc(16));
  const kdf = sequence(oid('1.2.840.113549.1.5.12'), sequence(salt, new asn1js.Integer({ value: iterations })));
  const cipher = sequence(oid('2.16.840.1.101.3.4.1.42'), octets(Buffer.alloc(16)));
  const scheme = sequence(oid('1.2.840.113549.1.5.13'), sequence(kdf, cipher));
  const content = new asn1js.Primitive({ idBlock: { tagClass: 3, tagNumber: 0 }, valueHex: new ArrayBuffer(32) });
  return sequence(oid(OID.encryptedData), tagged(sequence(new asn1js.Integer({ value: 0 }), sequence(oid(OID.data), scheme, content))));
}

export const publicKeyPart = (): asn1js.Sequence => sequence(oid(OID.envelopedData), tagged(sequence(new asn1js.Integer({ value: 0 }))));

export const pkcs12Of = (...parts: asn1js.Sequence[]): Buffer => pfx(sequence(oid(OID.data), tagged(octets(sequence(...parts).toBER()))));
export const signedPkcs12 = (): Buffer => pfx(sequence(oid(OID.signedData), tagged(sequence(new asn1js.Integer({ value: 1 })))));

/** A "degenerate" PKCS#7 file of certificates. */
export const pkcs7Of = (...certificates: Uint8Array[]): Buffer => Buffer.from(sequence(oid(OID.signedData), tagged(sequence(
  new asn1js.Integer({ value: 1 }), new asn1js.Set(), sequence(oid(OID.data)),
  new asn1js.Constructed({ idBlock: { tagClass: 3, tagNumber: 0 }, value: certificates.map(parsed) }) as asn1js.AsnType, new asn1js.Set(),
))).toBER());

const pfx = (authSafe: asn1js.Sequence): Buffer => Buffer.from(sequence(new asn1js.Integer({ value: 3 }), authSafe).toBER());

/** A file whose seal was changed, with the lengths set right. */
export function withSeal(file: Buffer, change: (seal: { algorithm: asn1js.Sequence; digest: asn1js.OctetString; parts: asn1js.AsnType[] }) => void): Buffer {
  const root = parsed(file) as asn1js.Sequence;
  const { value: parts } = (root.valueBlock.value[2] as asn1js.Sequence).valueBlock;
  const [algorithm, digest] = (parts[0] as asn1js.Sequence).valueBlock.value as [asn1js.Sequence, asn1js.OctetString];
  change({ algorithm, digest, parts });
  return Buffer.from(root.toBER());
}

/** A file whose seal was taken off. */
export function withoutSeal(file: Buffer): Buffer {
  const root = parsed(file) as asn1js.Sequence;
  root.valueBlock.value.length = 2;
  return Buffer.from(root.toBER());
}

export const bigInteger = (value: bigint): asn1js.Integer => asn1js.Integer.fromBigInt(value);
