import { momentOf } from '../contract/time.js';
import type { FieldError } from '../errors.js';
import type { EventProperty, EventType, PropertyType } from './event-type.js';

type Value = string | number | boolean | null;

const RFC3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/;
/** What parsers of addresses forgive, no URI has: blanks and controls (RFC 3986 §2). */
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:[^\s\p{Cc}]*$/u;

const TYPES: Readonly<Record<PropertyType, { fits(value: Value): boolean; words: string }>> = {
  string: { fits: (value) => typeof value === 'string', words: 'a string' },
  integer: { fits: Number.isSafeInteger, words: 'a whole number' },
  number: { fits: (value) => typeof value === 'number', words: 'a number' },
  boolean: { fits: (value) => typeof value === 'boolean', words: 'true or false' },
  dateTime: { fits: (value) => typeof value === 'string' && RFC3339.test(value) && momentOf(value) !== null, words: 'an RFC 3339 time, such as 2026-03-01T09:30:00Z' },
  uri: { fits: (value) => typeof value === 'string' && SCHEME.test(value) && URL.canParse(value), words: 'an absolute URI, such as https://example.com/42' },
};

/**
 * What is wrong with the properties of an event by its type: those that are required and missing (null counts as missing), and values of another
 * type than was declared. Built-in types are lenient: publishers differ in what they know. Properties that are not declared are kept as they are.
 * @param pointer to the properties in the body
 */
export function valueFaults(type: EventType, properties: Readonly<Record<string, Value>>, pointer: string): FieldError[] {
  return type.builtIn ? [] : type.properties.flatMap((property) => {
    const value = Object.hasOwn(properties, property.name) ? properties[property.name]! : null;
    const message = faultOf(property, value);
    return message === null ? [] : [{ pointer: `${pointer}/${property.name}`, message }];
  });
}

function faultOf({ type, required }: EventProperty, value: Value): string | null {
  const { fits, words } = TYPES[type];
  if (value === null) return required ? `is required: ${words}` : null;
  return fits(value) ? null : `must be ${words}`;
}
