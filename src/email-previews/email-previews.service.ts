import type { Actor } from '../contract/actor.js';
import type { Tx } from '../db/client.js';
import { invalid, MailroomError } from '../errors.js';
import { refuseFaulty, sampleValues, warningsOf } from '../email-templates/check.js';
import { type EmailTemplatesService, textsOf } from '../email-templates/email-templates.service.js';
import { contentOf, type EventContent, valuesOf } from '../email-templates/event-content.js';
import { shorten } from '../email-templates/plain-text.js';
import { renderTemplate } from '../email-templates/render.js';
import type { Email } from '../emails/emails.contract.js';
import type { EmailsService } from '../emails/emails.service.js';
import type { EventType } from '../event-types/catalogue.js';
import type { EventPublish, PropertyValue } from '../events/events.contract.js';
import type { EventsService } from '../events/events.service.js';
import { propertiesFaults } from '../events/validate.js';
import { type Answer, claimOf, type IdempotencyService } from '../idempotency/idempotency.service.js';
import { checkMailbox } from '../smtp/mailbox-fault.js';
import type { EmailPreview, PreviewValues, SendTestRequest, UnsavedPreviewRequest } from './email-previews.contract.js';

export interface EmailPreviewsParts {
  templates: EmailTemplatesService;
  events: EventsService;
  emails: EmailsService;
  idempotency: IdempotencyService;
  isClientEnabled(): Promise<boolean>;
}

interface Filling {
  source: EmailPreview['source'];
  properties: Record<string, PropertyValue>;
  occurredAt: Date;
}

/** Shows and tries templates. */
export class EmailPreviewsService {
  constructor(private readonly parts: EmailPreviewsParts) {}

  /** The mail that an event would make now, with all that makes up for a template that fails. */
  async saved(actor: Actor, eventType: string, values: PreviewValues): Promise<EmailPreview> {
    const { type, modified } = await this.parts.templates.current(eventType);
    const filling = await this.fillingOf(actor, type, values);
    const content = contentOf({ type: type.name, ...filling }, type, modified);
    return shown(type, filling, content, modified === undefined ? [] : warningsOf(modified, type));
  }

  /** What a template would make; one that fails is a problem with the place of the fault. */
  async unsaved(actor: Actor, { eventType, subject, textBody, htmlBody, replyTo, ...values }: UnsavedPreviewRequest): Promise<EmailPreview> {
    const type = await this.parts.templates.typeNamed(eventType, '/eventType');
    const template = textsOf({ subject, textBody, htmlBody: htmlBody ?? null, replyTo: replyTo ?? null });
    refuseFaulty(template, type);
    const filling = await this.fillingOf(actor, type, values);
    const content = { ...renderTemplate(template, valuesOf(type, filling)), replyTo: template.replyTo };
    return shown(type, filling, content, warningsOf(template, type));
  }

  /** Makes a mail of the saved template for one address, and sends it as any other: from a row, over the queue. */
  async sendTest(actor: Actor, eventType: string, { sendTo, ...values }: SendTestRequest, idempotencyKey: string | undefined): Promise<Answer<Email>> {
    const fault = checkMailbox(sendTo);
    if (fault !== null) throw invalid('EMAIL_ADDRESS_INVALID', '/sendTo', fault);
    const claim = claimOf(actor, `sendTestEmail ${eventType}`, idempotencyKey, { sendTo, ...values });
    const prepared = this.prepareTest(actor, eventType, values);
    await Promise.allSettled([prepared]); // what is wrong is told only when the answer is not one that was given before
    const make = async (tx: Tx): Promise<Email> => {
      const { event, content } = await prepared;
      const { id } = await this.parts.events.recordTest(tx, actor, event);
      return this.parts.emails.makeOne(tx, { eventId: id, ...content }, sendTo);
    };
    const answer = await this.parts.idempotency.once(claim, make, false);
    if (!answer.replayed) await this.parts.emails.nudge([answer.response.id]);
    return answer;
  }

  /** A mail that was sent to try a template, as it is now. */
  async testEmail(actor: Actor, id: string): Promise<Email> {
    const { attempts: _attempts, ...email } = await this.parts.emails.get(actor, id);
    return email;
  }

  private async prepareTest(actor: Actor, eventType: string, values: PreviewValues): Promise<{ event: EventPublish; content: EventContent }> {
    const { type, modified } = await this.parts.templates.current(eventType);
    const { properties, occurredAt } = await this.fillingOf(actor, type, values);
    if (!(await this.parts.isClientEnabled())) throw disabled();
    const content = contentOf({ type: type.name, properties, occurredAt }, type, modified);
    return { event: { type: type.name, properties, occurredAt: occurredAt.toISOString() }, content: { ...content, subject: shorten(`[Test] ${content.subject}`) } };
  }

  private async fillingOf(actor: Actor, type: EventType, { properties, eventId }: PreviewValues): Promise<Filling> {
    if (properties !== undefined && eventId !== undefined) throw invalid('PREVIEW_AMBIGUOUS', '/eventId', 'must be left out when properties is given');
    if (eventId !== undefined) return this.pastEvent(actor, type, eventId);
    if (properties === undefined) return { source: 'samples', properties: sampleValues(type), occurredAt: new Date() };
    const faults = propertiesFaults(properties, '/properties');
    if (faults.length > 0) throw new MailroomError('invalid', 'EVENT_INVALID', `${faults[0]!.pointer} ${faults[0]!.message}.`, faults.slice(0, 100));
    return { source: 'properties', properties, occurredAt: new Date() };
  }

  private async pastEvent(actor: Actor, type: EventType, eventId: string): Promise<Filling> {
    const event = await this.parts.events.find(actor, eventId);
    if (event === null) throw invalid('EVENT_UNKNOWN', '/eventId', 'names no event; GET /v1/events lists those that are kept');
    if (event.type !== type.name) throw invalid('EVENT_TYPE_DIFFERS', '/eventId', `names an event of the type ${event.type}, not ${type.name}`);
    return { source: 'event', properties: event.properties, occurredAt: new Date(event.occurredAt) };
  }
}

function shown(type: EventType, { source, ...event }: Filling, { subject, textBody, htmlBody, replyTo, warnings }: EventContent, ofTemplate: string[]): EmailPreview {
  return { eventType: type.name, subject, textBody, htmlBody, replyTo, warnings: [...ofTemplate, ...warnings], source, properties: valuesOf(type, event) };
}

const disabled = (): MailroomError =>
  new MailroomError('conflict', 'SMTP_DISABLED', 'The e-mail client is disabled (serverAddress is null). Save SMTP settings first (PUT /v1/smtp-settings).');
