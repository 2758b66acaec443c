import type { CertificateDetails, CertificateUpload } from '../certificates/certificates.contract.js';
import type { Timestamp, Uuid } from '../contract/scalars.js';

export interface TrustedCertificateUpload extends CertificateUpload {
  /**
   * Write-only. The password (or client secret) that the SMTP settings log in with. Needed while one is stored and DNS servers are set: somebody who
   * may choose both could have it sent to a server of their own (400 `SMTP_PASSWORD_REQUIRED` otherwise).
   * @maxLength 4096 must have at most 4096 characters
   */
  smtpPassword?: string | null;
}

/** A certificate that mail servers are verified with, besides the public roots of Node.js and NODE_EXTRA_CA_CERTS. */
export interface TrustedCertificate extends CertificateDetails {
  id: Uuid;
  pem: string;
  createdAt: Timestamp;
  /** Name of the key that added it. */
  createdBy: string;
}

/** The first certificate of a file that was added. */
export interface AddedTrustedCertificate extends TrustedCertificate {
  /** The other certificates of the file, each a resource of its own. Empty when there was one. */
  others: TrustedCertificate[];
}

export interface TrustedCertificatePage {
  items: TrustedCertificate[];
  /** Ask for the next page with it; null on the last page. */
  nextCursor: string | null;
}
