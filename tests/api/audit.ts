import type { AuditEntryModel } from '../../src/db/generated/models.js';
import type { TestMailroom } from '../setup/mailroom.js';

/** The audit rows of one kind of resource, or of one resource, oldest first. */
export function auditOf({ container }: TestMailroom, resourceType: string, resourceId?: string): Promise<AuditEntryModel[]> {
  return container.database.prisma.auditEntry.findMany({ where: { resourceType, ...(resourceId !== undefined && { resourceId }) }, orderBy: { id: 'asc' } });
}

/** Empties the audit log, which only the tables' owner can, and only by taking its guard away. */
export async function forgetAudit({ container: { database: { prisma } } }: TestMailroom): Promise<void> {
  await prisma.$transaction([
    prisma.$executeRaw`ALTER TABLE audit_log DISABLE TRIGGER USER`,
    prisma.auditEntry.deleteMany(),
    prisma.$executeRaw`ALTER TABLE audit_log ENABLE TRIGGER USER`,
  ]);
}
