import { OWN_DESCRIPTIONS, RELATIONSHIPS, TASKS, THINGS } from './descriptions.js';
import { inSentence, wordsOf } from './display-name.js';

/** What the last word of a name says of the thing that the words before it name. */
const CHANGES: Readonly<Record<string, string>> = {
  Created: 'was created', Deleted: 'was deleted', Updated: 'was changed', Added: 'was added', Removed: 'was removed', Enabled: 'was switched on',
  Disabled: 'was switched off', Undeleted: 'was brought back after its deletion', Purged: 'was removed for good', Released: 'was released',
};

const TASK_OUTCOMES: Readonly<Record<string, string>> = {
  Started: 'has started', Succeeded: 'succeeded', Completed: 'is complete', Failed: 'failed', Skipped: 'was skipped', Canceled: 'was cancelled',
};

/** Initials that are read out with a vowel first: an SSH key, but a RAID. */
const TAKES_AN = /^(?:[AEIOaeio]|[Uu](?!s|n[ius])|SSH|SSL|STA|NTP|HSM)/;

const article = (phrase: string): string => (TAKES_AN.test(phrase) ? 'an' : 'a');

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

function describeRelationship(name: string): string | undefined {
  const match = /^(\w+)Relationship(Added|Removed)$/.exec(name);
  const [member, container] = (match && RELATIONSHIPS[match[1]!]) || [];
  if (!match || !member || !container) return undefined;
  return sentence(match[2] === 'Added' ? `${member} was linked to ${container}` : `${member} is no longer linked to ${container}`);
}

function describeTask(name: string): string | undefined {
  const match = /^(\w+?)(Started|Succeeded|Completed|Failed|Skipped|Canceled)$/.exec(name);
  const task = match && TASKS[match[1]!];
  return task ? sentence(`${task} ${TASK_OUTCOMES[match[2]!]}`) : undefined;
}

/** The thing with its article, in running text: "an access policy", "the SSH host key of an asset". */
function thingOf(words: string[]): string {
  const phrase = inSentence(words);
  return THINGS[phrase] ?? `${article(phrase)} ${phrase}`;
}

/** `AccountGroupMembershipUpdated` is about the group's members, not about a "membership" of its own. */
function describeParts(name: string): string | undefined {
  const match = /^(\w+?)(Membership|Members|Owners|(?<!Partition)Tag)Updated$/.exec(name);
  if (!match) return undefined;
  const parts = { Membership: 'members', Members: 'members', Owners: 'owners', Tag: 'tags' }[match[2]!];
  return sentence(`the ${parts} of ${thingOf(wordsOf(match[1]!))} were changed`);
}

function describeChange(name: string): string {
  const words = wordsOf(name);
  const change = CHANGES[words.at(-1)!];
  if (!change) throw new Error(`The event type ${name} has no description.`);
  const thing = thingOf(words.slice(0, -1));
  return sentence(`${thing} ${words.at(-2) === 'Protocols' ? change.replace('was', 'were') : change}`);
}

/** One plain sentence that says what an event of a built-in type means. Throws for a name that is not built in and fits no rule. */
export function describeEventType(name: string): string {
  return OWN_DESCRIPTIONS[name] ?? describeRelationship(name) ?? describeTask(name) ?? describeParts(name) ?? describeChange(name);
}
