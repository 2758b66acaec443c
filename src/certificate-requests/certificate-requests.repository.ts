import type { Slice } from '../contract/page.js';
import type { Database, Tx } from '../db/client.js';
import type { CertificateRequestModel } from '../db/generated/models.js';
import type { KeyType } from './certificate-requests.contract.js';

export type CertificateRequestRow = Omit<CertificateRequestModel, 'keyType'> & { keyType: KeyType };
export type NewCertificateRequest = Omit<CertificateRequestRow, 'version' | 'createdAt' | 'installedAt'>;

export class CertificateRequestsRepository {
  constructor(private readonly db: Database) {}

  find(id: string): Promise<CertificateRequestRow | null> {
    return this.db.prisma.certificateRequest.findUnique({ where: { id } }) as Promise<CertificateRequestRow | null>;
  }

  findByPublicKeys(digests: Buffer[]): Promise<CertificateRequestRow[]> {
    return this.db.prisma.certificateRequest.findMany({ where: { publicKeyDigest: { in: digests.map((digest) => new Uint8Array(digest)) } } }) as Promise<CertificateRequestRow[]>;
  }

  list({ limit, after }: Slice): Promise<CertificateRequestRow[]> {
    const where = after === null ? {} : { id: { lt: after } };
    return this.db.prisma.certificateRequest.findMany({ where, orderBy: { id: 'desc' }, take: limit + 1 }) as Promise<CertificateRequestRow[]>;
  }

  async lock(tx: Tx, id: string): Promise<CertificateRequestRow | null> {
    await tx.$executeRaw`SELECT 1 FROM certificate_requests WHERE id = ${id}::uuid FOR UPDATE`;
    return tx.certificateRequest.findUnique({ where: { id } }) as Promise<CertificateRequestRow | null>;
  }

  create(tx: Tx, data: NewCertificateRequest): Promise<CertificateRequestRow> {
    return tx.certificateRequest.create({ data }) as Promise<CertificateRequestRow>;
  }

  async delete(tx: Tx, id: string): Promise<void> {
    await tx.certificateRequest.delete({ where: { id } });
  }

  /** Nothing when it was deleted meanwhile. */
  async markInstalled(tx: Tx, id: string): Promise<void> {
    await tx.certificateRequest.updateMany({ where: { id }, data: { installedAt: new Date(), version: { increment: 1 } } });
  }
}
