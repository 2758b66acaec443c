import type { Timestamp, Uuid } from '../contract/scalars.js';

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

/** A directory or asset account (`/v1/accounts`). Its name and password are read at each log-in, so a rotation takes effect at once. */
export interface AccountAuthentication {
  type: 'account';
  accountId: Uuid;
}

/** XOAUTH2 with an access token that a token server gives out for the client's own credentials (RFC 6749 §4.4). */
export interface OAuth2Authentication {
  type: 'oauth2';
  accountName: string;
  tokenUrl: string;
  clientId: string;
  /** Whether a client secret is stored. The secret itself is never shown. */
  hasClientSecret: boolean;
  scope: string | null;
}

/** @example {
 *   "type": "oauth2",
 *   "accountName": "mailroom@example.com",
 *   "tokenUrl": "https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000/oauth2/v2.0/token",
 *   "clientId": "11111111-1111-1111-1111-111111111111",
 *   "clientSecret": "the client secret",
 *   "scope": "https://outlook.office365.com/.default"
 * } */
export interface OAuth2AuthenticationInput {
  type: 'oauth2';
  /**
   * The mailbox to send with.
   * @minLength 1 must have 1 to 255 characters
   * @maxLength 255 must have 1 to 255 characters
   */
  accountName: string;
  /**
   * Where the token server gives out tokens. https; http only on this machine (localhost).
   * @maxLength 2048 must have at most 2048 characters
   */
  tokenUrl: string;
  /**
   * @minLength 1 must have 1 to 255 characters
   * @maxLength 255 must have 1 to 255 characters
   */
  clientId: string;
  /**
   * Write-only. Left out: the stored one is kept, which is possible only while server, port, security, account, tokenUrl and clientId stay
   * the same (400 `SMTP_PASSWORD_REQUIRED` otherwise). null removes it.
   * @minLength 1 must have 1 to 2048 characters; null removes the stored one
   * @maxLength 2048 must have 1 to 2048 characters
   */
  clientSecret?: string | null;
  /**
   * What the token is to allow, with spaces between several (RFC 6749 §3.3). For Microsoft 365: `https://outlook.office365.com/.default`.
   * null: what the token server gives by default.
   * @pattern ^[\x21\x23-\x5B\x5D-\x7E]+(\x20[\x21\x23-\x5B\x5D-\x7E]+)*$ must be scopes with one space between them (RFC 6749, section 3.3)
   * @maxLength 2048 must have at most 2048 characters
   * @default null
   */
  scope?: string | null;
  /** Read-only: accepted and ignored. */
  hasClientSecret?: boolean;
}

export type SmtpAuthentication = NoAuthentication | PasswordAuthentication | AccountAuthentication | OAuth2Authentication;
export type SmtpAuthenticationInput = NoAuthentication | PasswordAuthenticationInput | AccountAuthentication | OAuth2AuthenticationInput;

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
   * Checks the server's certificate against the public roots, NODE_EXTRA_CA_CERTS and `/v1/trusted-certificates`, for the name in `serverAddress`. No effect with
   * `none`. Turning it off asks for the password or client secret again.
   * @default true
   */
  verifyCertificate?: boolean;
  /**
   * Presents the active one of `/v1/client-certificates`. Refused while there is none, and with `security` `none`.
   * @default false
   */
  useClientCertificate?: boolean;
  /**
   * How to log in. What is set here is always done: when the server offers no way to log in, no mail is sent. With `security` `none`
   * secrets travel in clear text.
   */
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
