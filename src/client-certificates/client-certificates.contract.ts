import type { CertificateDetails, CertificateUpload } from '../certificates/certificates.contract.js';
import type { Timestamp, Uuid } from '../contract/scalars.js';

/**
 * A certificate for one of our requests, or one with its private key.
 * @example { "certificate": "MIIKmwIBAzCCCkUGCSqGSIb3DQEHAaCC…", "passphrase": "of the PKCS#12 file" }
 */
export interface ClientCertificateInstall extends CertificateUpload {
  /**
   * Of a PKCS#12 file or an encrypted private key. Write-only; it is not kept.
   * @maxLength 1024 must have at most 1024 characters
   */
  passphrase?: string | null;
}

/** A CA certificate that is presented together with a client certificate. */
export interface ChainCertificate {
  subject: string;
  issuer: string;
  thumbprintSha256: string;
  validTo: Timestamp;
}

export interface ClientCertificate extends CertificateDetails {
  id: Uuid;
  /** Whether it is the one that Mailroom presents when `useClientCertificate` is set in the SMTP settings. At most one is. */
  active: boolean;
  /** What is presented with it, the nearest issuer first; without the root. */
  chain: ChainCertificate[];
  /** The certificate, followed by its chain. */
  pem: string;
  /** The request that it was issued for; null: it was installed with its private key. */
  certificateRequestId: Uuid | null;
  installedAt: Timestamp;
  /** Name of the key that installed it. */
  installedBy: string;
  /** When it became the active one last. */
  activatedAt: Timestamp;
  activatedBy: string;
  /** When another one took its place; null while it is active, and when none did. */
  replacedAt: Timestamp | null;
}

export interface ClientCertificatePage {
  items: ClientCertificate[];
  /** Ask for the next page with it; null on the last page. */
  nextCursor: string | null;
}
