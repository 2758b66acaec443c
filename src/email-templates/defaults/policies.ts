import type { Draft, Drafts } from '../draft.js';
import { about, HAS_EXPIRED, IN_DAYS, ON_DATE } from './phrases.js';

const onObject = (draft: Draft): Draft => ({ subject: about('ObjectName'), facts: ['ObjectName', 'ExpirationDate', 'DaysRemaining'], ...draft });

const named = (kind: string): string => `The ${kind}{% if ObjectName %} "{{ ObjectName }}"{% endif %}`;

/** Roles and policies that end. */
export const policies: Drafts = {
  RoleExpirationWarning: onObject({
    heading: 'A role expires soon',
    lead: `${named('entitlement role')} expires ${IN_DAYS}${ON_DATE}.`,
    meaning: 'From then on its members can no longer request the access that it gives.',
    next: 'Extend the role if it is still needed, or tell its members that it ends.',
  }),
  RoleExpired: onObject({
    heading: 'A role has expired',
    lead: `${named('entitlement role')} ${HAS_EXPIRED}.`,
    meaning: 'Its members can no longer request the access that it gave.',
    next: 'Give the role a new date if it is still needed, or delete it.',
  }),
  PolicyExpirationWarning: onObject({
    heading: 'A policy expires soon',
    lead: `${named('access policy')} expires ${IN_DAYS}${ON_DATE}.`,
    meaning: 'From then on it grants no access.',
    next: 'Extend the policy if it is still needed, or tell those who use it that it ends.',
  }),
  PolicyExpired: onObject({
    heading: 'A policy has expired',
    lead: `${named('access policy')} ${HAS_EXPIRED}.`,
    meaning: 'It grants no access any longer.',
    next: 'Give the policy a new date if it is still needed, or delete it.',
  }),
  PolicyInvalid: onObject({
    accent: 'warning',
    heading: 'A policy has become invalid',
    lead: `${named('access policy')} has become invalid and grants no access.`,
    meaning: 'This happens when something that it refers to was deleted or changed.',
    next: 'Open the policy and complete what is missing.',
  }),
  EnterpriseAccountExpirationWarning: onObject({
    heading: 'An enterprise account expires soon',
    lead: `${named('enterprise account')} expires ${IN_DAYS}${ON_DATE}.`,
    next: 'Renew the account where it was issued, and store its new password or date.',
  }),
  PersonalAccountExpirationWarning: onObject({
    heading: 'A personal account expires soon',
    lead: `${named('personal account')} expires ${IN_DAYS}${ON_DATE}.`,
    next: 'Renew the account where it was issued, and store its new password or date.',
  }),
};
