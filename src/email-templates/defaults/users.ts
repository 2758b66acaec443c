import type { Draft, Drafts } from '../draft.js';
import type { FactName } from '../facts.js';
import { about } from './phrases.js';

const USER_FACTS: FactName[] = ['UserName', 'DirectoryName', 'ErrorMessage'];
const USER = '{{ UserName | default: "A user" }}{% if DomainName %} from {{ DomainName }}{% endif %}';

const onUser = (draft: Draft): Draft => ({ subject: about('UserName'), facts: USER_FACTS, ...draft });

/** Sign-ins and the accounts of the product's own users. */
export const users: Drafts = {
  UserAuthenticationFailed: onUser({
    heading: 'A sign-in failed',
    lead: `${USER} could not sign in.`,
    meaning: 'One failure is mostly a typing error. Many in a short time can be an attempt to guess a password.',
    next: 'If the user knows nothing of it, have the password changed and look for the source of the attempts in the audit log.',
  }),
  UserLockedOut: onUser({
    accent: 'warning',
    heading: 'A user was locked out',
    lead: `${USER} was locked out after too many failed sign-ins.`,
    next: 'Ask the user whether the attempts were their own before you unlock the account. If not, look for their source in the audit log.',
  }),
  UserUnlocked: onUser({
    heading: 'A user was unlocked',
    lead: `${USER} was unlocked and can sign in again.`,
    next: 'If nobody asked for this, find out who unlocked the account.',
  }),
  UserPasswordUpdated: onUser({
    heading: 'A user\'s password was changed',
    lead: `The password of {{ UserName | default: "a user" }}{% if DomainName %} from {{ DomainName }}{% endif %} was changed.`,
    next: 'If the user did not ask for this, lock the account and find out who made the change.',
  }),
  UserCreated: onUser({
    heading: 'A user was created',
    lead: '{% if UserName %}The user {{ UserName }}{% else %}A new user{% endif %}{% if DomainName %} from {{ DomainName }}{% endif %} was created.',
    next: 'Check that the user is known and has no more rights than the work needs.',
  }),
  UserDeleted: onUser({
    heading: 'A user was deleted',
    lead: '{% if UserName %}The user {{ UserName }}{% else %}A user{% endif %}{% if DomainName %} from {{ DomainName }}{% endif %} was deleted.',
    meaning: 'The user can no longer sign in, and gets no more notifications.',
  }),
};
