import type { Actor } from '../contract/actor.js';
import { type FieldError, invalid, MailroomError } from '../errors.js';
import { commonProperties, levelOf } from './catalogue.js';
import { displayNameOf } from './display-name.js';
import type { EventLevel, EventProperty, EventType } from './event-type.js';
import type { EventTypeWrite } from './event-types.contract.js';
import type { EventTypeData, EventTypeRow } from './event-types.repository.js';

const NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,99}$/;
/** Paths of the API stand where the name would: /email-templates/preview is no template. */
const RESERVED = new Set(['preview']);
/** Filled in by Mailroom, so nobody else can require them or say what they are. */
const FILLED_IN = new Set(['EventName', 'EventDisplayName', 'EventDescription', 'EventTimestamp']);
const WORDS_OF_LIQUID = new Set(['true', 'false', 'nil', 'null', 'empty', 'blank', 'and', 'or', 'not', 'contains']);
/** Controls, line and paragraph separators, and those that turn the direction of what follows (UAX #9). */
const NOT_ONE_LINE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;
const MAX_DISPLAY_NAME = 100;
const MAX_OWN_PROPERTIES = 100;
/** Characters of all own properties as JSON: the catalogue is read often. */
const MAX_PROPERTIES_LENGTH = 32_768;

const common = new Map(commonProperties.map((property) => [property.name, property]));

/** An event type of another service, as it is kept. Throws a problem that lists each fault. */
export function definitionOf(name: string, write: EventTypeWrite, actor: Actor): EventTypeData {
  if (!NAME.test(name)) {
    const message = 'must have 1 to 100 letters, digits, dots, hyphens and underscores, starting with a letter';
    throw new MailroomError('invalid', 'EVENT_TYPE_NAME_INVALID', `The name of an event type ${message}.`, [{ parameter: 'name', message }]);
  }
  if (RESERVED.has(name.toLowerCase())) {
    throw new MailroomError('invalid', 'EVENT_TYPE_NAME_INVALID', `The name of an event type must not be ${name}: /v1/email-templates/preview is an operation.`, [{ parameter: 'name', message: `must not be ${name}` }]);
  }
  const { displayName = displayNameOf(name).slice(0, MAX_DISPLAY_NAME).trim(), category = 'Custom', description = '', level = levelOf(name) } = write;
  refuseSeveralLines({ displayName, category, description });
  const properties = ownProperties(write.properties ?? []);
  return { name, nameKey: name.toLowerCase(), category: category.trim(), displayName: displayName.trim(), description, level, properties: properties as unknown as object[], ownerKeyId: actor.keyId, ownerName: actor.name, updatedBy: actor.name };
}

function refuseSeveralLines(texts: Record<string, string>): void {
  for (const [field, text] of Object.entries(texts)) {
    if (NOT_ONE_LINE.test(text) || (text.trim() === '' && field !== 'description')) throw invalid('EVENT_TYPE_INVALID', `/${field}`, 'must be one line of text, without control characters');
  }
}

/** Without those of every event that are as they are anyway, so that what was read can be sent back. */
function ownProperties(written: NonNullable<EventTypeWrite['properties']>): EventProperty[] {
  const properties = written.map(({ name, type, description = '', required = false }) => ({ name, type, description, required }));
  const faults: FieldError[] = properties.flatMap((property, index) => {
    const message = faultOf(property, properties.slice(0, index));
    return message === null ? [] : [{ pointer: `/properties/${index}/name`, message }];
  });
  if (faults.length > 0) throw new MailroomError('invalid', 'EVENT_PROPERTIES_INVALID', `${faults[0]!.pointer} ${faults[0]!.message}.`, faults);
  const own = properties.filter((property) => !isCommon(property));
  if (own.length > MAX_OWN_PROPERTIES) throw invalid('EVENT_PROPERTIES_INVALID', '/properties', `must hold at most ${MAX_OWN_PROPERTIES} properties besides those of every event`);
  if (JSON.stringify(own).length > MAX_PROPERTIES_LENGTH) throw invalid('EVENT_PROPERTIES_INVALID', '/properties', `must have at most ${MAX_PROPERTIES_LENGTH} characters in all, as JSON; shorten the descriptions`);
  return own;
}

function faultOf(property: EventProperty, before: EventProperty[]): string | null {
  if (WORDS_OF_LIQUID.has(property.name)) return `is ${property.name}, which is a word of the template language: no macro could show it`;
  if (before.some(({ name }) => name === property.name)) return `names ${property.name} a second time`;
  if (NOT_ONE_LINE.test(property.description)) return 'has a description that is not one line of text';
  const known = common.get(property.name);
  if (known === undefined || isCommon(property)) return null;
  if (FILLED_IN.has(property.name)) return `is ${property.name}, which Mailroom fills in: leave it out`;
  return known.type === property.type ? null : `is a property of every event, and has the type ${known.type}`;
}

function isCommon({ name, type, description, required }: EventProperty): boolean {
  const known = common.get(name);
  return known !== undefined && known.type === type && known.description === description && known.required === required;
}

/** A stored type as all others: with the properties of every event in front of its own. */
export function toEventType({ name, category, displayName, description, level, properties }: Pick<EventTypeRow, 'name' | 'category' | 'displayName' | 'description' | 'level' | 'properties'> | EventTypeData): EventType {
  const own = (properties as unknown as EventProperty[]).map(inOrder);
  const redescribed = new Map(own.map((property) => [property.name, property]));
  const all = [...commonProperties.map((property) => redescribed.get(property.name) ?? property), ...own.filter((property) => !common.has(property.name))];
  return { name, category, displayName, description, level: level as EventLevel, builtIn: false, properties: all };
}

/** jsonb keeps no order. */
const inOrder = ({ name, type, description, required }: EventProperty): EventProperty => ({ name, type, description, required });
