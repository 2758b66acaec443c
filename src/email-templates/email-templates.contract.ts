import type { PageQuery } from '../contract/page.js';
import type { Timestamp } from '../contract/scalars.js';
import type { EventLevel } from '../event-types/event-type.js';

/** A template in the list: without its bodies. */
export interface EmailTemplateSummary {
  /** @example "PasswordCheckFailed" */
  eventType: string;
  /** @example "Password Check Failed" */
  displayName: string;
  category: string;
  level: EventLevel;
  /** One line. Macros are allowed. */
  subject: string;
  /** False: it is the default. */
  isModified: boolean;
  /** When it was changed last; null for a default. */
  updatedAt: Timestamp | null;
  /** Name of the key that made the last change; null for a default. */
  updatedBy: string | null;
}

/** How the e-mails of an event type read. Macros are written `{{ Name }}`, in the Liquid language. */
export interface EmailTemplate extends EmailTemplateSummary {
  /** The plain text part. */
  textBody: string;
  /** The HTML part; null: made from the text. */
  htmlBody: string | null;
  /** The Reply-To address; null: none. */
  replyTo: string | null;
  /** What does not look right, such as macros that the event type does not have. They render blank; the template works. */
  warnings: string[];
}

export interface EmailTemplatePage {
  items: EmailTemplateSummary[];
  /** Ask for the next page with it; null on the last page. */
  nextCursor: string | null;
}

export type EmailTemplateOrder =
  | 'eventType' | '-eventType' | 'displayName' | '-displayName' | 'category' | '-category' | 'level' | '-level'
  | 'isModified' | '-isModified' | 'updatedAt' | '-updatedAt';

export interface EmailTemplateQuery extends PageQuery {
  /**
   * Only templates whose event type's name, display name or description, or whose own subject, contains this text, whatever its case.
   * @maxLength 100 must have at most 100 characters
   */
  q?: string;
  /**
   * Only this category, such as AccessRequest or PasswordManagement.
   * @maxLength 100 must have at most 100 characters
   */
  category?: string;
  /** True: only templates that differ from the default; false: only defaults. */
  isModified?: boolean;
  /**
   * What to sort by; with a hyphen in front, descending. What is alike is in the order of names.
   * @default "eventType"
   */
  sort?: EmailTemplateOrder;
}

/** The texts of a template. */
export interface EmailTemplateTexts {
  /**
   * One line, with macros. Whatever the values are, they stay on that line.
   * @minLength 1 must have 1 to 1024 characters
   * @maxLength 1024 must have 1 to 1024 characters
   */
  subject: string;
  /**
   * The plain text part, with macros.
   * @minLength 1 must have 1 to 16384 characters
   * @maxLength 16384 must have 1 to 16384 characters
   */
  textBody: string;
  /**
   * The HTML part, with macros; their values are escaped. null or left out: a mail that reads well, in dark mode too, is made from the text.
   * @maxLength 65536 must have at most 65536 characters
   * @default null
   */
  htmlBody?: string | null;
}

/**
 * @example {
 *   "subject": "Password check failed: {{ AccountName }}",
 *   "textBody": "The password of {{ AccountName }} on {{ AssetName | default: \"an asset\" }} could not be checked.\n\n{% if ErrorMessage %}Reason:   {{ ErrorMessage }}\n{% endif %}Time:     {{ EventTimestamp }}\n",
 *   "replyTo": "helpdesk@example.com"
 * }
 */
export interface EmailTemplateWrite extends EmailTemplateTexts {
  /**
   * The address that answers go to.
   * @maxLength 512 must have at most 512 characters
   * @default null
   */
  replyTo?: string | null;
  /** Read-only: accepted and ignored. */
  eventType?: string;
  /** Read-only: accepted and ignored. */
  displayName?: string;
  /** Read-only: accepted and ignored. */
  category?: string;
  /** Read-only: accepted and ignored. */
  level?: string;
  /** Read-only: accepted and ignored. */
  isModified?: boolean;
  /** Read-only: accepted and ignored. */
  warnings?: string[];
  /** Read-only: accepted and ignored. */
  updatedAt?: string | null;
  /** Read-only: accepted and ignored. */
  updatedBy?: string | null;
}
