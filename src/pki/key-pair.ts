import { createPublicKey, type KeyObject, sign, verify, webcrypto } from 'node:crypto';

/** The keys that Mailroom makes. */
export type KeyType = 'rsa2048' | 'rsa3072' | 'rsa4096' | 'ecP256' | 'ecP384';

interface KeyAlgorithm {
  parameters: webcrypto.RsaHashedKeyGenParams | webcrypto.EcKeyGenParams;
  /** What its owner signs with. */
  hash: string;
}

const rsa = (modulusLength: number): KeyAlgorithm => ({
  parameters: { name: 'RSASSA-PKCS1-v1_5', modulusLength, publicExponent: Uint8Array.of(1, 0, 1), hash: 'SHA-256' },
  hash: 'SHA-256',
});
const ec = (namedCurve: string, hash: string): KeyAlgorithm => ({ parameters: { name: 'ECDSA', namedCurve }, hash });

const ALGORITHMS: Record<KeyType, KeyAlgorithm> = {
  rsa2048: rsa(2048),
  rsa3072: rsa(3072),
  rsa4096: rsa(4096),
  ecP256: ec('P-256', 'SHA-256'),
  ecP384: ec('P-384', 'SHA-384'),
};

export interface KeyPair {
  privateKey: webcrypto.CryptoKey;
  publicKey: webcrypto.CryptoKey;
  hash: string;
}

/** Made by the thread pool: RSA keys of 4096 bits take a second or two, in which the event loop goes on. */
export async function generateKeyPair(keyType: KeyType): Promise<KeyPair> {
  const { parameters, hash } = ALGORITHMS[keyType];
  const pair = (await webcrypto.subtle.generateKey(parameters, true, ['sign', 'verify']));
  return { ...pair, hash };
}

const CURVES: Record<string, string> = { prime256v1: 'ecP256', secp384r1: 'ecP384', secp521r1: 'ecP521' };

/** A key's kind and size in one word, such as `rsa2048`, `ecP256` or `ed25519`. */
export function keyTypeOf(key: KeyObject): string {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  const asymmetricKeyType: string = key.asymmetricKeyType ?? 'unknown';
  if (asymmetricKeyType === 'ec') return CURVES[namedCurve ?? ''] ?? `ec-${namedCurve ?? 'unknown'}`;
  return modulusLength === undefined ? asymmetricKeyType : `${asymmetricKeyType.replace('-', '')}${modulusLength}`;
}

const LONGEST_RSA = 8192;
const LARGEST_EXPONENT = 2n ** 32n;

/** Why computing with a key could take for ever, or prove nothing, in a sentence; null when it is one of usual size. To be asked of every key from outside. */
export function excessOf(key: KeyObject): string | null {
  const { modulusLength = 0, publicExponent = 65_537n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength > LONGEST_RSA) return `It has an RSA key of ${modulusLength} bits; ${LONGEST_RSA} are the most.`;
  return publicExponent < 3n || publicExponent > LARGEST_EXPONENT ? 'It has an RSA key with an unusual public exponent; 65537 is usual.' : null;
}

/** Whether a private key can sign what its public key verifies: one that was damaged, or made up, cannot. */
export function canSign(key: KeyObject): boolean {
  try {
    const digest = /^ed/.test(key.asymmetricKeyType ?? '') ? null : 'sha256';
    const probe = Buffer.from('mailroom');
    return verify(digest, probe, createPublicKey(key), sign(digest, probe, key));
  } catch {
    return false;
  }
}

const SHORTEST_RSA = 2048; // NIST SP 800-131A
const GOOD_CURVES = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

/** Why a key is not fit for TLS, in a sentence; null when it is. */
export function weaknessOf(key: KeyObject): string | null {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  const type = key.asymmetricKeyType ?? '';
  if (type === 'rsa' || type === 'rsa-pss') return modulusLength < SHORTEST_RSA ? `Its RSA key has ${modulusLength} bits; at least ${SHORTEST_RSA} are needed.` : null;
  if (type === 'ec') return GOOD_CURVES.has(namedCurve) ? null : `Its EC key is on the curve ${namedCurve}; P-256, P-384 and P-521 are safe and understood by mail servers.`;
  return type === 'ed25519' || type === 'ed448' ? null : `Its key is of the kind ${type || 'unknown'}; RSA, EC and Ed25519 keys can be used.`;
}
