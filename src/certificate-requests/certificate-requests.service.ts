import { changeResource } from '../audit-log/change-resource.js';
import type { Actor } from '../contract/actor.js';
import { idSliceOf, type PageQuery, pageOf } from '../contract/page.js';
import type { Database, Tx } from '../db/client.js';
import { notFound } from '../errors.js';
import { createCertificateRequest } from '../pki/certificate-request.js';
import { encodeDistinguishedName, formatDistinguishedName } from '../pki/distinguished-name.js';
import type { KeyRing } from '../secrets/key-ring.js';
import { openPrivateKey, sealPrivateKey } from '../certificates/private-key.js';
import { newId } from '../ids.js';
import type { CertificateRequest, CertificateRequestCreate, CertificateRequestPage } from './certificate-requests.contract.js';
import type { CertificateRequestRow, CertificateRequestsRepository } from './certificate-requests.repository.js';
import { dnsNamesOf, ipAddressesOf, subjectOf } from './subject.js';

const TYPE = 'certificateRequest';

export interface VersionedRequest {
  request: CertificateRequest;
  version: number;
}

/** A request that a certificate was issued for, with the key it was made with. */
export interface MatchingRequest {
  id: string;
  publicKeyDigest: Buffer;
  /** PKCS#8 in PEM. @throws SecretError */
  privateKey(): string;
}

export class CertificateRequestsService {
  constructor(
    private readonly db: Database,
    private readonly requests: CertificateRequestsRepository,
    private readonly keys: KeyRing,
  ) {}

  async create(actor: Actor, { subject, dnsNames = [], ipAddresses = [], keyType = 'rsa2048' }: CertificateRequestCreate): Promise<VersionedRequest> {
    const asked = { subject: subjectOf(subject), dnsNames: dnsNamesOf(dnsNames), ipAddresses: ipAddressesOf(ipAddresses), keyType };
    const { pem, privateKey, publicKeyDigest } = await createCertificateRequest(asked);
    const id = newId();
    const row = {
      id,
      subject: formatDistinguishedName(new Uint8Array(encodeDistinguishedName(asked.subject))),
      dnsNames: asked.dnsNames,
      ipAddresses: asked.ipAddresses,
      keyType,
      pem,
      publicKeyDigest: new Uint8Array(publicKeyDigest),
      privateKeyCiphertext: sealPrivateKey(this.keys, 'certificate-request', id, privateKey),
      createdBy: actor.name,
    };
    return shown(await changeResource(this.db, actor, { type: TYPE, id, apply: (tx) => this.requests.create(tx, row), describe }));
  }

  async list(query: PageQuery): Promise<CertificateRequestPage> {
    const slice = idSliceOf(query);
    return pageOf(await this.requests.list(slice), slice.limit, (row) => row.id, toRequest);
  }

  async get(id: string): Promise<VersionedRequest> {
    return shown(found(await this.requests.find(id), id));
  }

  /** The private key goes with it: a certificate that is issued for it later cannot be installed any more. */
  async delete(actor: Actor, id: string, ifMatch: string | undefined): Promise<void> {
    await changeResource(this.db, actor, {
      type: TYPE,
      id,
      ifMatch,
      load: async (tx) => found(await this.requests.lock(tx, id), id),
      apply: async (tx) => {
        await this.requests.delete(tx, id);
        return null;
      },
      describe,
    });
  }

  /** The requests that these public keys are of. */
  async matching(publicKeyDigests: Buffer[]): Promise<MatchingRequest[]> {
    const rows = await this.requests.findByPublicKeys(publicKeyDigests);
    return rows.map(({ id, publicKeyDigest, privateKeyCiphertext }) => ({
      id,
      publicKeyDigest: Buffer.from(publicKeyDigest),
      privateKey: () => openPrivateKey(this.keys, 'certificate-request', id, privateKeyCiphertext),
    }));
  }

  markInstalled(tx: Tx, id: string): Promise<void> {
    return this.requests.markInstalled(tx, id);
  }
}

function found(row: CertificateRequestRow | null, id: string): CertificateRequestRow {
  if (row === null) throw notFound('certificate request', id);
  return row;
}

const describe = ({ subject, dnsNames, ipAddresses, keyType }: CertificateRequestRow): object => ({ subject, dnsNames, ipAddresses, keyType });

const shown = (row: CertificateRequestRow): VersionedRequest => ({ request: toRequest(row), version: row.version });

function toRequest(row: CertificateRequestRow): CertificateRequest {
  const { id, subject, dnsNames, ipAddresses, keyType, pem, createdBy } = row;
  return { id, subject, dnsNames, ipAddresses, keyType, pem, createdAt: row.createdAt.toISOString(), createdBy, installedAt: row.installedAt?.toISOString() ?? null };
}
