import { invalid } from '../errors.js';
import type { KeyRing } from '../secrets/key-ring.js';
import { bindingOf, sameDestination } from './destination.js';
import type { SmtpSettingsDraft, StoredSettings } from './draft.js';

/**
 * The ciphertext that settings get. A secret that was sent is sealed for its destination; null removes it; one that was left out is kept,
 * but only for the destination that it was given for.
 * @param before the saved settings
 * @throws MailroomError SMTP_PASSWORD_REQUIRED
 */
export function nextSecret(keys: KeyRing, before: StoredSettings, next: SmtpSettingsDraft, sent: string | null | undefined): string | null {
  if (sent === null) return null;
  if (sent !== undefined) return keys.seal(sent, bindingOf(next));
  if (!sameDestination(before, next)) throw secretRequired(next, `server, port, security${next.authenticationType === 'oauth2' ? ', account, tokenUrl or clientId' : ' or account'} changed`);
  if (before.passwordCiphertext !== null && before.verifyCertificate && !next.verifyCertificate && next.security !== 'none') {
    throw secretRequired(next, 'verifyCertificate was turned off');
  }
  return before.passwordCiphertext;
}

function secretRequired({ authenticationType }: SmtpSettingsDraft, why: string): Error {
  const [field, noun] = authenticationType === 'oauth2' ? ['clientSecret', 'client secret'] : ['password', 'password'];
  return invalid('SMTP_PASSWORD_REQUIRED', `/authentication/${field}`, `is required, because ${why}: a stored ${noun} is never sent to another destination than it was given for`);
}
