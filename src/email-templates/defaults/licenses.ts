import type { Draft, Drafts } from '../draft.js';
import type { FactName } from '../facts.js';
import { about, HAS_EXPIRED, IN_DAYS, ON_DATE } from './phrases.js';

const LICENSE_FACTS: FactName[] = ['LicenseName', 'ExpirationDate', 'DaysRemaining', 'ErrorMessage'];

const onLicense = (draft: Draft): Draft => ({ subject: about('LicenseName'), facts: LICENSE_FACTS, ...draft });

const THE_LICENSE = '{% if LicenseName %}The license for {{ LicenseName }}{% else %}A license{% endif %}';

/** Licenses that end or do not suffice. */
export const licenses: Drafts = {
  LicenseExpiringSoon: onLicense({
    heading: 'A license expires soon',
    lead: `${THE_LICENSE} expires ${IN_DAYS}${ON_DATE}.`,
    meaning: 'What it covers may stop working then.',
    next: 'Order a renewal now and upload the new license file before that day.',
  }),
  LicenseExpired: onLicense({
    accent: 'error',
    heading: 'A license has expired',
    lead: `${THE_LICENSE} ${HAS_EXPIRED}.`,
    meaning: 'What it covers may no longer work.',
    next: 'Upload a valid license file. Stored passwords and keys are not lost meanwhile.',
  }),
  LicenseUsageExceeded: onLicense({
    accent: 'warning',
    heading: 'More is in use than the license allows',
    lead: '{% if LicenseName %}{{ LicenseName }} is in use beyond what its license allows.{% else %}More is in use than the license allows.{% endif %}',
    next: 'Extend the license, or remove users or assets that are not needed.',
  }),
  OperatingSystemLicenseFailed: onLicense({
    heading: 'The operating system is not activated',
    lead: 'The license of the appliance\'s operating system could not be activated.',
    next: 'Check the product key and the connection to the activation server, then activate it again.',
  }),
};
