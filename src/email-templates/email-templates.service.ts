import type { EventType } from '../event-types/catalogue.js';
import type { EventTypeQuery } from '../event-types/event-types.contract.js';
import type { EventTypesService } from '../event-types/event-types.service.js';
import { defaultTemplate } from './defaults/default-template.js';
import type { EmailTemplate, EmailTemplatePage } from './email-templates.contract.js';
import { renderTemplate, TemplateError, type RenderedContent } from './render.js';

type Value = string | number | boolean | null;

/** Values are cut to this length when an event is too large for its template's limits. */
const SHORTENED = 200;

export class EmailTemplatesService {
  constructor(private readonly eventTypes: EventTypesService) {}

  list(query: EventTypeQuery): EmailTemplatePage {
    const { items, nextCursor } = this.eventTypes.list(query);
    return { items: items.map((type) => ({ ...nameOf(type), subject: defaultTemplate(type).subject })), nextCursor };
  }

  get(eventType: string): EmailTemplate {
    const type = this.eventTypes.get(eventType);
    return { ...nameOf(type), ...defaultTemplate(type) };
  }

  /** What the subscribers of an event get. Never fails: an event that is too large for its template is told with shortened values. */
  render(eventType: string, event: { properties: Record<string, Value>; occurredAt: Date }): RenderedContent & { replyTo: string | null } {
    const type = this.eventTypes.find(eventType) ?? goneType(eventType);
    const template = defaultTemplate(type);
    const values = valuesOf(type, event);
    try {
      return { ...renderTemplate(template, values), replyTo: template.replyTo };
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      const content = renderTemplate(template, shortened(values));
      return { ...content, replyTo: template.replyTo, warnings: [...content.warnings, `Long values were cut: ${error.message}`] };
    }
  }
}

const nameOf = ({ name, displayName, category }: EventType): { eventType: string; displayName: string; category: string } => ({ eventType: name, displayName, category });

/** A type that was known when the event was accepted and is gone now is still told, by its name. */
function goneType(name: string): EventType {
  return { name, category: 'Other', displayName: name, description: name, level: 'info', builtIn: false, properties: [] };
}

function valuesOf(type: EventType, { properties, occurredAt }: { properties: Record<string, Value>; occurredAt: Date }): Record<string, Value> {
  return {
    ...properties,
    EventName: type.name,
    EventDisplayName: type.displayName,
    EventDescription: type.description,
    EventTimestamp: occurredAt.toISOString(),
  };
}

const shortened = (values: Record<string, Value>): Record<string, Value> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, typeof value === 'string' && value.length > SHORTENED ? `${value.slice(0, SHORTENED).toWellFormed()}…` : value]));
