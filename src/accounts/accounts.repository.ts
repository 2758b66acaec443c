import type { Slice } from '../contract/page.js';
import type { Database, Tx } from '../db/client.js';
import type { AccountModel } from '../db/generated/models.js';
import type { Account } from './accounts.contract.js';

export type AccountRow = Omit<AccountModel, 'kind'> & { kind: Account['kind'] };
export type AccountData = Omit<AccountRow, 'id' | 'version' | 'createdAt' | 'updatedAt'>;

export class AccountsRepository {
  constructor(private readonly db: Database) {}

  find(id: string): Promise<AccountRow | null> {
    return this.db.prisma.account.findUnique({ where: { id } }) as Promise<AccountRow | null>;
  }

  list({ limit, after }: Slice): Promise<AccountRow[]> {
    return this.db.prisma.account.findMany({ ...(after !== null && { where: { id: { lt: after } } }), orderBy: { id: 'desc' }, take: limit + 1 }) as Promise<AccountRow[]>;
  }

  async lock(tx: Tx, id: string): Promise<AccountRow | null> {
    await tx.$executeRaw`SELECT 1 FROM accounts WHERE id = ${id}::uuid FOR UPDATE`;
    return tx.account.findUnique({ where: { id } }) as Promise<AccountRow | null>;
  }

  /** Keeps others from changing or deleting the account until the transaction ends. */
  async lockShared(tx: Tx, id: string): Promise<AccountRow | null> {
    await tx.$executeRaw`SELECT 1 FROM accounts WHERE id = ${id}::uuid FOR SHARE`;
    return tx.account.findUnique({ where: { id } }) as Promise<AccountRow | null>;
  }

  create(tx: Tx, id: string, data: AccountData): Promise<AccountRow> {
    return tx.account.create({ data: { id, ...data } }) as Promise<AccountRow>;
  }

  update(tx: Tx, id: string, data: Partial<AccountData>): Promise<AccountRow> {
    return tx.account.update({ where: { id }, data: { ...data, version: { increment: 1 }, updatedAt: new Date() } }) as Promise<AccountRow>;
  }

  async setDnsServers(tx: Tx, id: string, dnsServers: string[]): Promise<void> {
    await tx.account.updateMany({ where: { id }, data: { dnsServers } });
  }

  async delete(tx: Tx, id: string): Promise<void> {
    await tx.account.delete({ where: { id } });
  }

  async usedBySmtpSettings(tx: Tx, id: string): Promise<boolean> {
    return (await tx.smtpSettings.count({ where: { accountId: id } })) > 0;
  }
}
