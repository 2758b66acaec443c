import type { AuditEntryModel } from '../../src/db/generated/models.js';
import type { TestMailroom } from '../setup/mailroom.js';

/** The audit rows of one kind of resource, or of one resource, oldest first. */
export function auditOf({ container }: TestMailroom, resourceType: string, resourceId?: string): Promise<AuditEntryModel[]> {
  return container.database.prisma.auditEntry.findMany({ where: { resourceType, ...(resourceId !== undefined && { resourceId }) }, orderBy: { id: 'asc' } });
}
