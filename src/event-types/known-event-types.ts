import type { Tx } from '../db/client.js';
import { type FieldError, MailroomError } from '../errors.js';
import { builtInEventTypes, type EventLevel, type EventType } from './catalogue.js';
import { toEventType } from './custom.js';
import type { EventTypesRepository } from './event-types.repository.js';

export type EventTypeHead = Pick<EventType, 'name' | 'category' | 'displayName' | 'description' | 'level'>;

/** Every event type: the built-in ones, which cost nothing, and those of other services, which are read each time, so that no process knows an old one. */
export class KnownEventTypes {
  constructor(private readonly custom: EventTypesRepository) {}

  async find(name: string): Promise<EventType | null> {
    return (await this.findMany([name])).get(name) ?? null;
  }

  /** Those of `names` that exist. */
  async findMany(names: Iterable<string>): Promise<Map<string, EventType>> {
    const wanted = [...new Set(names)];
    const others = wanted.filter((name) => !builtInEventTypes.has(name));
    const rows = others.length === 0 ? [] : await this.custom.findMany(others);
    return new Map([...wanted.flatMap((name) => builtInEventTypes.get(name) ?? []), ...rows.map(toEventType)].map((type) => [type.name, type]));
  }

  /** All of them, without their properties. */
  async heads(): Promise<EventTypeHead[]> {
    return [...builtInEventTypes.values(), ...(await this.custom.heads()).map((row) => ({ ...row, level: row.level as EventLevel }))];
  }

  /** Whether there is such a type; it then stays until the transaction ends. */
  async stays(tx: Tx, name: string): Promise<boolean> {
    return builtInEventTypes.has(name) || (await this.custom.lockShared(tx, [name])).length > 0;
  }

  /** Throws EVENT_TYPE_UNKNOWN for names that do not exist; those that do stay until the transaction ends. */
  async refuseUnknown(tx: Tx, names: string[], pointerOf: (index: number) => string): Promise<void> {
    const others = names.filter((name) => !builtInEventTypes.has(name));
    const found = new Set(others.length === 0 ? [] : await this.custom.lockShared(tx, others));
    const errors: FieldError[] = names.flatMap((name, index) =>
      builtInEventTypes.has(name) || found.has(name) ? [] : [{ pointer: pointerOf(index), message: `names no event type: ${name.slice(0, 100)}` }]);
    if (errors.length > 0) throw new MailroomError('invalid', 'EVENT_TYPE_UNKNOWN', 'Some of the event types do not exist. GET /v1/event-types lists those that do.', errors.slice(0, 100));
  }
}
