import { momentOf } from '../contract/time.js';
import { type FieldError, MailroomError } from '../errors.js';
import type { EventType } from '../event-types/event-type.js';
import { valueFaults } from '../event-types/event-values.js';
import type { EventPublish, PropertyValue } from './events.contract.js';

const MAX_PROPERTIES = 100;
const MAX_TEXT = 8_192;
const NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

/**
 * Throws one problem that lists every fault of every event. An unknown type comes first, under its own code.
 * @param types those of the events that exist, by name
 * @param pointerOf where the event with this index stands in the body
 */
export function refuseInvalidEvents(events: EventPublish[], types: ReadonlyMap<string, EventType>, pointerOf: (index: number) => string): void {
  const unknown = events.flatMap(({ type }, index) => (types.has(type) ? [] : [{ pointer: `${pointerOf(index)}/type`, message: `names no event type: ${type}` }]));
  if (unknown.length > 0) {
    throw new MailroomError('invalid', 'EVENT_TYPE_UNKNOWN', `There is no event type ${events.find(({ type }) => !types.has(type))!.type}. GET /v1/event-types lists those that exist.`, unknown);
  }
  const faults = events.flatMap((event, index) => eventFaults(event, types.get(event.type)!, pointerOf(index)));
  if (faults.length > 0) {
    throw new MailroomError('invalid', 'EVENT_INVALID', `${faults[0]!.pointer} ${faults[0]!.message}.`, faults.slice(0, 100));
  }
}

function eventFaults({ properties = {}, occurredAt }: EventPublish, type: EventType, pointer: string): FieldError[] {
  const faults = [...propertiesFaults(properties, `${pointer}/properties`), ...valueFaults(type, properties, `${pointer}/properties`)];
  if (occurredAt != null && momentOf(occurredAt) === null) faults.push({ pointer: `${pointer}/occurredAt`, message: 'is no time that exists' });
  return faults;
}

/** What is wrong with properties whatever the type of their event. */
export function propertiesFaults(properties: Record<string, PropertyValue>, pointer: string): FieldError[] {
  const faults = Object.entries(properties).flatMap(([name, value]) => propertyFaults(name, value, `${pointer}/${segmentOf(name)}`));
  if (Object.keys(properties).length > MAX_PROPERTIES) faults.unshift({ pointer, message: `must hold at most ${MAX_PROPERTIES} properties` });
  return faults;
}

function propertyFaults(name: string, value: PropertyValue, pointer: string): FieldError[] {
  if (!NAME.test(name)) return [{ pointer, message: 'must have a name of letters, digits and underscores, at most 64, starting with a letter' }];
  if (typeof value === 'string' && value.length > MAX_TEXT) return [{ pointer, message: `must have at most ${MAX_TEXT} characters` }];
  return [];
}

/** RFC 6901 §3. */
const segmentOf = (name: string): string => name.slice(0, 100).replace(/~/g, '~0').replace(/\//g, '~1');
