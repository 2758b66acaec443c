import type { Database, Tx } from '../db/client.js';
import type { ApiKeyModel } from '../db/generated/models.js';
import type { Slice } from '../contract/page.js';

export type ApiKeyRow = ApiKeyModel;

export class ApiKeysRepository {
  constructor(private readonly db: Database) {}

  findByHash(keyHash: Buffer): Promise<ApiKeyRow | null> {
    return this.db.prisma.apiKey.findUnique({ where: { keyHash: new Uint8Array(keyHash) } });
  }

  list({ limit, after }: Slice): Promise<ApiKeyRow[]> {
    return this.db.prisma.apiKey.findMany({
      ...(after !== null && { where: { id: { lt: after } } }),
      orderBy: { id: 'desc' },
      take: limit + 1,
    });
  }

  create(tx: Tx, row: Omit<ApiKeyRow, 'createdAt'>): Promise<ApiKeyRow> {
    return tx.apiKey.create({ data: { ...row, keyHash: new Uint8Array(row.keyHash) } });
  }

  /**
   * Locks a key and all administrator keys, so that two deletions at once can neither delete the same key nor the last two administrators.
   * @returns how many administrators there are
   */
  async lockWithAdministrators(tx: Tx, id: string): Promise<number> {
    const rows = await tx.$queryRaw<{ role: string }[]>`SELECT role::text FROM api_keys WHERE role = 'administrator' OR id = ${id}::uuid ORDER BY id FOR UPDATE`;
    return rows.filter(({ role }) => role === 'administrator').length;
  }

  find(tx: Tx, id: string): Promise<ApiKeyRow | null> {
    return tx.apiKey.findUnique({ where: { id } });
  }

  async delete(tx: Tx, id: string): Promise<void> {
    await tx.apiKey.delete({ where: { id } });
  }

  async exists(): Promise<boolean> {
    return (await this.db.prisma.apiKey.count({ where: { role: 'administrator' } })) > 0;
  }

  /** The one key that follows MAILROOM_ADMIN_KEY: another value replaces it. */
  async replaceEnvironmentKey(row: Omit<ApiKeyRow, 'createdAt'>): Promise<void> {
    const data = { ...row, keyHash: new Uint8Array(row.keyHash) };
    await this.db.prisma.$transaction([
      this.db.prisma.apiKey.deleteMany({ where: { origin: 'environment', NOT: { keyHash: data.keyHash } } }),
      this.db.prisma.apiKey.upsert({ where: { keyHash: data.keyHash }, create: data, update: { origin: 'environment', role: 'administrator' } }),
    ]);
  }

  async removeEnvironmentKey(): Promise<void> {
    await this.db.prisma.apiKey.deleteMany({ where: { origin: 'environment' } });
  }
}
