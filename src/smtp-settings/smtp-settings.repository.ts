import type { Database, Tx } from '../db/client.js';
import type { SmtpSettingsModel } from '../db/generated/models.js';
import type { SmtpSecurity } from './smtp-settings.contract.js';

export type SmtpSettingsRow = Omit<SmtpSettingsModel, 'security'> & { security: SmtpSecurity };

/** The settings are one row, which the first migration makes. */
export class SmtpSettingsRepository {
  constructor(private readonly db: Database) {}

  async read(): Promise<SmtpSettingsRow> {
    return (await this.db.prisma.smtpSettings.findUniqueOrThrow({ where: { id: 1 } })) as SmtpSettingsRow;
  }

  async lock(tx: Tx): Promise<SmtpSettingsRow> {
    await tx.$executeRaw`SELECT 1 FROM smtp_settings WHERE id = 1 FOR UPDATE`;
    return (await tx.smtpSettings.findUniqueOrThrow({ where: { id: 1 } })) as SmtpSettingsRow;
  }

  async write(tx: Tx, row: Omit<SmtpSettingsRow, 'version' | 'updatedAt' | 'id'>): Promise<SmtpSettingsRow> {
    const data = { ...row, version: { increment: 1 }, updatedAt: new Date() };
    return (await tx.smtpSettings.update({ where: { id: 1 }, data })) as SmtpSettingsRow;
  }
}
