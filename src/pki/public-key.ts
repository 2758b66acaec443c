import { createHash, type KeyObject, type X509Certificate } from 'node:crypto';

/** SHA-256 of a SubjectPublicKeyInfo in DER: the same for a key, its request and its certificates. */
export const publicKeyDigest = (spki: Buffer): Buffer => createHash('sha256').update(spki).digest();

/** null when the certificate's key is of a kind that OpenSSL does not know. */
export function publicKeyOf(certificate: X509Certificate): KeyObject | null {
  try {
    return certificate.publicKey;
  } catch {
    return null;
  }
}

/** null when the certificate's key is of a kind that OpenSSL does not know. */
export function publicKeyDigestOf(certificate: X509Certificate): Buffer | null {
  const key = publicKeyOf(certificate);
  return key && publicKeyDigest(key.export({ type: 'spki', format: 'der' }));
}
