import { domainToASCII } from 'node:url';
import type { SmtpSecurity } from './smtp-settings.contract.js';

/** What decides where a stored secret would go. */
export interface Destination {
  authenticationType: string;
  serverAddress: string | null;
  resolveMx: boolean;
  port: number | null;
  security: SmtpSecurity;
  accountName: string | null;
  /** With OAuth 2.0 the secret goes to the token server. */
  tokenUrl?: string | null;
  clientId?: string | null;
}

const SMTP_PORT = 25; // RFC 5321 §4.5.4.2
const SUBMISSIONS_PORT = 465; // RFC 8314 §7.3

export function effectivePort({ port, security }: Pick<Destination, 'port' | 'security'>): number {
  return port ?? (security === 'smtps' ? SUBMISSIONS_PORT : SMTP_PORT);
}

/**
 * The destination as one text. It is bound into the ciphertext of the password or client secret as associated data, so that a stored secret
 * can be read for the very destination it was given for and for no other.
 */
export function bindingOf(destination: Destination): string {
  const { authenticationType, serverAddress, resolveMx, security, accountName, tokenUrl = null, clientId = null } = destination;
  const server = ['smtp', authenticationType, serverAddress === null ? null : hostOf(serverAddress), resolveMx, effectivePort(destination), security, accountName];
  return JSON.stringify(authenticationType === 'oauth2' ? [...server, tokenUrl, clientId] : server);
}

/** As connections take it: beyond ASCII, lower case is not one thing (σ and ς, ß and ẞ), and two hosts must not count as one. */
const hostOf = (server: string): string => (/^[\0-\x7f]*$/.test(server) ? server : domainToASCII(server) || server).toLowerCase();

export const sameDestination = (one: Destination, other: Destination): boolean => bindingOf(one) === bindingOf(other);
