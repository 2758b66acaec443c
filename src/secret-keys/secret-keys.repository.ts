import type { Database, Tx } from '../db/client.js';

export class SecretKeysRepository {
  constructor(private readonly db: Database) {}

  async ids(): Promise<string[]> {
    return (await this.db.prisma.secretKey.findMany({ orderBy: { createdAt: 'asc' } })).map(({ keyId }) => keyId);
  }

  /** Forgets all keys but this one. */
  async keepOnly(tx: Tx, keyId: string): Promise<void> {
    await tx.secretKey.deleteMany({ where: { NOT: { keyId } } });
  }

  async add(keyId: string): Promise<void> {
    await this.db.prisma.secretKey.upsert({ where: { keyId }, create: { keyId }, update: {} });
  }
}
