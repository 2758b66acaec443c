import { setImmediate } from 'node:timers/promises';
import type { EventType } from '../event-types/catalogue.js';
import { defaultTemplate } from './defaults/default-template.js';
import { htmlFromText } from './html-from-text.js';
import { oneLine, shorten } from './plain-text.js';
import { type RenderedContent, renderTemplate, TemplateError, type TemplateText } from './render.js';

export type Value = string | number | boolean | null;

/** An event, as far as its mail is concerned. */
export interface ToldEvent {
  type: string;
  properties: Record<string, Value>;
  occurredAt: Date;
}

export type EventContent = RenderedContent & { replyTo: string | null };

/** Of a mail that no template makes: values, and characters of each. */
const [MOST_VALUES, SHORTENED] = [100, 200];
/** Milliseconds that the template of one event type may take of one matching, all its events together. */
const BUDGET_MS = 3_000;

/**
 * What the subscribers of an event get. Never fails, for the mail of other events would wait with it: when the template that an administrator wrote does,
 * the default is used, and without that the values stand as they are. `warnings` says so.
 * @param type undefined: it was known when the event was accepted, and is gone now
 * @param modified the template that an administrator wrote, if there is one
 */
export function contentOf(event: ToldEvent, type: EventType = goneType(event.type), modified?: TemplateText): EventContent {
  const values = valuesOf(type, event);
  if (modified === undefined) return byDefault(type, values);
  try {
    return { ...renderTemplate(modified, values), replyTo: modified.replyTo };
  } catch (error) {
    return inPlaceOf(modified, byDefault(type, values), `The template failed, so the default was used: ${wordsOf(error)}`);
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
    return withoutTemplate(type, values, `No template could be used, so the values stand as they are: ${wordsOf(error)}`);
  }
}

function withoutTemplate({ displayName, name }: EventType, values: Record<string, Value>, warning: string): EventContent {
  const subject = shorten(oneLine(displayName) || name);
  const lines = Object.entries(values).filter(([, value]) => value !== null && value !== '').slice(0, MOST_VALUES).map(([key, value]) => `${key}: ${shorten(oneLine(String(value)), SHORTENED)}`);
  const text = [subject, '', ...lines].join('\n');
  return { subject, textBody: `${text}\n`, htmlBody: htmlFromText(subject, text), replyTo: null, warnings: [warning] };
}

const wordsOf = (error: unknown): string => (error instanceof TemplateError ? oneLine(`${error.part}: ${error.message}`) : 'a fault of Mailroom.');

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
