import type { Database } from '../db/client.js';

export class SecretKeysRepository {
  constructor(private readonly db: Database) {}

  async ids(): Promise<string[]> {
    return (await this.db.prisma.secretKey.findMany({ orderBy: { createdAt: 'asc' } })).map(({ keyId }) => keyId);
  }

  async add(keyId: string): Promise<void> {
    await this.db.prisma.secretKey.upsert({ where: { keyId }, create: { keyId }, update: {} });
  }
}
