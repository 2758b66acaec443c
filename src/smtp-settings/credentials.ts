import { AccountRefusal } from '../accounts/account-refusal.js';
import type { AccountsService } from '../accounts/accounts.service.js';
import type { AccessTokens } from '../oauth2/access-tokens.js';
import { OAuth2Failure } from '../oauth2/oauth2-failure.js';
import { type KeyRing, SecretError } from '../secrets/key-ring.js';
import type { Credentials } from '../smtp/endpoint.js';
import { SmtpFailure } from '../smtp/failure.js';
import { bindingOf } from './destination.js';
import type { StoredSettings } from './draft.js';
import type { CredentialsOptions, Relay } from './relay.js';

/** Where credentials come from: the settings' own ciphertext, an account, or a token server. */
export interface CredentialSources {
  keys: KeyRing;
  accounts: Pick<AccountsService, 'passwordFor'>;
  tokens: AccessTokens;
}

/** The part of a relay that logs in. Nothing is read or decrypted before it is asked for. */
export function credentialsOf(settings: StoredSettings, sources: CredentialSources): Pick<Relay, 'credentials' | 'refused'> {
  const cached = new WeakSet<Credentials>();
  return {
    credentials: async (options = {}) => {
      try {
        if (settings.authenticationType === 'password') return passwordOf(settings, sources);
        if (settings.authenticationType === 'account') return await accountOf(settings, sources);
        if (settings.authenticationType !== 'oauth2') return { type: 'none' };
        const { credentials, fromCache } = await tokenOf(settings, sources, options);
        if (fromCache) cached.add(credentials);
        return credentials;
      } catch (error) {
        throw failureOf(error, settings);
      }
    },
    refused: (credentials) => {
      if (credentials.type === 'oauth2') sources.tokens.drop(credentials.accessToken);
      return cached.has(credentials);
    },
  };
}

function passwordOf(settings: StoredSettings, { keys }: CredentialSources): Credentials {
  const { passwordCiphertext, accountName } = settings;
  if (passwordCiphertext === null) throw missing(settings, 'PASSWORD_MISSING', 'password');
  return { type: 'password', accountName: accountName!, password: keys.open(passwordCiphertext, bindingOf(settings)) };
}

async function accountOf({ accountId, serverAddress, security, verifyCertificate }: StoredSettings, { accounts }: CredentialSources): Promise<Credentials> {
  return { type: 'password', ...(await accounts.passwordFor(accountId!, serverAddress!, security !== 'none' && verifyCertificate)) };
}

async function tokenOf(settings: StoredSettings, { keys, tokens }: CredentialSources, options: CredentialsOptions): Promise<{ credentials: Credentials; fromCache: boolean }> {
  const { passwordCiphertext, accountName, tokenUrl, clientId, scope } = settings;
  if (passwordCiphertext === null) throw missing(settings, 'CLIENT_SECRET_MISSING', 'client secret');
  const clientSecret = keys.open(passwordCiphertext, bindingOf(settings));
  const { accessToken, fromCache } = await tokens.get({ tokenUrl: tokenUrl!, clientId: clientId!, clientSecret, scope }, options);
  return { credentials: { type: 'oauth2', accountName: accountName!, accessToken }, fromCache };
}

/** Nothing was sent to the mail server, so all of these may work later: when somebody corrects the settings, or the token server is back. */
function failureOf(error: unknown, { serverAddress }: StoredSettings): unknown {
  const failure = (code: string, message: string, hint: string): SmtpFailure =>
    new SmtpFailure({ code, stage: 'auth', address: serverAddress!, message, hint, cause: error });
  if (error instanceof AccountRefusal || error instanceof OAuth2Failure) return failure(error.code, error.message, error.hint);
  if (!(error instanceof SecretError)) return error;
  return failure(error.code, `The stored secret cannot be read: ${error.message}`, 'Enter the password or client secret again, in the SMTP settings or in the account.');
}

const missing = ({ accountName, serverAddress }: StoredSettings, code: string, what: string): SmtpFailure =>
  new SmtpFailure({
    code,
    stage: 'auth',
    message: `The SMTP settings name the account ${accountName} but no ${what} is stored for it.`,
    hint: `Enter the ${what} in the SMTP settings.`,
    address: serverAddress!,
  });
