import type { Drafts } from '../draft.js';
import { ACCOUNT, ACCOUNT_FACTS, ASSET, ON_ASSET, onAccount, THE_ACCOUNT } from './phrases.js';

/** Tasks on the passwords of accounts, and on the accounts and assets themselves. */
export const passwords: Drafts = {
  PasswordCheckFailed: onAccount({
    heading: 'A password could not be checked',
    lead: `The password of ${THE_ACCOUNT} could not be checked.`,
    meaning: 'So it is not known whether the stored password still works. The check is tried again as scheduled.',
    next: 'Make sure that the asset can be reached and that its service account is able to sign in, then run the check again.',
  }),
  PasswordCheckMismatch: onAccount({
    heading: 'A stored password is wrong',
    lead: `The password of ${THE_ACCOUNT} is not the one that is stored.`,
    meaning: 'Somebody may have changed it on the asset itself. Requests for this account hand out a password that does not work.',
    next: 'Find out who changed it, then change the password here so that both agree again.',
  }),
  PasswordChangeFailed: onAccount({
    heading: 'A password could not be changed',
    lead: `The password of ${THE_ACCOUNT} could not be changed.`,
    meaning: 'The old password stays in use, perhaps for longer than your rules allow.',
    next: 'Check the connection to the asset, the rights of its service account and the password rule, then change the password again.',
  }),
  PasswordChangeSucceeded: onAccount({
    heading: 'A password was changed',
    lead: `The password of ${THE_ACCOUNT} was changed.`,
  }),
  PasswordResetNeeded: onAccount({
    accent: 'warning',
    heading: 'A password must be reset',
    lead: `The password of ${THE_ACCOUNT} must be reset, because the stored one may be wrong.`,
    meaning: 'Until then requests for this account may hand out a password that does not work.',
    next: 'Set the password by hand on the asset and here, or let it be changed, and check it afterwards.',
  }),
  PasswordWasReset: onAccount({
    heading: 'A password was changed after use',
    lead: `The password of ${THE_ACCOUNT} was changed after it had been released.`,
    meaning: 'Whoever saw the old one can no longer use it.',
  }),
  DependentAssetUpdateFailed: onAccount({
    heading: 'A dependent asset was not updated',
    lead: `The new password of ${ACCOUNT} could not be written to {{ AssetName | default: "an asset" }}, which depends on it.`,
    meaning: 'Services and tasks that run there under this account may fail at their next start.',
    next: 'Check the connection to the asset and the rights of its service account, then run the update again.',
  }),
  TestConnectionFailed: onAccount({
    heading: 'An asset cannot be reached',
    lead: `The connection test to ${ASSET} failed.`,
    meaning: 'Passwords and keys on it can be neither checked nor changed.',
    next: 'Check its address, port, firewall and service account, then run the test again.',
  }),
  AccountDiscoveryFailed: onAccount({
    heading: 'The search for accounts failed',
    lead: `The search for accounts${ON_ASSET} failed.`,
    meaning: 'New accounts on the asset may stay unknown and unmanaged.',
    next: 'Check the connection and the rights of the service account, then run the discovery again.',
  }),
  SuspendAccountFailed: onAccount({
    heading: 'An account could not be suspended',
    lead: `${ACCOUNT.replace('an account', 'An account')}${ON_ASSET} could not be suspended.`,
    meaning: 'It stays usable although no request needs it.',
    next: 'Disable the account on the asset by hand, and check the rights of the service account.',
  }),
  RestoreAccountFailed: onAccount({
    heading: 'An account could not be restored',
    lead: `${ACCOUNT.replace('an account', 'An account')}${ON_ASSET} could not be restored.`,
    meaning: 'The request that needs it has to wait.',
    next: 'Enable the account on the asset by hand, and check the rights of the service account.',
  }),
  SyncAccountsFailed: onAccount({
    heading: 'Passwords of a group differ',
    lead: 'The accounts of a group that share a password could not all be given the same one.',
    next: 'Check the accounts that failed, then synchronise the group again.',
  }),
  ApiKeyChangeFailed: onAccount({
    heading: 'An API key could not be changed',
    lead: `The API key of ${THE_ACCOUNT} could not be changed.`,
    meaning: 'The old key stays in use.',
    next: 'Check the connection to the service and the rights of the account that manages its keys, then change the key again.',
    facts: ACCOUNT_FACTS,
  }),
};
