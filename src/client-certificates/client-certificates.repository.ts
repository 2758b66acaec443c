import type { Slice } from '../contract/page.js';
import { type Database, type Prisma, type Tx } from '../db/client.js';
import type { ClientCertificateModel } from '../db/generated/models.js';
import type { CertificateFacts } from '../pki/certificate-facts.js';
import type { CertificateInFile } from '../pki/certificate-file.js';

export type ClientCertificateRow = Omit<ClientCertificateModel, 'facts' | 'chain'> & { facts: CertificateFacts; chain: CertificateInFile[]; active: boolean };
export type NewClientCertificate = Pick<
  ClientCertificateRow,
  'id' | 'pem' | 'facts' | 'chain' | 'thumbprint' | 'validTo' | 'privateKeyCiphertext' | 'certificateRequestId' | 'installedBy' | 'activatedBy'
>;

/** A certificate whose expiry is to be announced. */
export interface ExpiringCertificate {
  id: string;
  facts: CertificateFacts;
  /** Rounded up; 0 when its time is over. By the clock of the database, as the marks. */
  daysRemaining: number;
}

/** Which certificate is active stands in tls_material: whoever changes that holds its lock. */
export class ClientCertificatesRepository {
  constructor(private readonly db: Database) {}

  async find(id: string, tx: Tx = this.db.prisma): Promise<ClientCertificateRow | null> {
    const row = await tx.clientCertificate.findUnique({ where: { id } });
    return row && withActive(row, await activeId(tx));
  }

  async findByThumbprint(tx: Tx, thumbprint: string): Promise<ClientCertificateRow | null> {
    const row = await tx.clientCertificate.findUnique({ where: { thumbprint } });
    return row && withActive(row, await activeId(tx));
  }

  async list({ limit, after }: Slice): Promise<ClientCertificateRow[]> {
    const where = after === null ? {} : { id: { lt: after } };
    const [rows, active] = await Promise.all([this.db.prisma.clientCertificate.findMany({ where, orderBy: { id: 'desc' }, take: limit + 1 }), activeId(this.db.prisma)]);
    return rows.map((row) => withActive(row, active));
  }

  async create(tx: Tx, { facts, chain, ...row }: NewClientCertificate): Promise<void> {
    await tx.clientCertificate.create({ data: { ...row, facts: json(facts), chain: json(chain) } });
  }

  /** The same certificate once more, perhaps with a chain that was missing; a file without one takes none away. */
  async reinstall(tx: Tx, id: string, { chain, privateKeyCiphertext }: Pick<NewClientCertificate, 'chain' | 'privateKeyCiphertext'>): Promise<void> {
    await tx.clientCertificate.update({ where: { id }, data: { ...(chain.length > 0 && { chain: json(chain) }), privateKeyCiphertext } });
  }

  /** To be called when `id` takes the place of `replaced` in tls_material. */
  async markActivated(tx: Tx, id: string, by: string, replaced: string | null): Promise<void> {
    const at = new Date();
    if (replaced !== null) await tx.clientCertificate.update({ where: { id: replaced }, data: { replacedAt: at, version: { increment: 1 } } });
    await tx.clientCertificate.update({ where: { id }, data: { activatedAt: at, activatedBy: by, replacedAt: null, version: { increment: 1 } } });
  }

  async delete(tx: Tx, id: string): Promise<void> {
    await tx.clientCertificate.delete({ where: { id } });
  }

  async usedBySmtpSettings(tx: Tx): Promise<boolean> {
    return (await tx.smtpSettings.count({ where: { useClientCertificate: true } })) > 0;
  }

  /**
   * The active certificate when it has come near its end, 30, 7 or 1 days or no time at all, and nobody has announced that yet; it counts as
   * announced when the transaction ends. One that comes late (it was installed 5 days before its end) is announced once, and not for each mark.
   */
  takeExpiring(tx: Tx): Promise<ExpiringCertificate[]> {
    return tx.$queryRaw<ExpiringCertificate[]>`
      UPDATE client_certificates c SET expiry_announced_days = near.days
      FROM (
        SELECT a.id, (SELECT min(mark) FROM unnest(ARRAY[0, 1, 7, 30]) mark WHERE a.valid_to <= now() + make_interval(hours => 24 * mark)) AS days
        FROM client_certificates a JOIN tls_material m ON m.active_client_certificate_id = a.id
      ) near
      WHERE c.id = near.id AND near.days < coalesce(c.expiry_announced_days, 31)
      RETURNING c.id, c.facts, greatest(0, ceil(extract(epoch FROM c.valid_to - now()) / 86400))::int AS "daysRemaining"`;
  }
}

const json = (value: unknown): Prisma.InputJsonValue => value as Prisma.InputJsonValue;

async function activeId(tx: Tx): Promise<string | null> {
  return (await tx.tlsMaterial.findUniqueOrThrow({ where: { id: 1 } })).activeClientCertificateId;
}

const withActive = (row: ClientCertificateModel, active: string | null): ClientCertificateRow =>
  ({ ...row, facts: row.facts as unknown as CertificateFacts, chain: row.chain as unknown as CertificateInFile[], active: row.id === active });
