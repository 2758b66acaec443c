import type { SmtpSecurity } from './smtp-settings.contract.js';

/** The mail server as a delivery sees it. */
export interface Relay {
  /** Counts the changes of the settings: connections of an older version are not used any more. */
  version: number;
  serverAddress: string;
  resolveMx: boolean;
  port: number;
  security: SmtpSecurity;
  verifyCertificate: boolean;
  senderAddress: string;
  senderName: string | null;
  clientHostname: string;
  maxConnections: number;
  maxMessagesPerSecond: number | null;
  /** The account to log in with; its password is null when none is stored. */
  account: { name: string; password: string | null } | null;
}
