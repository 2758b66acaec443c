import type { Drafts } from '../draft.js';
import { ASSET, onAccount, THE_ACCOUNT } from './phrases.js';

/** Tasks on SSH keys, and the host keys that assets prove themselves with. */
export const sshKeys: Drafts = {
  SshHostKeyMismatch: onAccount({
    heading: 'An SSH host key has changed',
    lead: `${ASSET.replace('an asset', 'An asset')} presented another SSH host key than the one that is trusted.`,
    meaning: 'Either the asset was set up again, or somebody is answering in its place. Until this is settled nothing is sent to it.',
    next: 'Compare the fingerprint with the asset itself, over another way. Accept the new key only if you know why it changed.',
  }),
  SshKeyInstallFailed: onAccount({
    heading: 'An SSH key could not be installed',
    lead: `An SSH key could not be installed for ${THE_ACCOUNT}.`,
    meaning: 'Signing in with the key does not work yet.',
    next: 'Check the connection, the rights of the service account and the permissions of the authorized keys file, then install it again.',
  }),
  SshKeyChangeFailed: onAccount({
    heading: 'An SSH key could not be changed',
    lead: `The SSH key of ${THE_ACCOUNT} could not be changed.`,
    meaning: 'The old key stays in use, perhaps for longer than your rules allow.',
    next: 'Check the connection to the asset and the rights of its service account, then change the key again.',
  }),
  SshKeyCheckFailed: onAccount({
    heading: 'An SSH key could not be checked',
    lead: `The SSH key of ${THE_ACCOUNT} could not be checked.`,
    meaning: 'So it is not known whether the stored key still works. The check is tried again as scheduled.',
    next: 'Make sure that the asset can be reached and that its service account is able to sign in, then run the check again.',
  }),
  SshKeyCheckMismatch: onAccount({
    heading: 'A stored SSH key is wrong',
    lead: `The SSH key of ${THE_ACCOUNT} is not the one that is stored.`,
    meaning: 'Somebody may have changed it on the asset itself. Requests for this account hand out a key that does not work.',
    next: 'Find out who changed it, then change the key here so that both agree again.',
  }),
  SshKeyResetNeeded: onAccount({
    accent: 'warning',
    heading: 'An SSH key must be reset',
    lead: `The SSH key of ${THE_ACCOUNT} must be reset, because the stored one may be wrong.`,
    next: 'Let the key be changed, or set it by hand on the asset and here, and check it afterwards.',
  }),
  SshKeyRevokeFailed: onAccount({
    heading: 'An SSH key could not be withdrawn',
    lead: `An SSH key of ${THE_ACCOUNT} could not be withdrawn.`,
    meaning: 'Whoever has the key can still sign in with it.',
    next: 'Remove the key from the asset by hand, and check the rights of the service account.',
  }),
  DiscoverSshHostKeyFailed: onAccount({
    heading: 'An SSH host key could not be read',
    lead: `The SSH host key of ${ASSET} could not be read.`,
    next: 'Check the address, port and firewall of the asset, and that its SSH service is running.',
  }),
};
