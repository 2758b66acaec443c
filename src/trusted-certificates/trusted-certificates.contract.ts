import type { CertificateDetails } from '../certificates/certificates.contract.js';
import type { Timestamp, Uuid } from '../contract/scalars.js';

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
