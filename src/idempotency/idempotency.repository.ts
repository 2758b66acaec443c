import type { Database, Tx } from '../db/client.js';
import type { Prisma } from '../db/client.js';

/** Names one request of one caller. */
export interface IdempotencyClaim {
  apiKeyId: string;
  operation: string;
  key: string;
  /** The request's content, in one form for all orders of its properties. */
  body: string;
}

export class IdempotencyRepository {
  constructor(private readonly db: Database) {}

  /** Held until the transaction ends. False: another request with this key is being worked on. */
  async tryLock(tx: Tx, { apiKeyId, operation, key }: IdempotencyClaim): Promise<boolean> {
    const name = JSON.stringify([apiKeyId, operation, key]);
    const [row] = await tx.$queryRaw<{ locked: boolean }[]>`SELECT pg_try_advisory_xact_lock(hashtextextended(${name}, 7)) AS locked`;
    return row!.locked;
  }

  /** The answer of the first request of the last 24 hours. */
  async find(tx: Tx, { apiKeyId, operation, key }: IdempotencyClaim): Promise<{ requestHash: Uint8Array; response: unknown } | null> {
    const [row] = await tx.$queryRaw<{ requestHash: Uint8Array; response: unknown }[]>`
      SELECT request_hash AS "requestHash", response FROM idempotency_keys
      WHERE api_key_id = ${apiKeyId}::uuid AND operation = ${operation} AND key = ${key} AND created_at > now() - interval '24 hours'`;
    return row ?? null;
  }

  async keep(tx: Tx, { apiKeyId, operation, key }: IdempotencyClaim, requestHash: Buffer, response: Prisma.InputJsonValue): Promise<void> {
    const fresh = { requestHash: new Uint8Array(requestHash), response, createdAt: new Date() };
    const where = { apiKeyId_operation_key: { apiKeyId, operation, key } };
    await tx.idempotencyKey.upsert({ where, create: { apiKeyId, operation, key, ...fresh }, update: fresh });
  }

  async deleteExpired(): Promise<number> {
    return this.db.prisma.$executeRaw`DELETE FROM idempotency_keys WHERE created_at < now() - interval '24 hours'`;
  }
}
