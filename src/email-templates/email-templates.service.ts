import { changeResource, recordChanges, type ResourceChange } from '../audit-log/change-resource.js';
import type { Actor } from '../contract/actor.js';
import { digestOf, livingEtag } from '../contract/etag.js';
import { pageOf, sliceOf } from '../contract/page.js';
import { refuseStale } from '../contract/preconditions.js';
import type { Database, Tx } from '../db/client.js';
import { invalid, notFound } from '../errors.js';
import type { EventType } from '../event-types/catalogue.js';
import type { BrokenTemplate } from '../event-types/event-types.contract.js';
import type { EventTypeHead, KnownEventTypes } from '../event-types/known-event-types.js';
import { checkMailbox } from '../smtp/mailbox-fault.js';
import { refuseFaulty, warningsOf } from './check.js';
import { defaultTemplate } from './defaults/default-template.js';
import type { EmailTemplate, EmailTemplatePage, EmailTemplateQuery, EmailTemplateWrite } from './email-templates.contract.js';
import type { EmailTemplateData, EmailTemplateRow, EmailTemplatesRepository, StoredSummary } from './email-templates.repository.js';
import { orderBy } from './order.js';
import { templateMacros, type TemplateText } from './render.js';

const TYPE = 'emailTemplate';

/** Of what an administrator wrote: the names and properties of the event type, which come along, are changed elsewhere. */
const writtenEtag = ({ subject, textBody, htmlBody, replyTo, isModified, updatedAt }: EmailTemplate): string => digestOf({ subject, textBody, htmlBody, replyTo, isModified, updatedAt });
export const etagOfTemplate = (template: EmailTemplate): string => livingEtag(writtenEtag(template), template);

export class EmailTemplatesService {
  constructor(
    private readonly db: Database,
    private readonly templates: EmailTemplatesRepository,
    private readonly eventTypes: KnownEventTypes,
  ) {}

  async list(query: EmailTemplateQuery): Promise<EmailTemplatePage> {
    const slice = sliceOf(query);
    const order = orderBy<ListedTemplate>(query.sort ?? 'eventType');
    const [types, stored] = await Promise.all([this.eventTypes.heads(), this.templates.summaries()]);
    const modified = new Map(stored.map((row) => [row.eventType, row]));
    const isAfter = slice.after === null ? () => true : order.isAfter(slice.after);
    const wanted = types.map((type) => listed(type, modified.get(type.name))).filter((template) => isWanted(template, query) && isAfter(template));
    const page = pageOf(wanted.sort(order.compare).slice(0, slice.limit + 1), slice.limit, order.placeOf, (template) => template);
    const shown = await this.eventTypes.findMany(page.items.map(({ eventType }) => eventType));
    return { ...page, items: page.items.flatMap((template) => (shown.has(template.eventType) ? toSummary(template, shown.get(template.eventType)!) : [])) };
  }

  async get(eventType: string): Promise<EmailTemplate> {
    return toEmailTemplate(await this.typeOf(eventType), await this.templates.find(eventType));
  }

  /** Saves a template. One that says just what the default says is the default, and follows it. */
  async put(actor: Actor, eventType: string, write: EmailTemplateWrite, ifMatch: string | undefined): Promise<EmailTemplate> {
    const type = await this.typeOf(eventType);
    const texts = textsOf(write);
    refuseFaulty(texts, type);
    if (isDefault(type, texts)) return this.reset(actor, eventType, ifMatch);
    const before = await this.templates.find(eventType);
    if (before !== null && isSame(texts, before)) {
      refuseStale({ ifMatch }, writtenEtag(toEmailTemplate(type, before)));
      return toEmailTemplate(type, before);
    }
    const row = await changeResource<EmailTemplateRow, EmailTemplateRow | null>(this.db, actor, {
      ...this.changeOf(type, ifMatch),
      load: (tx) => this.lock(tx, type),
      apply: (tx) => this.templates.save(tx, { eventType, ...texts, updatedBy: actor.name }),
    });
    return toEmailTemplate(type, row);
  }

  /** Back to the default. */
  async reset(actor: Actor, eventType: string, ifMatch: string | undefined): Promise<EmailTemplate> {
    const type = await this.typeOf(eventType);
    const row = await this.templates.find(eventType);
    if (row === null) {
      refuseStale({ ifMatch }, writtenEtag(toEmailTemplate(type, null)));
      return toEmailTemplate(type, null); // nothing to change, or to record
    }
    await changeResource<null, EmailTemplateRow | null>(this.db, actor, {
      ...this.changeOf(type, ifMatch),
      load: (tx) => this.lock(tx, type),
      apply: async (tx) => {
        await this.templates.delete(tx, eventType);
        return null;
      },
    });
    return toEmailTemplate(type, null);
  }

  /** An event type, and the template that an administrator wrote for it; undefined: the default is used. */
  async current(eventType: string): Promise<{ type: EventType; modified: TemplateText | undefined }> {
    return { type: await this.typeOf(eventType), modified: (await this.templates.find(eventType)) ?? undefined };
  }

  /** @param pointer where the name stands in the body */
  async typeNamed(eventType: string, pointer: string): Promise<EventType> {
    const type = await this.eventTypes.find(eventType);
    if (type === null) throw invalid('EVENT_TYPE_UNKNOWN', pointer, 'names no event type; GET /v1/event-types lists those that exist');
    return type;
  }

  /** The types and the templates that were changed of those `names` that exist, for events that are to be rendered. */
  async forRendering(names: string[]): Promise<{ types: Map<string, EventType>; modified: Map<string, TemplateText> }> {
    const [types, rows] = await Promise.all([this.eventTypes.findMany(names), this.templates.findMany(names)]);
    return { types, modified: new Map(rows.map((row) => [row.eventType, row])) };
  }

  /** The template of a type, when an administrator wrote it and it uses one of these properties; with null the template that goes with the type. */
  async brokenBy(eventType: string, lost: string[] | null): Promise<BrokenTemplate[]> {
    const row = await this.templates.find(eventType);
    if (row === null) return [];
    if (lost === null) return [{ eventType, macros: [], message: 'is deleted together with its event type' }];
    const macros = templateMacros(row).filter((name) => lost.includes(name));
    return macros.length === 0 ? [] : [{ eventType, macros, message: `uses ${macros.map((name) => `{{ ${name} }}`).join(', ')}, which would render blank or have a value of another type` }];
  }

  /** The event type is deleted: its template goes with it. */
  async forget(tx: Tx, actor: Actor, eventType: string): Promise<void> {
    const row = await this.templates.find(eventType, tx);
    if (row === null) return;
    await this.templates.delete(tx, eventType);
    await recordChanges(tx, actor, TYPE, [{ id: eventType, before: describe(row), after: null }]);
  }

  private async typeOf(eventType: string): Promise<EventType> {
    const type = await this.eventTypes.find(eventType);
    if (type === null) throw notFound('event type', eventType);
    return type;
  }

  private async lock(tx: Tx, type: EventType): Promise<EmailTemplateRow | null> {
    if (!(await this.eventTypes.stays(tx, type.name))) throw notFound('event type', type.name); // it was deleted just now
    return this.templates.lock(tx, type.name);
  }

  private changeOf(type: EventType, ifMatch: string | undefined): Omit<ResourceChange<EmailTemplateRow | null, EmailTemplateRow | null>, 'load' | 'apply'> {
    return { type: TYPE, id: type.name, ifMatch, etag: (row: EmailTemplateRow | null) => writtenEtag(toEmailTemplate(type, row)), describe };
  }
}

/** What a list is searched and sorted by; its subject is made for those that are shown. */
type ListedTemplate = Omit<EmailTemplatePage['items'][number], 'subject'> & { type: EventTypeHead; stored: StoredSummary | undefined };

function listed(type: EventTypeHead, stored: StoredSummary | undefined): ListedTemplate {
  const { name, displayName, category, level } = type;
  return { eventType: name, displayName, category, level, isModified: stored !== undefined, updatedAt: stored?.updatedAt.toISOString() ?? null, updatedBy: stored?.updatedBy ?? null, type, stored };
}

function isWanted({ type, stored, isModified }: ListedTemplate, query: EmailTemplateQuery): boolean {
  if (query.category !== undefined && type.category !== query.category) return false;
  if (query.isModified !== undefined && isModified !== query.isModified) return false;
  const wanted = query.q?.toLowerCase() ?? '';
  return [type.name, type.displayName, type.description, stored?.subject ?? ''].some((text) => text.toLowerCase().includes(wanted));
}

function toSummary({ stored, eventType, displayName, category, level, isModified, updatedAt, updatedBy }: ListedTemplate, type: EventType): EmailTemplatePage['items'][number] {
  return { eventType, displayName, category, level, subject: stored?.subject ?? defaultTemplate(type).subject, isModified, updatedAt, updatedBy };
}

function toEmailTemplate(type: EventType, row: EmailTemplateRow | null): EmailTemplate {
  const { subject, textBody, htmlBody, replyTo } = row ?? defaultTemplate(type);
  const summary = toSummary(listed(type, row ?? undefined), type);
  return { ...summary, subject, textBody, htmlBody, replyTo, warnings: row === null ? [] : warningsOf(row, type) };
}

/** An empty HTML part is none. */
export const textsOf = ({ subject, textBody, htmlBody, replyTo }: EmailTemplateWrite): TemplateText => {
  const fault = replyTo == null ? null : checkMailbox(replyTo);
  if (fault !== null) throw invalid('EMAIL_ADDRESS_INVALID', '/replyTo', fault);
  for (const [field, text] of Object.entries({ subject, textBody })) if (text.trim() === '') throw invalid('TEMPLATE_BLANK', `/${field}`, 'must not be blank');
  return { subject, textBody, htmlBody: htmlBody?.trim() ? htmlBody : null, replyTo: replyTo ?? null };
};

const isDefault = (type: EventType, texts: TemplateText): boolean => isSame(texts, defaultTemplate(type));

const isSame = (one: TemplateText, other: TemplateText): boolean => (['subject', 'textBody', 'htmlBody', 'replyTo'] as const).every((field) => one[field] === other[field]);

const describe = ({ subject, textBody, htmlBody, replyTo }: EmailTemplateData | EmailTemplateRow): { [field: string]: string | null } => ({ subject, textBody, htmlBody, replyTo });
