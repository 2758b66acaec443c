import type { Timestamp } from '../contract/scalars.js';

/** What every certificate shows. */
export interface CertificateDetails {
  /**
   * Who it is for (RFC 4514).
   * @example "CN=mailroom.example.com,O=Example Ltd,C=DE"
   */
  subject: string;
  /** Who issued it (RFC 4514). */
  issuer: string;
  /** Hexadecimal digits. */
  serialNumber: string;
  /** SHA-256 of the certificate, as 64 hexadecimal digits. */
  thumbprintSha256: string;
  /** SHA-1 of the certificate, as 40 hexadecimal digits. Some tools know a certificate by it; it proves nothing. */
  thumbprintSha1: string;
  validFrom: Timestamp;
  validTo: Timestamp;
  /**
   * Days until it expires, rounded up; 0 or less when it has expired.
   * @isInt
   */
  daysLeft: number;
  /**
   * Kind and size of the key, such as `rsa2048`, `ecP256`, `ed25519`.
   * @example "rsa2048"
   */
  keyType: string;
  /**
   * At most 100.
   * @example ["DNS:mailroom.example.com", "IP Address:192.0.2.25"]
   */
  subjectAltNames: string[];
  /**
   * What the key may be used for (RFC 5280 §4.2.1.3). Empty: anything.
   * @example ["digitalSignature"]
   */
  keyUsage: string[];
  /**
   * What the certificate may be used for (RFC 5280 §4.2.1.12). Empty: anything.
   * @example ["clientAuth"]
   */
  extendedKeyUsage: string[];
  /**
   * Whether valid signatures lead from it, over CA certificates that have not expired, to a certificate that Mailroom trusts: one of
   * `/v1/trusted-certificates`, of NODE_EXTRA_CA_CERTS, or a public root.
   */
  chainsToTrustedRoot: boolean;
}

/**
 * A certificate, or a file with certificates.
 */
export interface CertificateUpload {
  /**
   * The file: PEM as it is, or any file (.cer .crt .der .pem .p7b) in base64. At most 1 MiB as a file and 200 certificates; the format is found out.
   * @minLength 1 must not be empty
   * @example "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n"
   */
  certificate: string;
}
