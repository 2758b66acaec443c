import type { Uuid } from '../contract/scalars.js';
import type { EmailTemplateTexts } from '../email-templates/email-templates.contract.js';
import type { PropertyValue } from '../events/events.contract.js';

/**
 * What to fill the macros with: `properties`, or those of the past event `eventId`; neither: samples that look real. `EventName`, `EventDisplayName`, `EventDescription` and
 * `EventTimestamp` are filled in by Mailroom.
 */
export interface PreviewValues {
  /**
   * The properties of an event, as when it is published; those alone, without samples.
   * @example { "AccountName": "svc-backup", "AssetName": "db-prod-01" }
   */
  properties?: { [name: string]: PropertyValue };
  /** A past event of this type. */
  eventId?: Uuid;
}

/** @example { "properties": { "AccountName": "svc-backup", "AssetName": "db-prod-01" } } */
export type SavedPreviewRequest = PreviewValues;

/**
 * A template that is not saved.
 * @example {
 *   "eventType": "PasswordCheckFailed", "subject": "Password check failed: {{ AccountName }}",
 *   "textBody": "The password of {{ AccountName }} on {{ AssetName }} could not be checked.", "htmlBody": null
 * }
 */
export interface UnsavedPreviewRequest extends PreviewValues, EmailTemplateTexts {
  /**
   * Name of the event type.
   * @minLength 1 must be the name of an event type
   * @maxLength 100 must be the name of an event type
   */
  eventType: string;
  /**
   * @maxLength 512 must have at most 512 characters
   * @default null
   */
  replyTo?: string | null;
}

/** How a mail would read. Nothing was saved or sent. */
export interface EmailPreview {
  eventType: string;
  /** One line, at most 255 characters. */
  subject: string;
  textBody: string;
  /** The HTML part, the template's or made from the text. It is a whole document. */
  htmlBody: string;
  replyTo: string | null;
  /** What does not look right: macros that the event type does not have, parts that rendered blank, a template that failed. */
  warnings: string[];
  /** Where the values came from. */
  source: 'samples' | 'properties' | 'event';
  /** The values that the macros were filled with. */
  properties: { [name: string]: PropertyValue };
}

/** @example { "sendTo": "you@example.com" } */
export interface SendTestRequest extends PreviewValues {
  /**
   * Where the mail goes.
   * @maxLength 320 must have at most 320 characters
   * @example "you@example.com"
   */
  sendTo: string;
}
