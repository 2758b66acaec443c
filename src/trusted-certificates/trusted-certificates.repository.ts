import type { Slice } from '../contract/page.js';
import { type Database, type Prisma, type Tx } from '../db/client.js';
import type { TrustedCertificateModel } from '../db/generated/models.js';
import type { CertificateFacts } from '../pki/certificate-facts.js';

export type TrustedCertificateRow = Omit<TrustedCertificateModel, 'facts'> & { facts: CertificateFacts };
export type NewTrustedCertificate = Omit<TrustedCertificateRow, 'version' | 'createdAt'>;

export class TrustedCertificatesRepository {
  constructor(private readonly db: Database) {}

  find(id: string, tx: Tx = this.db.prisma): Promise<TrustedCertificateRow | null> {
    return tx.trustedCertificate.findUnique({ where: { id } }) as unknown as Promise<TrustedCertificateRow | null>;
  }

  findByThumbprints(tx: Tx, thumbprints: string[]): Promise<TrustedCertificateRow[]> {
    return tx.trustedCertificate.findMany({ where: { thumbprint: { in: thumbprints } } }) as unknown as Promise<TrustedCertificateRow[]>;
  }

  list({ limit, after }: Slice): Promise<TrustedCertificateRow[]> {
    const where = after === null ? {} : { id: { lt: after } };
    return this.db.prisma.trustedCertificate.findMany({ where, orderBy: { id: 'desc' }, take: limit + 1 }) as unknown as Promise<TrustedCertificateRow[]>;
  }

  count(tx: Tx): Promise<number> {
    return tx.trustedCertificate.count();
  }

  async insert(tx: Tx, rows: NewTrustedCertificate[]): Promise<void> {
    await tx.trustedCertificate.createMany({ data: rows.map((row) => ({ ...row, facts: row.facts as unknown as Prisma.InputJsonValue })) });
  }

  async delete(tx: Tx, id: string): Promise<void> {
    await tx.trustedCertificate.delete({ where: { id } });
  }
}
