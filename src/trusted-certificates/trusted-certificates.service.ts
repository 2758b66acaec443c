import { changeResource, recordChanges } from '../audit-log/change-resource.js';
import { detailsOf } from '../certificates/present.js';
import { refusal, refusalOf } from '../certificates/refusal.js';
import type { Actor } from '../contract/actor.js';
import { idSliceOf, type PageQuery, pageOf } from '../contract/page.js';
import type { Database, Tx } from '../db/client.js';
import { MailroomError, notFound } from '../errors.js';
import { newId } from '../ids.js';
import type { CertificateFile, CertificateInFile } from '../pki/certificate-file.js';
import type { CertificateFileReader } from '../pki/certificate-file-reader.js';
import { PkiFault } from '../pki/pki-fault.js';
import type { TrustStore } from '../pki/trust-store.js';
import type { TlsMaterialService } from '../tls-material/tls-material.service.js';
import type { AddedTrustedCertificate, TrustedCertificate, TrustedCertificatePage } from './trusted-certificates.contract.js';
import type { NewTrustedCertificate, TrustedCertificateRow, TrustedCertificatesRepository } from './trusted-certificates.repository.js';

export interface TrustedCertificatesParts {
  database: Database;
  certificates: TrustedCertificatesRepository;
  material: TlsMaterialService;
  files: CertificateFileReader;
  /** Throws when a new authority could have a stored SMTP secret sent to another server, and the caller does not show that they know it. */
  refuseRedirect(tx: Tx, secret: string | null | undefined): Promise<void>;
  /** Called after a change was committed, so that mail that waits for it goes out now. */
  changed(): void;
}

export interface VersionedCertificate<T extends TrustedCertificate = TrustedCertificate> {
  certificate: T;
  version: number;
}

const TYPE = 'trustedCertificate';
/** Each is added to the TLS context of every process. */
export const MAX_TRUSTED = 500;
const MAX_TOLD = 20;

export class TrustedCertificatesService {
  constructor(private readonly parts: TrustedCertificatesParts) {}

  async list(query: PageQuery): Promise<TrustedCertificatePage> {
    const slice = idSliceOf(query);
    const [rows, trustStore] = await Promise.all([this.parts.certificates.list(slice), this.parts.material.trustStore()]);
    return pageOf(rows, slice.limit, (row) => row.id, (row) => toTrustedCertificate(row, trustStore));
  }

  async get(id: string): Promise<VersionedCertificate> {
    const row = found(await this.parts.certificates.find(id), id);
    return { certificate: toTrustedCertificate(row, await this.parts.material.trustStore()), version: row.version };
  }

  /**
   * Adds all certificates of a file, or none. Those that are here already stay as they are.
   * @param smtpPassword shows that the caller knows the stored secret, where the new authority could have it sent to another server
   * @returns created: false when all of them were here
   */
  async add(actor: Actor, bytes: Buffer, smtpPassword: string | null | undefined): Promise<VersionedCertificate<AddedTrustedCertificate> & { created: boolean }> {
    const file = await this.read(bytes);
    refuseUnfit(file.certificates);
    const { rows, created } = await this.parts.database.prisma.$transaction((tx) => this.store(tx, actor, file.certificates, smtpPassword));
    if (created) this.parts.changed();
    const trustStore = await this.parts.material.trustStore();
    const [first, ...others] = rows.map((row) => toTrustedCertificate(row, trustStore));
    return { certificate: { ...first!, others }, version: rows[0]!.version, created };
  }

  async delete(actor: Actor, id: string, ifMatch: string | undefined): Promise<void> {
    await changeResource(this.parts.database, actor, {
      type: TYPE,
      id,
      ifMatch,
      load: async (tx) => {
        await this.parts.material.lock(tx);
        return found(await this.parts.certificates.find(id, tx), id);
      },
      apply: async (tx) => {
        await this.parts.certificates.delete(tx, id);
        await this.parts.material.trustedChanged(tx);
        return null;
      },
      describe,
    });
    this.parts.changed();
  }

  private async store(tx: Tx, actor: Actor, inFile: CertificateInFile[], smtpPassword: string | null | undefined): Promise<{ rows: TrustedCertificateRow[]; created: boolean }> {
    const { certificates, material } = this.parts;
    await material.lock(tx);
    const thumbprints = inFile.map(({ facts }) => facts.thumbprintSha256);
    const known = new Set((await certificates.findByThumbprints(tx, thumbprints)).map(({ thumbprint }) => thumbprint));
    const added = inFile.filter(({ facts }) => !known.has(facts.thumbprintSha256)).map((one) => newRow(one, actor));
    if ((await certificates.count(tx)) + added.length > MAX_TRUSTED) throw full();
    if (added.length > 0) {
      await this.parts.refuseRedirect(tx, smtpPassword);
      await certificates.insert(tx, added);
      await recordChanges(tx, actor, TYPE, added.map((row) => ({ id: row.id, before: null, after: describe(row) })));
      await material.trustedChanged(tx);
    }
    const stored = new Map((await certificates.findByThumbprints(tx, thumbprints)).map((row) => [row.thumbprint, row]));
    return { rows: thumbprints.map((thumbprint) => stored.get(thumbprint)!), created: added.length > 0 };
  }

  private async read(bytes: Buffer): Promise<CertificateFile> {
    try {
      const file = await this.parts.files.read(bytes, null);
      if (file.privateKeys.length === 0) return file;
    } catch (error) {
      throw error instanceof PkiFault && error.part === 'passphrase' ? needsNoKey(error) : refusalOf(error);
    }
    throw needsNoKey();
  }
}

/** Tells of all that are unfit at once, under the code of the first. */
function refuseUnfit(certificates: CertificateInFile[]): void {
  const faults = certificates.map(faultOf).filter((fault) => fault !== null);
  const [first] = faults;
  if (first === undefined) return;
  throw new MailroomError('invalid', first.code, first.message, faults.slice(0, MAX_TOLD).map(({ message }) => ({ pointer: '/certificate', message })));
}

function faultOf({ facts: { subject, validTo, isCertificateAuthority, isSelfSigned } }: CertificateInFile): { code: string; message: string } | null {
  if (!isCertificateAuthority && !isSelfSigned) {
    return { code: 'CERTIFICATE_NOT_CA', message: `${subject} is not a certificate authority. Add the certificate of the authority that issued it, and leave this one out of the file.` };
  }
  if (Date.parse(validTo) > Date.now()) return null;
  return { code: 'CERTIFICATE_EXPIRED', message: `The certificate ${subject} expired on ${validTo}, so nothing can be verified with it. Leave it out of the file.` };
}

const newRow = ({ pem, facts }: CertificateInFile, actor: Actor): NewTrustedCertificate => ({ id: newId(), pem, facts, thumbprint: facts.thumbprintSha256, createdBy: actor.name });

function found(row: TrustedCertificateRow | null, id: string): TrustedCertificateRow {
  if (row === null) throw notFound('trusted certificate', id);
  return row;
}

const needsNoKey = (cause?: unknown): MailroomError =>
  refusal('CERTIFICATE_PRIVATE_KEY_UNEXPECTED', 'There is a private key in the file, or a passphrase protects it. Export the CA certificate alone, as PEM or DER: nobody but the authority needs its key.', undefined, cause);

const full = (): MailroomError =>
  new MailroomError('conflict', 'TRUSTED_CERTIFICATES_FULL', `There may be ${MAX_TRUSTED} trusted certificates. Delete those that are not needed any more.`);

function describe({ facts: { subject, issuer, serialNumber, validTo }, thumbprint }: NewTrustedCertificate): { [name: string]: string } {
  return { subject, issuer, serialNumber, thumbprintSha256: thumbprint, validTo };
}

function toTrustedCertificate(row: TrustedCertificateRow, trustStore: TrustStore): TrustedCertificate {
  const { id, pem, facts, createdBy } = row;
  return { id, ...detailsOf(facts, pem, trustStore), pem, createdAt: row.createdAt.toISOString(), createdBy };
}
