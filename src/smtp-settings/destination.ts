import type { SmtpSecurity } from './smtp-settings.contract.js';

/** What decides where a stored password would go. */
export interface Destination {
  authenticationType: string;
  serverAddress: string | null;
  resolveMx: boolean;
  port: number | null;
  security: SmtpSecurity;
  accountName: string | null;
}

const SMTP_PORT = 25; // RFC 5321 §4.5.4.2
const SUBMISSIONS_PORT = 465; // RFC 8314 §7.3

export function effectivePort({ port, security }: Pick<Destination, 'port' | 'security'>): number {
  return port ?? (security === 'smtps' ? SUBMISSIONS_PORT : SMTP_PORT);
}

/**
 * The destination as one text. It is bound into the ciphertext of the password as associated data, so that a stored password can be
 * read for the very destination it was given for and for no other.
 */
export function bindingOf(destination: Destination): string {
  const { authenticationType, serverAddress, resolveMx, security, accountName } = destination;
  return JSON.stringify(['smtp', authenticationType, serverAddress?.toLowerCase() ?? null, resolveMx, effectivePort(destination), security, accountName]);
}

export const sameDestination = (one: Destination, other: Destination): boolean => bindingOf(one) === bindingOf(other);
