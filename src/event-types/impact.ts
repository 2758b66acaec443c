import type { Actor } from '../contract/actor.js';
import type { Tx } from '../db/client.js';
import type { EventProperty, EventType } from './event-type.js';
import type { AffectedSubscription, BrokenTemplate, EventTypeImpact } from './event-types.contract.js';

/** What hangs on event types; whoever keeps it tells what a change would do to it, and takes it away with the type. */
export interface EventTypeDependents {
  templates: {
    /** @param lost names of properties that would be gone, or have another type; null: the type itself would be */
    brokenBy(name: string, lost: string[] | null): Promise<BrokenTemplate[]>;
    forget(tx: Tx, actor: Actor, name: string): Promise<void>;
  };
  subscriptions: {
    /** Those that name the type: how many, and the first `limit` of them with whether they name nothing else. */
    to(name: string, limit: number): Promise<{ count: number; first: { id: string; description: string; onlyThis: boolean }[] }>;
    forget(tx: Tx, actor: Actor, name: string): Promise<void>;
  };
}

const SHOWN = 100;

type Differences = EventTypeImpact['properties'];

/** What differs in the properties of a type; null stands for a type that is not there. */
export function differencesOf(before: EventType | null, after: EventType | null): Differences {
  const [old, next] = [before, after].map((type) => new Map((type?.properties ?? []).map((property) => [property.name, property])));
  return {
    added: [...next!.keys()].filter((name) => !old!.has(name)),
    removed: [...old!.keys()].filter((name) => !next!.has(name)),
    changed: [...next!.values()].filter((property) => isStricter(old!.get(property.name), property)).map(({ name }) => name),
  };
}

const isStricter = (before: EventProperty | undefined, after: EventProperty): boolean =>
  before !== undefined && (before.type !== after.type || (after.required && !before.required));

/** What would happen to what hangs on a type. `after` null: it is deleted. */
export async function impactOf(name: string, before: EventType | null, after: EventType | null, dependents: EventTypeDependents): Promise<Pick<EventTypeImpact, 'properties' | 'templates' | 'subscriptions' | 'subscriptionCount'>> {
  const properties = differencesOf(before, after);
  const retyped = properties.changed.filter((changed) => typeIn(before, changed) !== typeIn(after, changed));
  const templates = before === null ? [] : await dependents.templates.brokenBy(name, after === null ? null : [...properties.removed, ...retyped]);
  const isTouched = before !== null && (after === null || templates.length > 0);
  const { count, first } = isTouched ? await dependents.subscriptions.to(name, SHOWN) : { count: 0, first: [] };
  const effectOf = (onlyThis: boolean): AffectedSubscription['effect'] => (after !== null ? 'blanks' : onlyThis ? 'deleted' : 'reduced');
  return { properties, templates, subscriptions: first.map(({ id, description, onlyThis }) => ({ id, description, effect: effectOf(onlyThis) })), subscriptionCount: count };
}

const typeIn = (type: EventType | null, name: string): string | undefined => type?.properties.find((property) => property.name === name)?.type;
