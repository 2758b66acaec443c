import { BUILT_IN_NAMES } from './built-in.js';
import { describeEventType } from './describe.js';
import { displayNameOf } from './display-name.js';
import type { EventLevel, EventType } from './event-type.js';
import { propertiesOf } from './properties.js';

export { commonProperties } from './properties.js';
export { sampleValue } from './samples.js';

export type { EventLevel, EventProperty, EventType, PropertyType } from './event-type.js';

/** How serious an event is, told from its name: a failure, something that needs attention soon, or news. */
export function levelOf(name: string): EventLevel {
  if (/Failed|Error/.test(name)) return 'error';
  return /Warning|Expiring|Expired|Mismatch|Lost/.test(name) ? 'warning' : 'info';
}

function builtIn(name: string, category: string): EventType {
  const level = levelOf(name);
  const properties = propertiesOf(name, category, level);
  return { name, category, displayName: displayNameOf(name), description: describeEventType(name), level, builtIn: true, properties };
}

const byName = (a: EventType, b: EventType): number => (a.name < b.name ? -1 : 1);

const types = Object.entries(BUILT_IN_NAMES)
  .flatMap(([category, names]) => names.trim().split(/\s+/).map((name) => builtIn(name, category)))
  .sort(byName);

/** The event types that Mailroom knows from the start, by name, in the order of their names (code units, A to Z). */
export const builtInEventTypes: ReadonlyMap<string, EventType> = new Map(types.map((type) => [type.name, type]));
