import { pageOf, sliceOf } from '../contract/page.js';
import { notFound } from '../errors.js';
import { builtInEventTypes, type EventType } from './catalogue.js';
import type { EventTypePage, EventTypeQuery, EventTypeResource } from './event-types.contract.js';

export class EventTypesService {
  /** In the order of their names. */
  list(query: EventTypeQuery): EventTypePage {
    const slice = sliceOf(query);
    const found = [...builtInEventTypes.values()].filter((type) => isWanted(type, query) && (slice.after === null || type.name > slice.after));
    return pageOf(found.slice(0, slice.limit + 1), slice.limit, (type) => type.name, (type) => type);
  }

  get(name: string): EventTypeResource {
    const type = this.find(name);
    if (type === null) throw notFound('event type', name);
    return type;
  }

  find(name: string): EventType | null {
    return builtInEventTypes.get(name) ?? null;
  }
}

function isWanted(type: EventType, { q, category }: EventTypeQuery): boolean {
  if (category !== undefined && type.category !== category) return false;
  if (q === undefined) return true;
  const wanted = q.toLowerCase();
  return [type.name, type.displayName, type.description].some((text) => text.toLowerCase().includes(wanted));
}
