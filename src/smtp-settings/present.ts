import { effectivePort } from './destination.js';
import type { SmtpAuthentication, SmtpSettings } from './smtp-settings.contract.js';
import type { SmtpSettingsRow } from './smtp-settings.repository.js';

/** The settings as the API shows them: never a secret. */
export function toSettings(row: SmtpSettingsRow): SmtpSettings {
  return {
    serverAddress: row.serverAddress,
    resolveMx: row.resolveMx,
    port: row.port,
    effectivePort: effectivePort(row),
    security: row.security,
    verifyCertificate: row.verifyCertificate,
    useClientCertificate: row.useClientCertificate,
    authentication: authenticationOf(row),
    senderAddress: row.senderAddress,
    senderName: row.senderName,
    clientHostname: row.clientHostname,
    maxConnections: row.maxConnections,
    maxMessagesPerSecond: row.maxMessagesPerSecond,
    enabled: row.serverAddress !== null,
    updatedAt: row.updatedAt.toISOString(),
    updatedBy: row.updatedBy,
  };
}

function authenticationOf({ authenticationType, accountName, accountId, tokenUrl, clientId, scope, passwordCiphertext }: SmtpSettingsRow): SmtpAuthentication {
  const isStored = passwordCiphertext !== null;
  if (authenticationType === 'password') return { type: 'password', accountName: accountName!, hasPassword: isStored };
  if (authenticationType === 'account') return { type: 'account', accountId: accountId! };
  if (authenticationType === 'oauth2') return { type: 'oauth2', accountName: accountName!, tokenUrl: tokenUrl!, clientId: clientId!, hasClientSecret: isStored, scope };
  return { type: 'none' };
}
