import type { Database } from '../db/client.js';

export interface StatusCount {
  status: string;
  total: number;
  /** Of those made in the last days. */
  recent: number;
}

/** Counts and versions, over the tables of all features. Each method is one statement. */
export class SupportBundleRepository {
  constructor(private readonly db: Database) {}

  /** Such as `18.4`. */
  async serverVersion(): Promise<string> {
    const [row] = await this.db.prisma.$queryRaw<{ version: string }[]>`SELECT current_setting('server_version') AS version`;
    return row!.version;
  }

  migrations(): Promise<{ name: string; appliedAt: Date }[]> {
    return this.db.prisma.$queryRaw`
      SELECT migration_name AS name, finished_at AS "appliedAt" FROM _prisma_migrations
      WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY migration_name`;
  }

  emails(days: number): Promise<StatusCount[]> {
    return this.db.prisma.$queryRaw`
      SELECT status::text AS status, count(*)::float8 AS total, (count(*) FILTER (WHERE created_at >= now() - make_interval(days => ${days})))::float8 AS recent
      FROM emails GROUP BY 1 ORDER BY 1`;
  }

  /** Why e-mails are not sent: the most frequent reasons. */
  reasons(): Promise<{ status: string; code: string; count: number }[]> {
    return this.db.prisma.$queryRaw`
      SELECT status::text AS status, reason_code AS code, count(*)::float8 AS count FROM emails
      WHERE reason_code IS NOT NULL GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 50`;
  }

  async events(days: number): Promise<{ total: number; recent: number; waiting: number }> {
    const [row] = await this.db.prisma.$queryRaw<{ total: number; recent: number; waiting: number }[]>`
      SELECT count(*)::float8 AS total, (count(*) FILTER (WHERE accepted_at >= now() - make_interval(days => ${days})))::float8 AS recent,
        (count(*) FILTER (WHERE matched_at IS NULL))::float8 AS waiting
      FROM events`;
    return row!;
  }

  async subscriptions(): Promise<{ total: number; enabled: number }> {
    const [row] = await this.db.prisma.$queryRaw<{ total: number; enabled: number }[]>`
      SELECT count(*)::float8 AS total, (count(*) FILTER (WHERE enabled))::float8 AS enabled FROM subscriptions`;
    return row!;
  }

  async users(): Promise<{ total: number; enabled: number }> {
    const [row] = await this.db.prisma.$queryRaw<{ total: number; enabled: number }[]>`
      SELECT count(*)::float8 AS total, (count(*) FILTER (WHERE enabled))::float8 AS enabled FROM users`;
    return row!;
  }

  smtpTests(): Promise<{ status: string; count: number }[]> {
    return this.db.prisma.$queryRaw`SELECT status::text AS status, count(*)::float8 AS count FROM smtp_tests GROUP BY 1 ORDER BY 1`;
  }

  apiKeys(): Promise<{ role: string; count: number }[]> {
    return this.db.prisma.$queryRaw`SELECT role::text AS role, count(*)::float8 AS count FROM api_keys GROUP BY 1 ORDER BY 1`;
  }
}
