import type { Timestamp } from '../contract/scalars.js';

/**
 * What an administrator sets. A field that is left out takes its default.
 * @example { "servers": ["10.0.0.53", "[2001:db8::53]:5353"] }
 */
export interface DnsSettingsUpdate {
  /**
   * IPv4 addresses, or IPv6 addresses in square brackets, each with a port if it is not 53. They are asked in this order: the next one when
   * one does not answer. Empty: the operating system's resolver is asked, which knows `/etc/hosts` and `localhost`.
   * @maxItems 10 must hold at most 10 DNS servers
   * @default []
   */
  servers?: string[];
  /**
   * Write-only. The password (or client secret) that the SMTP settings log in with. Needed to change `servers` while one is stored and
   * nothing but DNS says which server gets it: `verifyCertificate` is off, `security` is `none`, or there are trusted certificates (400
   * `SMTP_PASSWORD_REQUIRED` otherwise).
   * @maxLength 4096 must have at most 4096 characters
   */
  smtpPassword?: string | null;
  /** Read-only: accepted and ignored. */
  updatedAt?: string;
  /** Read-only: accepted and ignored. */
  updatedBy?: string;
}

/** Who is asked for the addresses of mail servers. */
export interface DnsSettings {
  /** As they were entered; empty: the operating system's resolver. */
  servers: string[];
  updatedAt: Timestamp;
  /** Name of the key that made the last change. */
  updatedBy: string;
}
