import type { Tx } from '../db/client.js';
import { certificatesIn } from '../pki/certificate-file.js';
import { TrustStore } from '../pki/trust-store.js';
import type { KeyRing } from '../secrets/key-ring.js';
import type { TlsMaterial } from '../smtp/endpoint.js';
import { openPrivateKey } from '../certificates/private-key.js';
import type { TlsMaterialRepository, TlsMaterialRow } from './tls-material.repository.js';

/** What was made of one version of the row. */
interface Kept {
  row: TlsMaterialRow;
  withClientCertificate?: TlsMaterial;
  withoutClientCertificate?: TlsMaterial;
  trustStore?: TrustStore;
}

/**
 * What TLS connections to the mail server are made with: the trusted certificates and the active client certificate. Every process notices
 * a change at its next look; as long as nothing changes it answers with the same objects.
 */
export class TlsMaterialService {
  private kept: Kept | null = null;
  private loading: Promise<Kept> | null = null;
  private readonly extra: string[];

  /** @param extraCertificates what NODE_EXTRA_CA_CERTS holds, in PEM; what cannot be read of it is left out, as Node.js does */
  constructor(
    private readonly material: TlsMaterialRepository,
    private readonly keys: KeyRing,
    extraCertificates: string | null,
  ) {
    this.extra = certificatesIn(extraCertificates ?? '');
  }

  /** Counts the changes. */
  version(): Promise<number> {
    return this.material.version();
  }

  /** Whether there is an active client certificate; with a transaction this stays so until it ends. */
  async hasClientCertificate(tx?: Tx): Promise<boolean> {
    return (tx ? await this.material.lockShared(tx) : await this.material.activeId()) !== null;
  }

  /** Whether a verified certificate may be one of an authority that somebody added. */
  trustsOwnAuthorities(): Promise<boolean> {
    return this.material.hasTrusted();
  }

  /** Keeps other changes of certificates out until the transaction ends. Answers which client certificate is active. */
  lock(tx: Tx): Promise<string | null> {
    return this.material.lock(tx);
  }

  /** Makes a client certificate the active one, or none; under the lock. */
  activate(tx: Tx, clientCertificateId: string | null): Promise<void> {
    return this.material.activate(tx, clientCertificateId);
  }

  /** To be called under the lock when the trusted certificates have changed. */
  trustedChanged(tx: Tx): Promise<void> {
    return this.material.countChange(tx);
  }

  /**
   * @param version which the caller has looked up; when it is that of before, nothing is read
   * @param presented whether the active client certificate is presented
   * @returns null when it should be and there is none
   * @throws SecretError when its private key cannot be read
   */
  async current(version: number, presented: boolean): Promise<TlsMaterial | null> {
    const kept = await this.at(version);
    if (!presented) return (kept.withoutClientCertificate ??= { trustedCertificates: this.trusted(kept), clientCertificate: null });
    const { active } = kept.row;
    if (active === null) return null;
    return (kept.withClientCertificate ??= {
      trustedCertificates: this.trusted(kept),
      clientCertificate: {
        key: openPrivateKey(this.keys, 'client-certificate', active.id, active.privateKeyCiphertext),
        cert: [active.pem, ...active.chain.map(({ pem }) => pem)].join(''),
      },
    });
  }

  async trustStore(): Promise<TrustStore> {
    const kept = await this.at(await this.version());
    return (kept.trustStore ??= new TrustStore([...this.extra, ...kept.row.trusted]));
  }

  /** Everybody who needs a new version waits for one reading of it: what is made of it (a TLS context) is dear. */
  private async at(version: number): Promise<Kept> {
    if (this.loading) await this.loading; // it may have begun before this version was there
    return this.kept?.row.version === version ? this.kept : this.load();
  }

  private load(): Promise<Kept> {
    this.loading ??= this.material.load().then((row) => {
      if (this.kept?.row.version !== row.version) this.kept = { row };
      return this.kept;
    }).finally(() => {
      this.loading = null;
    });
    return this.loading;
  }

  /** Node 20 forgets NODE_EXTRA_CA_CERTS once a certificate is added to a context: then those of that file are added too. */
  private trusted({ row }: Kept): string[] {
    return row.trusted.length === 0 ? [] : [...this.extra, ...row.trusted];
  }
}
