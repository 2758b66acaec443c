import type { Timestamp, Uuid } from '../contract/scalars.js';

/**
 * A key that Mailroom makes: RSA of 2048, 3072 or 4096 bits, or an elliptic curve. RSA of 4096 bits takes a second or two to make.
 */
export type KeyType = 'rsa2048' | 'rsa3072' | 'rsa4096' | 'ecP256' | 'ecP384';

/** A subject by its parts, in the order in which directories nest them: country, state, locality, organization, unit, name. */
export interface SubjectParts {
  /**
   * Who the certificate is for, usually the name of this machine.
   * @minLength 1 must have 1 to 64 characters
   * @maxLength 64 must have 1 to 64 characters
   * @example "mailroom.example.com"
   */
  commonName: string;
  /**
   * @minLength 1 must have 1 to 64 characters, or be left out
   * @maxLength 64 must have 1 to 64 characters, or be left out
   * @example "Example Ltd"
   */
  organization?: string;
  /**
   * @minLength 1 must have 1 to 64 characters, or be left out
   * @maxLength 64 must have 1 to 64 characters, or be left out
   * @example "IT Security"
   */
  organizationalUnit?: string;
  /**
   * City.
   * @minLength 1 must have 1 to 128 characters, or be left out
   * @maxLength 128 must have 1 to 128 characters, or be left out
   * @example "Munich"
   */
  locality?: string;
  /**
   * State or province.
   * @minLength 1 must have 1 to 128 characters, or be left out
   * @maxLength 128 must have 1 to 128 characters, or be left out
   * @example "Bavaria"
   */
  state?: string;
  /**
   * Two letters (ISO 3166).
   * @pattern ^[A-Za-z]{2}$ must be a country code of two letters, such as DE
   * @example "DE"
   */
  country?: string;
}

/** A subject as one text. */
export interface SubjectName {
  /**
   * RFC 4514: the most specific part first; a comma, plus sign, quote, backslash, semicolon, < or > in a value is escaped with a backslash.
   * @minLength 1 must have 1 to 500 characters
   * @maxLength 500 must have 1 to 500 characters
   * @example "CN=mailroom.example.com,O=Example\\, Ltd,C=DE"
   */
  distinguishedName: string;
}

/**
 * @example { "subject": { "commonName": "mailroom.example.com", "organization": "Example Ltd", "country": "DE" }, "dnsNames": ["mailroom.example.com"],
 *   "ipAddresses": ["192.0.2.25"], "keyType": "rsa2048" }
 */
export interface CertificateRequestCreate {
  /** The subject: by its parts, or as one distinguished name. */
  subject: SubjectParts | SubjectName;
  /**
   * Host names for the certificate; `*.example.com` is taken too. International names are put in as A-labels.
   * @maxItems 100 must hold at most 100 names
   * @example ["mailroom.example.com"]
   */
  dnsNames?: string[];
  /**
   * IPv4 and IPv6 addresses for the certificate.
   * @maxItems 100 must hold at most 100 addresses
   * @example ["192.0.2.25", "2001:db8::25"]
   */
  ipAddresses?: string[];
  /** @default "rsa2048" */
  keyType?: KeyType;
}

/** A request for a client certificate. Its private key is kept, encrypted, and is never shown. */
export interface CertificateRequest {
  id: Uuid;
  /**
   * RFC 4514.
   * @example "CN=mailroom.example.com,O=Example Ltd,C=DE"
   */
  subject: string;
  dnsNames: string[];
  ipAddresses: string[];
  keyType: KeyType;
  /** The request (PKCS#10) to send to the certificate authority. */
  pem: string;
  createdAt: Timestamp;
  /** Name of the key that made it. */
  createdBy: string;
  /** When a certificate that was issued for it was installed last; null: none was yet. */
  installedAt: Timestamp | null;
}

export interface CertificateRequestPage {
  items: CertificateRequest[];
  /** Ask for the next page with it; null on the last page. */
  nextCursor: string | null;
}
