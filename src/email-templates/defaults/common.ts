import type { EventProperty, EventType } from '../../event-types/event-type.js';
import { commonProperties } from '../../event-types/properties.js';
import { inSentence, wordsOf } from '../../event-types/display-name.js';
import { literal } from '../compose.js';
import type { Draft } from '../draft.js';
import { FACTS, factOf, type Fact, type FactName } from '../facts.js';
import { ABOUT_ACCOUNT, about } from './phrases.js';

/** What every mail says anyway, or what only programs want to know. */
const NOT_A_FACT = /^(ApplianceName|DomainName|(User|Account|Asset|Object)Id)$|Uri$/;
const COMMON = new Set(commonProperties.map(({ name }) => name));
const IDENTIFIER = /^[A-Za-z_][\w-]{0,99}$/;
/** Types of other services may declare more, but a mail is no database. */
const MAX_FACTS = 30;

const isFactName = (name: string): name is FactName => Object.hasOwn(FACTS, name);

function labelOf(name: string): string {
  const label = inSentence(wordsOf(name));
  return label.charAt(0).toUpperCase() + label.slice(1, 28);
}

const toFact = ({ name, type }: EventProperty): FactName | Fact => (isFactName(name) ? name : factOf(labelOf(name), name, type === 'dateTime'));

const factsOf = (type: EventType): Array<FactName | Fact> =>
  type.properties.filter(({ name }) => IDENTIFIER.test(name) && !COMMON.has(name) && !NOT_A_FACT.test(name)).slice(0, MAX_FACTS).map(toFact);

/** The fact that tells most about which thing it was. */
function subjectOf(type: EventType): string {
  const has = (name: string): boolean => type.properties.some((property) => property.name === name);
  if (has('AccountName') && has('AssetName')) return ABOUT_ACCOUNT;
  const telling = ['ObjectName', 'UserName', 'CertificateSubject', 'ClusterMemberName', 'BackupName', 'PatchVersion', 'AssetName', 'ApplianceName'];
  const found = telling.find(has);
  return found ? about(found) : '';
}

/** Advice that holds for many types, by how their names end; the first that fits. */
const ADVICE: ReadonlyArray<readonly [RegExp, string]> = [
  [/(Failed|Failure)$/, 'Put right what kept it from succeeding, and run it again if it does not run by itself.'],
  [/(Mismatch|Warning|Lost)$/, 'Check whether this was expected, and act before it keeps others from their work.'],
  [/(Released|CheckedOut|Downloaded)$/, 'If nobody should have seen it, find out who did and replace it.'],
  [/(Created|Deleted|Updated|Added|Removed|Enabled|Disabled|Undeleted|Purged|SharedWith)$/,
    'If you did not expect this change, find out who made it in the audit log.'],
];

/** The draft for types without one of their own: what their catalogue entry says, and the properties that they declare. */
export function commonDraft(type: EventType): Draft {
  const next = type.builtIn ? ADVICE.find(([pattern]) => pattern.test(type.name))?.[1] : undefined;
  const isRequest = type.properties.some(({ name }) => name === 'RequesterAccessRequestUri');
  return {
    subject: subjectOf(type),
    heading: literal(type.displayName) || type.name,
    lead: literal(type.description).slice(0, 1000).toWellFormed() || `${literal(type.displayName)} was reported.`,
    ...(next && { next }),
    facts: factsOf(type),
    ...(isRequest && { action: { label: 'Open request', property: 'RequesterAccessRequestUri' } }),
  };
}
