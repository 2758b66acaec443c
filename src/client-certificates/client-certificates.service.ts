import { changeResource, recordUpdated } from '../audit-log/change-resource.js';
import type { CertificateRequestsService } from '../certificate-requests/certificate-requests.service.js';
import { refusalOf } from '../certificates/refusal.js';
import type { Actor } from '../contract/actor.js';
import { etagOf, namesEtag } from '../contract/etag.js';
import { idSliceOf, type PageQuery, pageOf } from '../contract/page.js';
import type { Database, Tx } from '../db/client.js';
import { MailroomError, notFound } from '../errors.js';
import type { CertificateFile } from '../pki/certificate-file.js';
import type { CertificateFileReader } from '../pki/certificate-file-reader.js';
import type { KeyRing } from '../secrets/key-ring.js';
import { sealPrivateKey } from '../certificates/private-key.js';
import { newId } from '../ids.js';
import type { TlsMaterialService } from '../tls-material/tls-material.service.js';
import { type Candidate, candidateOf } from './candidate.js';
import type { ClientCertificate, ClientCertificatePage } from './client-certificates.contract.js';
import type { ClientCertificateRow, ClientCertificatesRepository } from './client-certificates.repository.js';
import { describe, toClientCertificate } from './present.js';

export interface ClientCertificatesParts {
  database: Database;
  certificates: ClientCertificatesRepository;
  requests: CertificateRequestsService;
  material: TlsMaterialService;
  files: CertificateFileReader;
  keys: KeyRing;
  /** Called after the active certificate has changed, so that mail that waits for it goes out now. */
  changed(): void;
}

export interface VersionedCertificate {
  certificate: ClientCertificate;
  version: number;
}

const TYPE = 'clientCertificate';

export class ClientCertificatesService {
  constructor(private readonly parts: ClientCertificatesParts) {}

  async list(query: PageQuery): Promise<ClientCertificatePage> {
    const slice = idSliceOf(query);
    const [rows, trustStore] = await Promise.all([this.parts.certificates.list(slice), this.parts.material.trustStore()]);
    return pageOf(rows, slice.limit, (row) => row.id, (row) => toClientCertificate(row, trustStore));
  }

  async get(id: string): Promise<VersionedCertificate> {
    return this.shown(found(await this.parts.certificates.find(id), id));
  }

  /**
   * Installs what is in a file and makes it the active certificate. A certificate that is here already gets the chain of this file.
   * @returns created: false when it was here already
   */
  async install(actor: Actor, bytes: Buffer, passphrase: string | null): Promise<VersionedCertificate & { created: boolean }> {
    const candidate = await candidateOf(await this.read(bytes, passphrase), (digests) => this.parts.requests.matching(digests));
    const id = newId();
    const row = await changeResource<ClientCertificateRow, ClientCertificateRow | null>(this.parts.database, actor, {
      type: TYPE,
      id: (stored) => stored.id,
      load: async (tx) => {
        await this.parts.material.lock(tx);
        return this.parts.certificates.findByThumbprint(tx, candidate.certificate.facts.thumbprintSha256);
      },
      apply: (tx, before) => this.store(tx, actor, candidate, before?.id ?? id, before !== null),
      describe,
    });
    this.parts.changed();
    return { ...(await this.shown(row)), created: row.id === id };
  }

  async activate(actor: Actor, id: string, ifMatch: string | undefined): Promise<VersionedCertificate> {
    const known = await this.parts.certificates.find(id);
    if (known?.active && (ifMatch === undefined || namesEtag(ifMatch, etagOf(known.version)))) return this.shown(known); // nothing to change, or to record
    const row = await changeResource(this.parts.database, actor, {
      type: TYPE,
      id,
      ifMatch,
      load: (tx) => this.lock(tx, id),
      apply: async (tx, before) => {
        if (before.active) return before;
        if (before.validTo.getTime() <= Date.now()) throw expired(before);
        return this.makeActive(tx, actor, id);
      },
      describe,
    });
    this.parts.changed();
    return this.shown(row);
  }

  async delete(actor: Actor, id: string, ifMatch: string | undefined): Promise<void> {
    await changeResource(this.parts.database, actor, {
      type: TYPE,
      id,
      ifMatch,
      load: (tx) => this.lock(tx, id),
      apply: async (tx, { active }) => {
        if (active && (await this.parts.certificates.usedBySmtpSettings(tx))) throw inUse();
        if (active) await this.parts.material.activate(tx, null);
        await this.parts.certificates.delete(tx, id);
        return null;
      },
      describe,
    });
  }

  private async read(bytes: Buffer, passphrase: string | null): Promise<CertificateFile> {
    try {
      return await this.parts.files.read(bytes, passphrase);
    } catch (error) {
      throw refusalOf(error);
    }
  }

  private async store(tx: Tx, actor: Actor, { certificate, chain, privateKey, certificateRequestId }: Candidate, id: string, exists: boolean): Promise<ClientCertificateRow> {
    const { certificates, keys, requests } = this.parts;
    const privateKeyCiphertext = sealPrivateKey(keys, 'client-certificate', id, privateKey);
    if (exists) await certificates.reinstall(tx, id, { chain, privateKeyCiphertext });
    else {
      const { pem, facts } = certificate;
      const names = { installedBy: actor.name, activatedBy: actor.name };
      await certificates.create(tx, { id, pem, facts, chain, thumbprint: facts.thumbprintSha256, validTo: new Date(facts.validTo), privateKeyCiphertext, certificateRequestId, ...names });
    }
    if (certificateRequestId !== null) await requests.markInstalled(tx, certificateRequestId);
    return this.makeActive(tx, actor, id);
  }

  private async makeActive(tx: Tx, actor: Actor, id: string): Promise<ClientCertificateRow> {
    const { certificates, material } = this.parts;
    const activeId = await material.lock(tx);
    const replaced = activeId === null || activeId === id ? null : await certificates.find(activeId, tx);
    await material.activate(tx, id);
    await certificates.markActivated(tx, id, actor.name, replaced?.id ?? null);
    if (replaced !== null) await recordUpdated(tx, actor, { type: TYPE, id: replaced.id, describe }, replaced, found(await certificates.find(replaced.id, tx), replaced.id));
    return found(await certificates.find(id, tx), id);
  }

  private async lock(tx: Tx, id: string): Promise<ClientCertificateRow> {
    await this.parts.material.lock(tx);
    return found(await this.parts.certificates.find(id, tx), id);
  }

  private async shown(row: ClientCertificateRow): Promise<VersionedCertificate> {
    return { certificate: toClientCertificate(row, await this.parts.material.trustStore()), version: row.version };
  }
}

function found(row: ClientCertificateRow | null, id: string): ClientCertificateRow {
  if (row === null) throw notFound('client certificate', id);
  return row;
}

const inUse = (): MailroomError =>
  new MailroomError('conflict', 'CLIENT_CERTIFICATE_IN_USE', 'The SMTP settings present this certificate. Activate another one first, or turn useClientCertificate off (PUT /v1/smtp-settings).');

const expired = ({ facts }: ClientCertificateRow): MailroomError =>
  new MailroomError('conflict', 'CERTIFICATE_EXPIRED', `The certificate expired on ${facts.validTo}, so it cannot be made the active one. Install a new one.`);
