import type { Database } from '../db/client.js';

export class InstallationRepository {
  constructor(private readonly db: Database) {}

  /** Made with the database, and never changed. */
  async id(): Promise<string> {
    return (await this.db.prisma.installation.findUniqueOrThrow({ where: { id: 1 } })).installationId;
  }
}
