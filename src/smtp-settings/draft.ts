import type { SmtpAuthenticationInput, SmtpSettingsUpdate } from './smtp-settings.contract.js';
import type { SmtpSettingsRow } from './smtp-settings.repository.js';

/** Settings, saved or not, without their secret: plain JSON. */
export type SmtpSettingsDraft = Omit<SmtpSettingsRow, 'id' | 'version' | 'updatedAt' | 'updatedBy' | 'passwordCiphertext'>;

/** The same with the secret, which opens only for the destination of these settings. */
export type StoredSettings = SmtpSettingsDraft & Pick<SmtpSettingsRow, 'passwordCiphertext'>;

/** Unsaved settings in a form that may wait in a row. */
export interface SealedCandidate {
  candidate: SmtpSettingsDraft;
  secretCiphertext: string | null;
}

/** What an update means: a field that is left out takes its default. */
export function draftOf(update: SmtpSettingsUpdate): SmtpSettingsDraft {
  return {
    serverAddress: update.serverAddress ?? null,
    resolveMx: update.resolveMx ?? false,
    port: update.port ?? null,
    security: update.security ?? 'startTls',
    verifyCertificate: update.verifyCertificate ?? true,
    useClientCertificate: update.useClientCertificate ?? false,
    ...authenticationColumns(update.authentication ?? { type: 'none' }),
    senderAddress: update.senderAddress ?? null,
    senderName: update.senderName || null,
    clientHostname: update.clientHostname ?? null,
    maxConnections: update.maxConnections ?? 5,
    maxMessagesPerSecond: update.maxMessagesPerSecond ?? null,
  };
}

/** The secret as it was sent: undefined when it was left out, null when there is to be none. */
export function sentSecret(authentication: SmtpAuthenticationInput = { type: 'none' }): string | null | undefined {
  if (authentication.type === 'password') return authentication.password;
  return authentication.type === 'oauth2' ? authentication.clientSecret : null;
}

type AuthenticationColumns = Pick<SmtpSettingsDraft, 'authenticationType' | 'accountName' | 'accountId' | 'tokenUrl' | 'clientId' | 'scope'>;

function authenticationColumns(authentication: SmtpAuthenticationInput): AuthenticationColumns {
  const columns = { authenticationType: authentication.type, accountName: null, accountId: null, tokenUrl: null, clientId: null, scope: null };
  if (authentication.type === 'password') return { ...columns, accountName: authentication.accountName };
  if (authentication.type === 'account') return { ...columns, accountId: authentication.accountId.toLowerCase() };
  if (authentication.type !== 'oauth2') return columns;
  const { accountName, tokenUrl, clientId, scope = null } = authentication;
  return { ...columns, accountName, tokenUrl, clientId, scope };
}
