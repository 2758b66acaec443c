import { setImmediate } from 'node:timers/promises';
import type { EventType } from '../event-types/catalogue.js';
import { defaultTemplate } from './defaults/default-template.js';
import { type RenderedContent, renderTemplate, TemplateError, type TemplateText } from './render.js';

export type Value = string | number | boolean | null;

/** An event, as far as its mail is concerned. */
export interface ToldEvent {
  type: string;
  properties: Record<string, Value>;
  occurredAt: Date;
}

export type EventContent = RenderedContent & { replyTo: string | null };

/** Values are cut to this length when an event is too large for its template's limits. */
const SHORTENED = 200;
/** Milliseconds that the template of one event type may take of one matching, all its events together. */
const BUDGET_MS = 3_000;

/**
 * What the subscribers of an event get. Never fails: when the template that an administrator wrote does, the default is used, and an event that is
 * too large for that is told with shortened values. `warnings` says so.
 * @param type undefined: it was known when the event was accepted, and is gone now
 * @param modified the template that an administrator wrote, if there is one
 */
export function contentOf(event: ToldEvent, type: EventType = goneType(event.type), modified?: TemplateText): EventContent {
  const values = valuesOf(type, event);
  if (modified === undefined) return byDefault(type, values);
  try {
    return { ...renderTemplate(modified, values), replyTo: modified.replyTo };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return inPlaceOf(modified, byDefault(type, values), `The template failed, so the default was used: ${error.part}: ${error.message}`);
  }
}

/**
 * What the subscribers of several events get. The process does other things in between, and a template that has used up its time is not tried with the
 * events that are left: they are told by the default.
 */
export async function renderEvents(events: readonly ToldEvent[], types: ReadonlyMap<string, EventType>, modified: ReadonlyMap<string, TemplateText>): Promise<EventContent[]> {
  const spent = new Map<string, number>();
  const contents: EventContent[] = [];
  for (const event of events) {
    const [type, template, start] = [types.get(event.type), modified.get(event.type), performance.now()];
    if (template === undefined) contents.push(contentOf(event, type));
    else if ((spent.get(event.type) ?? 0) < BUDGET_MS) contents.push(contentOf(event, type, template));
    else contents.push(inPlaceOf(template, contentOf(event, type), 'The template took too long with other events, so the default was used.'));
    spent.set(event.type, (spent.get(event.type) ?? 0) + performance.now() - start);
    await setImmediate();
  }
  return contents;
}

const inPlaceOf = ({ replyTo }: TemplateText, content: EventContent, warning: string): EventContent => ({ ...content, replyTo, warnings: [warning, ...content.warnings] });

function byDefault(type: EventType, values: Record<string, Value>): EventContent {
  const template = defaultTemplate(type);
  try {
    return { ...renderTemplate(template, values), replyTo: template.replyTo };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    const content = renderTemplate(template, shortened(values));
    return { ...content, replyTo: template.replyTo, warnings: [...content.warnings, `Long values were cut: ${error.message}`] };
  }
}

/** The macros of an event: its properties, and what Mailroom fills in. */
export function valuesOf(type: EventType, { properties, occurredAt }: Pick<ToldEvent, 'properties' | 'occurredAt'>): Record<string, Value> {
  return {
    ...properties,
    EventName: type.name,
    EventDisplayName: type.displayName,
    EventDescription: type.description,
    EventTimestamp: occurredAt.toISOString(),
  };
}

/** A type that was known when the event was accepted and is gone now is still told, by its name. */
function goneType(name: string): EventType {
  return { name, category: 'Other', displayName: name, description: name, level: 'info', builtIn: false, properties: [] };
}

const shortened = (values: Record<string, Value>): Record<string, Value> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, typeof value === 'string' && value.length > SHORTENED ? `${value.slice(0, SHORTENED).toWellFormed()}…` : value]));
