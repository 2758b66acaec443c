import type { Database, Tx } from '../db/client.js';
import type { CertificateInFile } from '../pki/certificate-file.js';

export interface TlsMaterialRow {
  version: number;
  active: { id: string; pem: string; chain: CertificateInFile[]; privateKeyCiphertext: string } | null;
  /** PEM. */
  trusted: string[];
}

/** One row that every change of certificates locks, so that they happen one after the other and a connection's material is of one moment. */
export class TlsMaterialRepository {
  constructor(private readonly db: Database) {}

  async version(): Promise<number> {
    return (await this.db.prisma.tlsMaterial.findUniqueOrThrow({ where: { id: 1 } })).version;
  }

  async load(): Promise<TlsMaterialRow> {
    const [row] = await this.db.prisma.$queryRaw<TlsMaterialRow[]>`
      SELECT m.version,
        CASE WHEN c.id IS NOT NULL THEN jsonb_build_object('id', c.id, 'pem', c.pem, 'chain', c.chain, 'privateKeyCiphertext', c.private_key_ciphertext) END AS active,
        ARRAY(SELECT t.pem FROM trusted_certificates t ORDER BY t.id) AS trusted
      FROM tls_material m LEFT JOIN client_certificates c ON c.id = m.active_client_certificate_id`;
    return row!;
  }

  /** Keeps other changes of certificates out until the transaction ends. Answers the active client certificate. */
  async lock(tx: Tx): Promise<string | null> {
    const [row] = await tx.$queryRaw<{ active: string | null }[]>`SELECT active_client_certificate_id AS active FROM tls_material FOR UPDATE`;
    return row!.active;
  }

  /** Keeps the active client certificate as it is until the transaction ends. */
  async lockShared(tx: Tx): Promise<string | null> {
    const [row] = await tx.$queryRaw<{ active: string | null }[]>`SELECT active_client_certificate_id AS active FROM tls_material FOR SHARE`;
    return row!.active;
  }

  async activeId(): Promise<string | null> {
    return (await this.db.prisma.tlsMaterial.findUniqueOrThrow({ where: { id: 1 } })).activeClientCertificateId;
  }

  /** Every process makes its next connection with what is there when the transaction has ended. */
  async countChange(tx: Tx): Promise<void> {
    await tx.tlsMaterial.update({ where: { id: 1 }, data: { version: { increment: 1 } } });
  }

  async hasTrusted(): Promise<boolean> {
    return (await this.db.prisma.trustedCertificate.findFirst({ select: { id: true } })) !== null;
  }

  async activate(tx: Tx, clientCertificateId: string | null): Promise<void> {
    await tx.tlsMaterial.update({ where: { id: 1 }, data: { activeClientCertificateId: clientCertificateId, version: { increment: 1 } } });
  }
}
