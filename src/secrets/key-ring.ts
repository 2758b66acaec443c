import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes, scryptSync, timingSafeEqual } from 'node:crypto';

/** A ciphertext that cannot be read: made with a key that is not in the ring, for another destination, or changed. */
export class SecretError extends Error {
  readonly code = 'SECRET_UNREADABLE';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SecretError';
  }
}

interface Key {
  id: string;
  bytes: Buffer;
  /** For fingerprints. */
  macKey: Buffer;
}

const IV_BYTES = 12; // NIST SP 800-38D §8.2: 96 bits
const TAG_BYTES = 16;
const ID_BYTES = 4;
const DERIVATION = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 2 ** 20 };
/** Separates these keys from any other use of the same text; the text itself must be unguessable. */
const SALT = 'mailroom secret key 1';

/**
 * Encrypts secrets at rest with AES-256-GCM. The first key encrypts, all decrypt. A ciphertext is
 * `v1.<key id>.<base64url of IV, tag and data>`; `context` is bound in as associated data, so a ciphertext opens only for the purpose
 * (an SMTP password: the destination) it was sealed for.
 */
export class KeyRing {
  private keys: Key[] = [];
  private texts: readonly string[] = [];
  private readonly source: () => readonly string[];

  /** @param source gives the keys, the newest first. It is asked again before each encryption, and when a key is not known: one that is read from a file may change while the process runs. */
  constructor(source: readonly string[] | (() => readonly string[])) {
    this.source = typeof source === 'function' ? source : () => source;
    this.refresh();
    if (this.keys.length === 0) throw new SecretError('A key ring needs at least one key.');
  }

  /** Names the key that encrypts; tells nothing about it. */
  get currentId(): string {
    return this.current.id;
  }

  has(id: string): boolean {
    return this.keys.some((key) => key.id === id);
  }

  seal(plain: string, context: string): string {
    this.refresh();
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.current.bytes, iv).setAAD(Buffer.from(context));
    const data = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
    return `v1.${this.current.id}.${Buffer.concat([iv, cipher.getAuthTag(), data]).toString('base64url')}`;
  }

  /** Throws a SecretError; never gives a wrong plain text. */
  open(sealed: string, context: string): string {
    const [version, id, packed] = sealed.split('.');
    const key = this.find(id) ?? (this.refresh(), this.find(id));
    if (version !== 'v1' || packed === undefined) throw new SecretError('A stored secret has an unknown form.');
    if (!key) throw new SecretError(`A stored secret was encrypted with the key ${id}, which MAILROOM_SECRET_KEY does not hold.`);
    const bytes = Buffer.from(packed, 'base64url');
    if (bytes.length < IV_BYTES + TAG_BYTES) throw new SecretError('A stored secret was cut short.');
    const decipher = createDecipheriv('aes-256-gcm', key.bytes, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(context))
      .setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    try {
      return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]).toString('utf8');
    } catch (cause) {
      throw new SecretError('A stored secret was given for another destination, or was changed.', { cause });
    }
  }

  /** Tells whether two texts are the same without keeping either: the key's id (4 bytes) and an HMAC-SHA-256, so that nobody can guess the text without the key. */
  fingerprint(text: string): Buffer {
    return fingerprintBy(this.current, text);
  }

  /** False: it is the fingerprint of another text. True also when the key that it was made with is gone, so that nobody can say. */
  mayBeOf(fingerprint: Buffer, text: string): boolean {
    const key = this.find(fingerprint.toString('hex', 0, ID_BYTES));
    if (key === undefined) return true;
    const expected = fingerprintBy(key, text);
    return expected.length === fingerprint.length && timingSafeEqual(expected, fingerprint);
  }

  private get current(): Key {
    return this.keys[0]!;
  }

  private find(id: string | undefined): Key | undefined {
    return this.keys.find((key) => key.id === id);
  }

  /** Keys that are gone from the source are kept by this process: what it read with them before it can read again. */
  private refresh(): void {
    const texts = this.source();
    if (texts.length === 0 || texts.join() === this.texts.join()) return;
    const derived = texts.map(deriveKey);
    this.keys = [...derived, ...this.keys.filter(({ id }) => !derived.some((key) => key.id === id))];
    this.texts = texts;
  }
}

function deriveKey(text: string): Key {
  const bytes = scryptSync(text, SALT, 32, DERIVATION);
  return { bytes, id: createHash('sha256').update(bytes).digest('hex').slice(0, 2 * ID_BYTES), macKey: Buffer.from(hkdfSync('sha256', bytes, '', 'mailroom fingerprints 1', 32)) };
}

const fingerprintBy = ({ id, macKey }: Key, text: string): Buffer => Buffer.concat([Buffer.from(id, 'hex'), createHmac('sha256', macKey).update(text).digest()]);
