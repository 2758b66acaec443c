import type { Actor } from '../contract/actor.js';
import { canonicalJson } from '../contract/canonical-json.js';
import type { Database, Prisma, Tx } from '../db/client.js';
import { MailroomError } from '../errors.js';
import type { KeyRing } from '../secrets/key-ring.js';
import type { IdempotencyClaim, IdempotencyRepository } from './idempotency.repository.js';

const BARE = /^[\x21-\x7e]{1,255}$/;
/** A String of RFC 8941 §3.3.3, as draft-ietf-httpapi-idempotency-key-header-07 has the key. */
const QUOTED = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/;

export interface Answer<T> {
  response: T;
  /** True when this is the answer to an earlier request with the same key. */
  replayed: boolean;
}

export class IdempotencyService {
  constructor(
    private readonly db: Database,
    private readonly claims: IdempotencyRepository,
    private readonly keys: KeyRing,
  ) {}

  /**
   * Runs `work`, whose answer is JSON, once for each Idempotency-Key of a caller and operation; without a key, each time. Its effect and its answer are kept in
   * one transaction, so a process that dies leaves both or none. Without a key a work that is one statement needs no transaction. The same key with another body is 422, while the first request is
   * still at work 409.
   */
  async once<T>(claim: IdempotencyClaim | null, work: (tx: Tx) => Promise<T>, isOneStatement = true): Promise<Answer<T>> {
    if (claim === null) return { response: await (isOneStatement ? work(this.db.prisma) : this.db.prisma.$transaction(work)), replayed: false };
    return this.db.prisma.$transaction(async (tx) => {
      if (!(await this.claims.tryLock(tx, claim))) throw inProgress(claim.key);
      const first = await this.claims.find(tx, claim);
      if (first !== null) return { response: this.replay<T>(first, claim), replayed: true };
      const response = await work(tx);
      await this.claims.keep(tx, claim, this.keys.fingerprint(claim.body), response as Prisma.InputJsonValue);
      return { response, replayed: false };
    });
  }

  /** Bodies may hold a password, so that their bare hash would let it be guessed: they are compared by a fingerprint that takes the secret key. */
  private replay<T>(first: { requestHash: Uint8Array; response: unknown }, { key, body }: IdempotencyClaim): T {
    if (this.keys.mayBeOf(Buffer.from(first.requestHash), body)) return first.response as T;
    throw new MailroomError('keyReused', 'IDEMPOTENCY_KEY_REUSED', `The Idempotency-Key ${key} was used for another body in the last 24 hours. Use a new key for a new request.`, [
      { parameter: 'Idempotency-Key', message: 'was used for another body' },
    ]);
  }
}

/** Bodies are compared by content: the order of properties does not matter. */
export function claimOf(actor: Actor, operation: string, key: string | undefined, body: unknown): IdempotencyClaim | null {
  if (key === undefined) return null;
  return { apiKeyId: actor.keyId, operation, key: keyOf(key), body: canonicalJson(body) };
}

/** The same key with quotes, as the draft has it, and without them, as many clients send it. */
function keyOf(header: string): string {
  const key = header.startsWith('"') ? QUOTED.exec(header)?.[1]?.replace(/\\(.)/g, '$1') : BARE.exec(header)?.[0];
  if (key !== undefined && key.length > 0 && key.length <= 255) return key;
  const message = 'must have 1 to 255 visible ASCII characters, or be a String of RFC 8941 with as many: "…", where only \\" and \\\\ are escaped';
  throw new MailroomError('invalid', 'IDEMPOTENCY_KEY_INVALID', `An Idempotency-Key ${message}.`, [{ parameter: 'Idempotency-Key', message }]);
}

const inProgress = (key: string): MailroomError =>
  new MailroomError('conflict', 'IDEMPOTENCY_KEY_IN_PROGRESS', `A request with the Idempotency-Key ${key} is being worked on. Repeat yours in a moment.`, [], { retryAfterSeconds: 1 });
