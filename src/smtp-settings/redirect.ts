import { createHash, timingSafeEqual } from 'node:crypto';
import { AccountRefusal } from '../accounts/account-refusal.js';
import { parseServerAddress } from '../dns/server-address.js';
import { invalid } from '../errors.js';
import { SecretError } from '../secrets/key-ring.js';
import type { CredentialSources } from './credentials.js';
import { bindingOf } from './destination.js';
import type { StoredSettings } from './draft.js';

/**
 * Refuses a change of the DNS servers by somebody who does not know the stored secret while nothing but DNS says which server gets it:
 * whoever chooses the DNS servers could have it sent to a server of their own.
 * @param sent the secret, as the caller knows it
 * @throws MailroomError SMTP_PASSWORD_REQUIRED
 */
export async function refuseRedirect(settings: StoredSettings, sources: Pick<CredentialSources, 'keys' | 'accounts'>, sent: string | null | undefined): Promise<void> {
  if (!followsDns(settings)) return;
  const secret = await secretOf(settings, sources);
  if (secret === null || (sent != null && sameText(sent, secret))) return;
  const noun = settings.authenticationType === 'oauth2' ? 'client secret' : 'password';
  const why = settings.security === 'none' ? 'security is none' : 'verifyCertificate is off';
  throw invalid('SMTP_PASSWORD_REQUIRED', '/smtpPassword', `${sent == null ? 'is required' : `must be the ${noun} that the SMTP settings log in with`}, because ${why}: a change of the DNS servers would send the stored ${noun} wherever they point`);
}

/** An address in place of a name is not looked up, and a verified certificate proves the name whatever DNS says. */
function followsDns({ serverAddress, security, verifyCertificate }: StoredSettings): boolean {
  if (serverAddress === null || (security !== 'none' && verifyCertificate)) return false;
  const parsed = parseServerAddress(serverAddress);
  return 'fault' in parsed || parsed.type === 'name';
}

/** null when there is none, or none that could be sent: it cannot be read, or its account does not allow this server. */
async function secretOf(settings: StoredSettings, { keys, accounts }: Pick<CredentialSources, 'keys' | 'accounts'>): Promise<string | null> {
  try {
    if (settings.authenticationType === 'account') return (await accounts.passwordFor(settings.accountId!, settings.serverAddress!)).password;
    return settings.passwordCiphertext === null ? null : keys.open(settings.passwordCiphertext, bindingOf(settings));
  } catch (error) {
    if (error instanceof SecretError || error instanceof AccountRefusal) return null;
    throw error;
  }
}

/** Takes the same time wherever they differ. */
const sameText = (one: string, other: string): boolean => timingSafeEqual(digestOf(one), digestOf(other));

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();
