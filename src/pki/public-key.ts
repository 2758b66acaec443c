import { createHash, type X509Certificate } from 'node:crypto';

/** SHA-256 of a SubjectPublicKeyInfo in DER: the same for a key, its request and its certificates. */
export const publicKeyDigest = (spki: Buffer): Buffer => createHash('sha256').update(spki).digest();

/** null when the certificate's key is of a kind that OpenSSL does not know. */
export function publicKeyDigestOf(certificate: X509Certificate): Buffer | null {
  try {
    return publicKeyDigest(certificate.publicKey.export({ type: 'spki', format: 'der' }));
  } catch {
    return null;
  }
}
