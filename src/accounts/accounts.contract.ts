import type { Timestamp, Uuid } from '../contract/scalars.js';

/** What the input of both kinds of account has in common. */
interface AccountWriteBase {
  /**
   * The name to log in with, as the mail server expects it: `svc-mail`, `svc-mail@corp.example.com`, `CORP\svc-mail`.
   * @minLength 1 must have 1 to 255 characters
   * @maxLength 255 must have 1 to 255 characters
   * @example "svc-mail@corp.example.com"
   */
  accountName: string;
  /**
   * Write-only. Left out: the stored one is kept, unless `allowedServers` gets a server more (400 `ACCOUNT_PASSWORD_REQUIRED`). null removes it.
   * @minLength 1 must have 1 to 255 characters; null removes the stored one
   * @maxLength 255 must have 1 to 255 characters
   */
  password?: string | null;
  /**
   * The mail servers that the password may be sent to, also by a test: host names, IPv4 addresses, or IPv6 addresses in square brackets,
   * without a port, as they are written in `serverAddress` of the SMTP settings. Kept in lower case.
   * @minItems 1 must name 1 to 100 servers
   * @maxItems 100 must name 1 to 100 servers
   * @example ["smtp.corp.example.com"]
   */
  allowedServers: string[];
  /** Read-only: accepted and ignored. */
  id?: string;
  /** Read-only: accepted and ignored. */
  hasPassword?: boolean;
  /** Read-only: accepted and ignored. */
  createdAt?: string;
  /** Read-only: accepted and ignored. */
  updatedAt?: string;
  /** Read-only: accepted and ignored. */
  updatedBy?: string;
}

/**
 * @example { "kind": "directory", "domainName": "corp.example.com", "accountName": "svc-mail@corp.example.com", "password": "its password",
 *   "allowedServers": ["smtp.corp.example.com"] }
 */
export interface DirectoryAccountWrite extends AccountWriteBase {
  kind: 'directory';
  /**
   * The directory's domain, for people.
   * @minLength 1 must have 1 to 255 characters
   * @maxLength 255 must have 1 to 255 characters
   */
  domainName: string;
}

/** @example { "kind": "asset", "assetName": "mail-relay-01", "accountName": "mailroom", "password": "its password", "allowedServers": ["10.0.0.25"] } */
export interface AssetAccountWrite extends AccountWriteBase {
  kind: 'asset';
  /**
   * The machine that the account is on, for people.
   * @minLength 1 must have 1 to 255 characters
   * @maxLength 255 must have 1 to 255 characters
   */
  assetName: string;
}

export type AccountWrite = DirectoryAccountWrite | AssetAccountWrite;

/** @example { "password": "the new password" } */
export interface AccountPassword {
  /**
   * Write-only.
   * @minLength 1 must have 1 to 255 characters
   * @maxLength 255 must have 1 to 255 characters
   */
  password: string;
}

interface AccountBase {
  id: Uuid;
  accountName: string;
  /** Whether a password is stored. The password itself is never shown. */
  hasPassword: boolean;
  allowedServers: string[];
  createdAt: Timestamp;
  updatedAt: Timestamp;
  /** Name of the key that made the last change. */
  updatedBy: string;
}

export interface DirectoryAccount extends AccountBase {
  kind: 'directory';
  domainName: string;
}

export interface AssetAccount extends AccountBase {
  kind: 'asset';
  assetName: string;
}

export type Account = DirectoryAccount | AssetAccount;

export interface AccountPage {
  items: Account[];
  /** Ask for the next page with it; null on the last page. */
  nextCursor: string | null;
}
