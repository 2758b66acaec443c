import type { Draft } from '../draft.js';
import type { FactName } from '../facts.js';

/** Pieces of Liquid source that read well with or without the properties they are about. */
export const ACCOUNT = '{{ AccountName | default: "an account" }}';
export const ASSET = '{{ AssetName | default: "an asset" }}';
export const ON_ASSET = '{% if AssetName %} on {{ AssetName }}{% endif %}';
export const THE_ACCOUNT = `${ACCOUNT}${ON_ASSET}`;
export const REQUESTER = '{{ Requester | default: "A user" }}';
export const FOR_DURATION = '{% if DurationInMinutes %} for {{ DurationInMinutes }} minute{% unless DurationInMinutes == 1 %}s{% endunless %}{% endif %}';
export const IN_DAYS = '{% if DaysRemaining %}in {{ DaysRemaining }} day{% unless DaysRemaining == 1 %}s{% endunless %}{% else %}soon{% endif %}';
export const ON_DATE = '{% if ExpirationDate %}, on {{ ExpirationDate | date: "%-d %B %Y" }}{% endif %}';
export const HAS_EXPIRED = '{% if ExpirationDate %}expired on {{ ExpirationDate | date: "%-d %B %Y" }}{% else %}has expired{% endif %}';

/** Ends of subjects. */
export const ABOUT_ACCOUNT = '{% if AccountName and AssetName %}: {{ AccountName }} on {{ AssetName }}'
  + '{% elsif AccountName or AssetName %}: {{ AccountName | default: AssetName }}{% endif %}';
export const about = (property: string): string => `{% if ${property} %}: {{ ${property} }}{% endif %}`;

export const ACCOUNT_FACTS: FactName[] = ['AccountName', 'AssetName', 'NetworkAddress', 'ProfileName', 'ErrorMessage'];

/** A draft about an account on an asset. */
export const onAccount = (draft: Draft): Draft => ({ subject: ABOUT_ACCOUNT, facts: ACCOUNT_FACTS, ...draft });
