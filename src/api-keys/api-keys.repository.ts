import { type Database, Prisma, type Tx } from '../db/client.js';
import { statement } from '../db/statements.js';
import type { ApiKeyModel } from '../db/generated/models.js';
import type { Slice } from '../contract/page.js';

export type ApiKeyRow = ApiKeyModel;
export type NewApiKey = Omit<ApiKeyRow, 'createdAt' | 'lastUsedAt'>;

const FIND_HOLDERS = statement('find-key-holders', (keyHashes: readonly Buffer[]) => Prisma.sql`
  SELECT id, name, role, key_hash AS "keyHash", expires_at AS "expiresAt" FROM api_keys WHERE key_hash = ANY(${keyHashes}::bytea[])`);

/** What tells who calls. */
export type KeyHolderRow = Pick<ApiKeyRow, 'id' | 'name' | 'role' | 'keyHash' | 'expiresAt'>;

export class ApiKeysRepository {
  constructor(private readonly db: Database) {}

  findByHash(keyHash: Buffer, tx: Tx = this.db.prisma): Promise<ApiKeyRow | null> {
    return tx.apiKey.findUnique({ where: { keyHash: new Uint8Array(keyHash) } });
  }

  /** Those of the hashes that are somebody's. */
  findHolders(keyHashes: readonly Buffer[]): Promise<KeyHolderRow[]> {
    return this.db.statements.rows(FIND_HOLDERS(keyHashes));
  }

  list({ limit, after }: Slice): Promise<ApiKeyRow[]> {
    return this.db.prisma.apiKey.findMany({
      ...(after !== null && { where: { id: { lt: after } } }),
      orderBy: { id: 'desc' },
      take: limit + 1,
    });
  }

  create(tx: Tx, row: NewApiKey): Promise<ApiKeyRow> {
    return tx.apiKey.create({ data: { ...row, keyHash: new Uint8Array(row.keyHash) } });
  }

  /**
   * Locks a key and all administrator keys, so that two deletions at once can neither delete the same key nor the last two administrators.
   * @returns how many other administrators there are whose keys have not expired
   */
  async lockWithAdministrators(tx: Tx, id: string): Promise<number> {
    const rows = await tx.$queryRaw<{ id: string; administers: boolean }[]>`
      SELECT id, role = 'administrator' AND (expires_at IS NULL OR expires_at > now()) AS administers FROM api_keys
      WHERE role = 'administrator' OR id = ${id}::uuid ORDER BY id FOR UPDATE`;
    return rows.filter((row) => row.administers && row.id !== id).length;
  }

  find(tx: Tx, id: string): Promise<ApiKeyRow | null> {
    return tx.apiKey.findUnique({ where: { id } });
  }

  async delete(tx: Tx, id: string): Promise<void> {
    await tx.apiKey.delete({ where: { id } });
  }

  async hasAdministrator(tx: Tx): Promise<boolean> {
    return (await tx.apiKey.count({ where: { role: 'administrator', OR: [{ expiresAt: null }, { expiresAt: { gt: new Date() } }] } })) > 0;
  }

  /** When keys were used last, by their ids. One statement; a later time stays. */
  async setLastUsed(uses: ReadonlyMap<string, Date>): Promise<void> {
    await this.db.prisma.$executeRaw`
      UPDATE api_keys k SET last_used_at = u.at FROM unnest(${[...uses.keys()]}::uuid[], ${[...uses.values()].map((at) => at.toISOString())}::timestamptz[]) AS u(id, at)
      WHERE k.id = u.id AND (k.last_used_at IS NULL OR k.last_used_at < u.at)`;
  }

  /** Processes that start at once see to the first keys one after the other. */
  async lockFirstKeys(tx: Tx): Promise<void> {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('mailroom first keys'))`;
  }

  /** Those that followed another value of MAILROOM_ADMIN_KEY. */
  staleEnvironmentKeys(tx: Tx, keyHash: Buffer | null): Promise<ApiKeyRow[]> {
    return tx.apiKey.findMany({ where: { origin: 'environment', ...(keyHash !== null && { NOT: { keyHash: new Uint8Array(keyHash) } }) } });
  }

  /** A key of that value was made before: it is the environment's now, and an administrator. */
  adoptForEnvironment(tx: Tx, id: string): Promise<ApiKeyRow> {
    return tx.apiKey.update({ where: { id }, data: { origin: 'environment', role: 'administrator', expiresAt: null } });
  }
}
