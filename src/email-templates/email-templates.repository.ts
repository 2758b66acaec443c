import type { Database, Tx } from '../db/client.js';
import type { EmailTemplateModel } from '../db/generated/models.js';

export type EmailTemplateRow = EmailTemplateModel;
export type EmailTemplateData = Omit<EmailTemplateRow, 'createdAt' | 'updatedAt'>;
export type StoredSummary = Pick<EmailTemplateRow, 'eventType' | 'subject' | 'updatedAt' | 'updatedBy'>;

/** The templates that differ from their defaults. */
export class EmailTemplatesRepository {
  constructor(private readonly db: Database) {}

  find(eventType: string, tx: Tx = this.db.prisma): Promise<EmailTemplateRow | null> {
    return tx.emailTemplate.findUnique({ where: { eventType } });
  }

  findMany(eventTypes: string[], tx: Tx = this.db.prisma): Promise<EmailTemplateRow[]> {
    return tx.emailTemplate.findMany({ where: { eventType: { in: eventTypes } } });
  }

  summaries(): Promise<StoredSummary[]> {
    return this.db.prisma.emailTemplate.findMany({ select: { eventType: true, subject: true, updatedAt: true, updatedBy: true } });
  }

  /** Also for a template that is not there yet. */
  async lock(tx: Tx, eventType: string): Promise<EmailTemplateRow | null> {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`email-template ${eventType}`}, 5))`;
    return this.find(eventType, tx);
  }

  save(tx: Tx, data: EmailTemplateData): Promise<EmailTemplateRow> {
    const { eventType, ...rest } = data;
    return tx.emailTemplate.upsert({ where: { eventType }, create: data, update: { ...rest, updatedAt: new Date() } });
  }

  async delete(tx: Tx, eventType: string): Promise<void> {
    await tx.emailTemplate.deleteMany({ where: { eventType } });
  }
}
