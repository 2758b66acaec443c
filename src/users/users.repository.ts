import type { Slice } from '../contract/page.js';
import type { Database, Tx } from '../db/client.js';
import type { UserModel } from '../db/generated/models.js';

export type UserRow = UserModel;
export type UserData = Omit<UserRow, 'id' | 'version' | 'createdAt' | 'updatedAt'>;

export class UsersRepository {
  constructor(private readonly db: Database) {}

  find(id: string): Promise<UserRow | null> {
    return this.db.prisma.user.findUnique({ where: { id } });
  }

  /** Names may be given more than once. */
  findMany(ids: string[]): Promise<UserRow[]> {
    return this.db.prisma.user.findMany({ where: { id: { in: [...new Set(ids)] } } });
  }

  /** At most `limit`. */
  withAddress(emailKey: string, limit: number): Promise<UserRow[]> {
    return this.db.prisma.user.findMany({ where: { emailKey }, orderBy: { id: 'asc' }, take: limit });
  }

  list({ limit, after }: Slice, { emailKey, q }: { emailKey?: string | undefined; q?: string | undefined }): Promise<UserRow[]> {
    const contains = { contains: escapeLike(q ?? ''), mode: 'insensitive' as const };
    return this.db.prisma.user.findMany({
      where: {
        ...(after !== null && { id: { lt: after } }),
        ...(emailKey !== undefined && { emailKey }),
        ...(q !== undefined && { OR: [{ name: contains }, { emailAddress: contains }] }),
      },
      orderBy: { id: 'desc' },
      take: limit + 1,
    });
  }

  async lock(tx: Tx, id: string): Promise<UserRow | null> {
    await tx.$executeRaw`SELECT 1 FROM users WHERE id = ${id}::uuid FOR UPDATE`;
    return tx.user.findUnique({ where: { id } });
  }

  /** The user stays until the transaction ends. */
  async lockShared(tx: Tx, id: string): Promise<boolean> {
    return (await tx.$queryRaw<unknown[]>`SELECT 1 FROM users WHERE id = ${id}::uuid FOR KEY SHARE`).length > 0;
  }

  create(tx: Tx, id: string, data: UserData): Promise<UserRow> {
    return tx.user.create({ data: { id, ...data } });
  }

  update(tx: Tx, id: string, data: UserData): Promise<UserRow> {
    return tx.user.update({ where: { id }, data: { ...data, version: { increment: 1 }, updatedAt: new Date() } });
  }

  async delete(tx: Tx, id: string): Promise<void> {
    await tx.user.delete({ where: { id } });
  }
}

/** What is searched for is text: its signs of LIKE are not. */
const escapeLike = (text: string): string => text.replace(/[\\%_]/g, '\\$&');
