import { createHash, timingSafeEqual } from 'node:crypto';
import { AccountRefusal } from '../accounts/account-refusal.js';
import { parseServerAddress } from '../dns/server-address.js';
import { invalid } from '../errors.js';
import { SecretError } from '../secrets/key-ring.js';
import type { CredentialSources } from './credentials.js';
import { bindingOf } from './destination.js';
import type { StoredSettings } from './draft.js';

/** Two changes after which a name may lead a stored secret to another server: other DNS servers, and one more authority whose certificates count. */
export type Redirect = 'dnsServers' | 'authority';

export interface RedirectFacts {
  redirect: Redirect;
  /** Whether authorities count already that somebody added. */
  ownAuthorities: boolean;
  /** Whether DNS servers are set. */
  ownDns: boolean;
}

/**
 * Refuses a change by somebody who does not know the stored secret when the change could send it to a server of their own: with the DNS servers they
 * choose where a name leads, with an authority of theirs they prove it.
 * @param sent the secret, as the caller knows it
 * @returns whether the caller has shown to know it
 * @throws MailroomError SMTP_PASSWORD_REQUIRED
 */
export async function refuseRedirect(settings: StoredSettings, facts: RedirectFacts, sources: Pick<CredentialSources, 'keys' | 'accounts'>, sent: string | null | undefined): Promise<boolean> {
  const why = reasonOf(settings, facts);
  const secret = why === null ? null : await secretOf(settings, sources);
  if (secret === null) return false;
  if (sent != null && sameText(sent, secret)) return true;
  const noun = settings.authenticationType === 'oauth2' ? 'client secret' : 'password';
  throw invalid('SMTP_PASSWORD_REQUIRED', '/smtpPassword', `${sent == null ? 'is required' : `must be the ${noun} that the SMTP settings log in with`}, because ${why}: the change could send the stored ${noun} to another server`);
}

const isVerified = ({ security, verifyCertificate }: StoredSettings): boolean => security !== 'none' && verifyCertificate;

/** Why the change alone decides which server gets the secret; null: it does not. An address in place of a name is not looked up. */
function reasonOf(settings: StoredSettings, { redirect, ownAuthorities, ownDns }: RedirectFacts): string | null {
  if (!namesServer(settings)) return null;
  if (redirect === 'authority') return isVerified(settings) && ownDns ? 'DNS servers are set' : null;
  if (!isVerified(settings)) return settings.security === 'none' ? 'security is none' : 'verifyCertificate is off';
  return ownAuthorities ? 'certificates of a private authority are trusted' : null;
}

function namesServer({ serverAddress }: StoredSettings): boolean {
  if (serverAddress === null) return false;
  const parsed = parseServerAddress(serverAddress);
  return 'fault' in parsed || parsed.type === 'name';
}

/** null when there is none, or none that could be sent: it cannot be read, or its account does not give it out. */
async function secretOf(settings: StoredSettings, { keys, accounts }: Pick<CredentialSources, 'keys' | 'accounts'>): Promise<string | null> {
  try {
    if (settings.authenticationType === 'account') return (await accounts.passwordFor(settings.accountId!, settings.serverAddress!, isVerified(settings))).password;
    return settings.passwordCiphertext === null ? null : keys.open(settings.passwordCiphertext, bindingOf(settings));
  } catch (error) {
    if (error instanceof SecretError || error instanceof AccountRefusal) return null;
    throw error;
  }
}

/** Takes the same time wherever they differ. */
const sameText = (one: string, other: string): boolean => timingSafeEqual(digestOf(one), digestOf(other));

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();
