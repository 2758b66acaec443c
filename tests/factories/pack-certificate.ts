import forge from 'node-forge';
import * as pkijs from 'pkijs';
import { derOf } from './issue-certificate.js';

export interface Pkcs12Options {
  /** PKCS#8 in PEM, one for each key in the file. */
  keys?: string[];
  /** PEM, each with one certificate. */
  certificates: string[];
  passphrase: string;
  /** Of the encryption with PBKDF2. */
  iterations?: number;
}

/** A PKCS#12 file as today's tools write it: AES-256, PBKDF2 and a MAC with SHA-256. */
export async function packPkcs12({ keys = [], certificates, passphrase, iterations = 2_048 }: Pkcs12Options): Promise<Buffer> {
  const password = Uint8Array.from(Buffer.from(passphrase)).buffer;
  const encryption = { password, contentEncryptionAlgorithm: { name: 'AES-CBC', length: 256 }, hmacHashAlgorithm: 'SHA-256', iterationCount: iterations };
  const keyBags = await Promise.all(keys.map(async (pem) => {
    const encrypted = new pkijs.EncryptedData();
    await encrypted.encrypt({ ...encryption, contentToEncrypt: arrayBufferOf(derOf(pem)) });
    const { contentEncryptionAlgorithm, encryptedContent } = encrypted.encryptedContentInfo;
    return new pkijs.SafeBag({ bagId: '1.2.840.113549.1.12.10.1.2', bagValue: new pkijs.PKCS8ShroudedKeyBag({ encryptionAlgorithm: contentEncryptionAlgorithm, encryptedData: encryptedContent! }) });
  }));
  const certificateBags = certificates.map((pem) =>
    new pkijs.SafeBag({ bagId: '1.2.840.113549.1.12.10.1.3', bagValue: new pkijs.CertBag({ parsedValue: pkijs.Certificate.fromBER(arrayBufferOf(derOf(pem))) }) }));
  const parts = [{ privacyMode: 0, safeBags: keyBags }, { privacyMode: 1, safeBags: certificateBags }].filter(({ safeBags }) => safeBags.length > 0);
  const safeContents = parts.map(({ privacyMode, safeBags }) => ({ privacyMode, value: new pkijs.SafeContents({ safeBags }) }));
  const authenticatedSafe = new pkijs.AuthenticatedSafe({ parsedValue: { safeContents } });
  await authenticatedSafe.makeInternalValues({ safeContents: parts.map(({ privacyMode }) => (privacyMode === 0 ? {} : { ...encryption })) });
  const pfx = new pkijs.PFX({ parsedValue: { integrityMode: 0, authenticatedSafe } });
  await pfx.makeInternalValues({ password, iterations: 2_048, pbkdf2HashAlgorithm: 'SHA-256', hmacHashAlgorithm: 'SHA-256' });
  return Buffer.from(pfx.toSchema().toBER(false));
}

/** A PKCS#12 file as older tools write it: 3DES and SHA-1. For RSA keys. */
export function packOldPkcs12(key: string, certificate: string, passphrase: string): Buffer {
  const asn1 = forge.pkcs12.toPkcs12Asn1(forge.pki.privateKeyFromPem(key), [forge.pki.certificateFromPem(certificate)], passphrase, { algorithm: '3des' });
  return Buffer.from(forge.asn1.toDer(asn1).getBytes(), 'binary');
}

/** A PKCS#7 file without signatures, as Windows' certificate authorities hand out a certificate with its chain. */
export function packPkcs7(certificates: string[]): Buffer {
  const signed = new pkijs.SignedData({
    version: 1,
    encapContentInfo: new pkijs.EncapsulatedContentInfo({ eContentType: pkijs.ContentInfo.DATA }),
    certificates: certificates.map((pem) => pkijs.Certificate.fromBER(arrayBufferOf(derOf(pem)))),
  });
  const content = new pkijs.ContentInfo({ contentType: pkijs.ContentInfo.SIGNED_DATA, content: signed.toSchema(true) });
  return Buffer.from(content.toSchema().toBER(false));
}

const arrayBufferOf = (buffer: Buffer): ArrayBuffer => Uint8Array.from(buffer).buffer;
