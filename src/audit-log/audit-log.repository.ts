import type { Slice } from '../contract/page.js';
import type { Database, Prisma } from '../db/client.js';
import type { AuditEntryModel } from '../db/generated/models.js';

export type AuditEntryRow = AuditEntryModel;
export type AuditFilter = Pick<Prisma.AuditEntryWhereInput, 'resourceType' | 'resourceId' | 'action' | 'actor' | 'actorKeyId' | 'requestId' | 'at'>;

export class AuditLogRepository {
  constructor(private readonly db: Database) {}

  /** Newest first. */
  list({ limit, after }: Slice, filter: AuditFilter): Promise<AuditEntryRow[]> {
    return this.db.prisma.auditEntry.findMany({
      where: { ...filter, ...(after !== null && { id: { lt: after } }) },
      orderBy: { id: 'desc' },
      take: limit + 1,
    });
  }

  /** Deletes up to `limit` entries of whole days that are over for `days` days; answers how many. The database puts on record that it did. */
  async purge(days: number, limit: number): Promise<number> {
    const [row] = await this.db.prisma.$queryRaw<{ purged: number }[]>`SELECT purge_audit_log(${days}::int, ${limit}::int) AS purged`;
    return row!.purged;
  }
}
