import { createDecipheriv, createHmac, hash as hashOf, pbkdf2Sync, timingSafeEqual } from 'node:crypto';
import * as asn1js from 'asn1js';
import forge from 'node-forge';
import * as pkijs from 'pkijs';
import { numberOf, octetsOf } from './asn1.js';
import { PkiFault, unreadable } from './pki-fault.js';

/** OpenSSL writes 2,048, Windows 2,000, GnuTLS some 10,000, NSS up to 600,000. */
const MAX_ITERATIONS = 1_000_000;
/** Of a file as a whole: some 12 s of work, within the 30 s that a file may take. */
const MAX_ROUNDS = 10_000_000;
const MAX_DERIVATIONS = 50;

/** What deriving the keys of a file costs, counted before each is derived. */
export class WorkBudget {
  private rounds = 0;
  private derivations = 0;

  /** @throws PkiFault CERTIFICATE_ITERATIONS_TOO_MANY */
  take(rounds: number): void {
    this.rounds += rounds;
    this.derivations += 1;
    if (this.rounds <= MAX_ROUNDS && this.derivations <= MAX_DERIVATIONS) return;
    throw new PkiFault('CERTIFICATE_ITERATIONS_TOO_MANY', 'The file asks for far more work to decrypt it than any real one. Export it again with the usual settings, with one key only.');
  }
}

/** A passphrase as the schemes take it. */
export interface Passphrase {
  /** PBES2 (RFC 8018 §3). */
  utf8: Buffer;
  /** PKCS#12: BMPString with a final NUL (RFC 7292 appendix B.1). */
  bmp: Buffer;
}

/** How one file's writer may have meant it: an empty passphrase is a lone NUL for some, and nothing at all for others. */
export function readingsOf(passphrase: string): Passphrase[] {
  const utf16 = Buffer.from(`${passphrase}\0`, 'utf16le').swap16();
  const utf8 = Buffer.from(passphrase, 'utf8');
  return passphrase === '' ? [{ utf8, bmp: utf16 }, { utf8, bmp: Buffer.alloc(0) }] : [{ utf8, bmp: utf16 }];
}

export interface PasswordBasedCipher {
  /** How often its key derivation hashes. */
  rounds: number;
  /** @throws when the passphrase is not the right one, which the padding tells most of the time */
  decrypt(data: Buffer, passphrase: Passphrase): Buffer;
}

const PBES2 = '1.2.840.113549.1.5.13';
const PBKDF2 = '1.2.840.113549.1.5.12';
const PRFS: Record<string, string> = {
  '1.2.840.113549.2.7': 'sha1', '1.2.840.113549.2.8': 'sha224', '1.2.840.113549.2.9': 'sha256', '1.2.840.113549.2.10': 'sha384', '1.2.840.113549.2.11': 'sha512',
};
const CIPHERS: Record<string, { name: string; keyBytes: number; ivBytes: number }> = {
  '2.16.840.1.101.3.4.1.2': { name: 'aes-128-cbc', keyBytes: 16, ivBytes: 16 },
  '2.16.840.1.101.3.4.1.22': { name: 'aes-192-cbc', keyBytes: 24, ivBytes: 16 },
  '2.16.840.1.101.3.4.1.42': { name: 'aes-256-cbc', keyBytes: 32, ivBytes: 16 },
  '1.2.840.113549.3.7': { name: 'des-ede3-cbc', keyBytes: 24, ivBytes: 8 },
};
/** RFC 7292 appendix C. RC2 is not in the OpenSSL of Node.js. */
const LEGACY: Record<string, { name: string; keyBytes: number }> = {
  '1.2.840.113549.1.12.1.3': { name: 'des-ede3-cbc', keyBytes: 24 },
  '1.2.840.113549.1.12.1.4': { name: 'des-ede-cbc', keyBytes: 16 },
  '1.2.840.113549.1.12.1.5': { name: 'rc2', keyBytes: 16 },
  '1.2.840.113549.1.12.1.6': { name: 'rc2', keyBytes: 5 },
};
const LEGACY_IV_BYTES = 8;

/**
 * The cipher that an algorithm identifier names, with nothing computed yet.
 * @throws PkiFault CERTIFICATE_ENCRYPTION_UNSUPPORTED, CERTIFICATE_ITERATIONS_TOO_MANY
 */
export function passwordBasedCipher(algorithm: pkijs.AlgorithmIdentifier): PasswordBasedCipher {
  if (algorithm.algorithmId === PBES2) return pbes2(new pkijs.PBES2Params({ schema: algorithm.algorithmParams as asn1js.AsnType }));
  const legacy = LEGACY[algorithm.algorithmId];
  if (legacy === undefined) throw unsupported(algorithm.algorithmId);
  const [salt, count] = partsOf(algorithm.algorithmParams);
  const [saltBytes, iterations] = [octetsOf(salt), bounded(numberOf(count))];
  return {
    rounds: iterations * (blocks(legacy.keyBytes, 'sha1') + blocks(LEGACY_IV_BYTES, 'sha1')),
    decrypt: (data, { bmp }) => {
      const derive = (purpose: number, bytes: number): Buffer => pkcs12Key({ hash: 'sha1', passphrase: bmp, salt: saltBytes, purpose, iterations, bytes });
      return decipher(legacy.name, derive(KEY, legacy.keyBytes), derive(IV, LEGACY_IV_BYTES), data);
    },
  };
}

function pbes2({ keyDerivationFunc, encryptionScheme }: pkijs.PBES2Params): PasswordBasedCipher {
  if (keyDerivationFunc.algorithmId !== PBKDF2) throw unsupported(keyDerivationFunc.algorithmId);
  const parts = partsOf(keyDerivationFunc.algorithmParams);
  const [salt, iterations] = [octetsOf(parts[0]), bounded(numberOf(parts[1]))];
  const prf = parts.find((part) => part instanceof asn1js.Sequence);
  const prfId = prf === undefined ? '1.2.840.113549.2.7' : new pkijs.AlgorithmIdentifier({ schema: prf }).algorithmId;
  const cipher = CIPHERS[encryptionScheme.algorithmId];
  if (cipher === undefined) throw unsupported(encryptionScheme.algorithmId);
  const hash = PRFS[prfId];
  if (hash === undefined) throw unsupported(prfId);
  const iv = octetsOf(encryptionScheme.algorithmParams);
  if (iv.length !== cipher.ivBytes) throw unreadable('The file is damaged: an initialization vector has the wrong length. Export it again.');
  return { rounds: iterations * blocks(cipher.keyBytes, hash), decrypt: (data, { utf8 }) => decipher(cipher.name, pbkdf2Sync(utf8, salt, iterations, cipher.keyBytes, hash), iv, data) };
}

/** The seal of a PKCS#12 file (RFC 7292 §4). */
export interface Mac {
  /** How often its key derivation hashes. */
  rounds: number;
  matches(content: Buffer, passphrase: Passphrase): boolean;
}

const HASHES: Record<string, string> = {
  '1.3.14.3.2.26': 'sha1', '2.16.840.1.101.3.4.2.4': 'sha224', '2.16.840.1.101.3.4.2.1': 'sha256', '2.16.840.1.101.3.4.2.2': 'sha384', '2.16.840.1.101.3.4.2.3': 'sha512',
};

export function macOf({ mac, macSalt, iterations: count = 1 }: pkijs.MacData): Mac {
  const hash = HASHES[mac.digestAlgorithm.algorithmId];
  if (hash === undefined) throw unsupported(mac.digestAlgorithm.algorithmId);
  const [iterations, salt, digest] = [bounded(count), octetsOf(macSalt), octetsOf(mac.digest)];
  if (digest.length !== HASH_BYTES[hash]) throw unreadable('The file is damaged: its seal has the wrong length. Export it again.');
  return {
    rounds: iterations,
    matches: (content, { bmp }) => {
      const key = pkcs12Key({ hash, passphrase: bmp, salt, purpose: MAC, iterations, bytes: digest.length });
      const found = createHmac(hash, key).update(content).digest();
      return timingSafeEqual(found, digest);
    },
  };
}

const HASH_BYTES: Record<string, number> = { sha1: 20, sha224: 28, sha256: 32, sha384: 48, sha512: 64 };

/** How many outputs of the hash make so many bytes: each costs all the iterations. */
const blocks = (bytes: number, hash: string): number => Math.ceil(bytes / HASH_BYTES[hash]!);

const [KEY, IV, MAC] = [1, 2, 3];

interface Derivation {
  hash: string;
  passphrase: Buffer;
  salt: Buffer;
  purpose: number;
  iterations: number;
  bytes: number;
}

/** RFC 7292 appendix B.2; the letters are those of the text. */
function pkcs12Key({ hash, passphrase, salt, purpose, iterations, bytes }: Derivation): Buffer {
  const v = hash === 'sha384' || hash === 'sha512' ? 128 : 64;
  const D = Buffer.alloc(v, purpose);
  const I = Buffer.concat([stretched(salt, v), stretched(passphrase, v)]);
  const derived: Buffer[] = [];
  for (let have = 0; have < bytes; have += derived.at(-1)!.length) {
    let A = hashOf(hash, Buffer.concat([D, I]), 'buffer');
    for (let round = 1; round < iterations; round += 1) A = hashOf(hash, A, 'buffer');
    derived.push(A);
    const B = stretched(A, v).subarray(0, v);
    for (let block = 0; block < I.length; block += v) addPlusOne(I.subarray(block, block + v), B);
  }
  return Buffer.concat(derived).subarray(0, bytes);
}

/** Repeated up to a multiple of `v`. */
const stretched = (bytes: Buffer, v: number): Buffer => Buffer.alloc(v * Math.ceil(bytes.length / v), bytes.length === 0 ? 0 : bytes);

/** I = (I + B + 1) mod 2^v */
function addPlusOne(block: Buffer, B: Buffer): void {
  for (let index = block.length - 1, carry = 1; index >= 0; index -= 1) {
    carry += block[index]! + B[index]!;
    block[index] = carry & 0xff;
    carry >>= 8;
  }
}

function decipher(name: string, key: Buffer, iv: Buffer, data: Buffer): Buffer {
  if (name === 'rc2') return rc2(key, iv, data);
  const cipher = createDecipheriv(name, key, iv);
  return Buffer.concat([cipher.update(data), cipher.final()]);
}

function rc2(key: Buffer, iv: Buffer, data: Buffer): Buffer {
  const cipher = forge.rc2.createDecryptionCipher(key.toString('binary'), key.length * 8);
  cipher.start(iv.toString('binary'));
  cipher.update(forge.util.createBuffer(data.toString('binary')));
  if (!cipher.finish()) throw new Error('wrong padding');
  return Buffer.from(cipher.output.getBytes(), 'binary');
}

function partsOf(sequence: unknown): asn1js.AsnType[] {
  return sequence instanceof asn1js.Sequence ? (sequence.valueBlock.value) : [];
}

function bounded(iterations: number): number {
  if (iterations >= 1 && iterations <= MAX_ITERATIONS) return iterations;
  throw new PkiFault('CERTIFICATE_ITERATIONS_TOO_MANY', `The file asks for a number of iterations that no real one does, to derive a key; 1 to ${MAX_ITERATIONS} are done. Export it again with the usual settings.`);
}

const unsupported = (algorithm: string): PkiFault =>
  new PkiFault('CERTIFICATE_ENCRYPTION_UNSUPPORTED', `The file is protected by a scheme that Mailroom does not know (${algorithm}). Export it with AES-256, or with 3DES.`);
