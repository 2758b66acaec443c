import type { Timestamp } from '../contract/scalars.js';

/** `none`: plain text. `startTls`: TLS by STARTTLS is required, never downgraded. `smtps`: TLS from the first byte. */
export type SmtpSecurity = 'none' | 'startTls' | 'smtps';

export interface NoAuthentication {
  type: 'none';
}

export interface PasswordAuthentication {
  type: 'password';
  accountName: string;
  /** Whether a password is stored. The password itself is never shown. */
  hasPassword: boolean;
}

export interface PasswordAuthenticationInput {
  type: 'password';
  /**
   * @minLength 1 must have 1 to 255 characters
   * @maxLength 255 must have 1 to 255 characters
   */
  accountName: string;
  /**
   * Write-only. Left out: the stored one is kept, which is possible only while server, port, security and account stay the same
   * (400 `SMTP_PASSWORD_REQUIRED` otherwise). null removes it.
   * @minLength 1 must have 1 to 255 characters; null removes the stored one
   * @maxLength 255 must have 1 to 255 characters
   */
  password?: string | null;
  /** Read-only: accepted and ignored. */
  hasPassword?: boolean;
}

export type SmtpAuthentication = NoAuthentication | PasswordAuthentication;
export type SmtpAuthenticationInput = NoAuthentication | PasswordAuthenticationInput;

/**
 * What an administrator sets. A field that is left out takes its default.
 * @example {
 *   "serverAddress": "localhost",
 *   "port": 1025,
 *   "security": "none",
 *   "senderAddress": "mailroom@example.com",
 *   "senderName": "Mailroom",
 *   "authentication": { "type": "none" }
 * }
 */
export interface SmtpSettingsUpdate {
  /**
   * Host name, IPv4 address, or IPv6 address in square brackets (`[2001:db8::25]`). null disables the e-mail client.
   * @maxLength 255 must have at most 255 characters
   * @default null
   */
  serverAddress?: string | null;
  /**
   * true: `serverAddress` is a domain, and the mail goes to the hosts of its MX records in their order (RFC 5321 §5.1); a domain without
   * MX records is its own host. The certificate is still checked for `serverAddress`.
   * @default false
   */
  resolveMx?: boolean;
  /**
   * null: 465 with `smtps`, else 25.
   * @isInt must be a whole number from 1 to 65535
   * @minimum 1 must be a whole number from 1 to 65535
   * @maximum 65535 must be a whole number from 1 to 65535
   * @default null
   */
  port?: number | null;
  /** @default "startTls" */
  security?: SmtpSecurity;
  /**
   * Checks the server's certificate against the public roots and NODE_EXTRA_CA_CERTS, for the name in `serverAddress`. No effect with
   * `none`. Turning it off asks for the password again.
   * @default true
   */
  verifyCertificate?: boolean;
  /**
   * Presents the active client certificate. Refused while there is none, and with `security` `none`.
   * @default false
   */
  useClientCertificate?: boolean;
  authentication?: SmtpAuthenticationInput;
  /**
   * The From address of all mail. Required when `serverAddress` is set.
   * @maxLength 512 must have at most 512 characters
   * @default null
   */
  senderAddress?: string | null;
  /**
   * The name shown with the From address.
   * @maxLength 255 must have at most 255 characters
   * @default null
   */
  senderName?: string | null;
  /**
   * The name that EHLO tells the server: a host name or an address literal (RFC 5321 §4.1.3). null: this machine's name.
   * @maxLength 255 must have at most 255 characters
   * @default null
   */
  clientHostname?: string | null;
  /**
   * Connections that each worker process opens at the same time at most.
   * @isInt must be a whole number from 1 to 100
   * @minimum 1 must be a whole number from 1 to 100
   * @maximum 100 must be a whole number from 1 to 100
   * @default 5
   */
  maxConnections?: number;
  /**
   * Mails a second that all workers together hand over at most; null: no limit.
   * @isInt must be a whole number from 1 to 10000
   * @minimum 1 must be a whole number from 1 to 10000
   * @maximum 10000 must be a whole number from 1 to 10000
   * @default null
   */
  maxMessagesPerSecond?: number | null;
  /** Read-only: accepted and ignored. */
  effectivePort?: number;
  /** Read-only: accepted and ignored. */
  enabled?: boolean;
  /** Read-only: accepted and ignored. */
  updatedAt?: string;
  /** Read-only: accepted and ignored. */
  updatedBy?: string;
}

/** Where and how Mailroom hands over its mail. */
export interface SmtpSettings {
  serverAddress: string | null;
  resolveMx: boolean;
  port: number | null;
  /**
   * The port that is used.
   * @isInt
   */
  effectivePort: number;
  security: SmtpSecurity;
  verifyCertificate: boolean;
  useClientCertificate: boolean;
  authentication: SmtpAuthentication;
  senderAddress: string | null;
  senderName: string | null;
  clientHostname: string | null;
  /** @isInt */
  maxConnections: number;
  maxMessagesPerSecond: number | null;
  /** False while `serverAddress` is null: then no mail is sent, and what is published makes `skipped` e-mails. */
  enabled: boolean;
  updatedAt: Timestamp;
  /** Name of the key that made the last change. */
  updatedBy: string;
}
