import type { Database, Tx } from '../db/client.js';
import type { DnsSettingsModel } from '../db/generated/models.js';

export type DnsSettingsRow = DnsSettingsModel;

/** The settings are one row, which a migration makes. */
export class DnsSettingsRepository {
  constructor(private readonly db: Database) {}

  async read(): Promise<DnsSettingsRow> {
    return this.db.prisma.dnsSettings.findUniqueOrThrow({ where: { id: 1 } });
  }

  async lock(tx: Tx): Promise<DnsSettingsRow> {
    await tx.$executeRaw`SELECT 1 FROM dns_settings WHERE id = 1 FOR UPDATE`;
    return tx.dnsSettings.findUniqueOrThrow({ where: { id: 1 } });
  }

  /** Keeps others from changing them until the transaction ends. */
  async lockShared(tx: Tx): Promise<DnsSettingsRow> {
    await tx.$executeRaw`SELECT 1 FROM dns_settings WHERE id = 1 FOR SHARE`;
    return tx.dnsSettings.findUniqueOrThrow({ where: { id: 1 } });
  }

  async write(tx: Tx, data: { servers: string[]; updatedBy: string }): Promise<DnsSettingsRow> {
    return tx.dnsSettings.update({ where: { id: 1 }, data: { ...data, version: { increment: 1 }, updatedAt: new Date() } });
  }
}
