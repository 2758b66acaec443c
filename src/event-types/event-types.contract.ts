import type { PageQuery } from '../contract/page.js';
import type { Timestamp } from '../contract/scalars.js';
import type { DeliveryPolicy, EventLevel, EventProperty, PropertyType } from './event-type.js';

/** A kind of event that services publish and people subscribe to. */
export interface EventTypeResource {
  /** Tells it from the impact that a dry run answers with. */
  kind: 'eventType';
  /** @example "PasswordCheckFailed" */
  name: string;
  /** @example "PasswordManagement" */
  category: string;
  /** @example "Password Check Failed" */
  displayName: string;
  description: string;
  level: EventLevel;
  /** True for the types that Mailroom comes with. */
  builtIn: boolean;
  /**
   * What an event of this type usually carries; each is a macro of its template. Those of every event come first. Built-in types require none,
   * and `EventName`, `EventDisplayName`, `EventDescription` and `EventTimestamp` are filled in by Mailroom.
   */
  properties: EventProperty[];
  deliveryPolicy: DeliveryPolicy;
  /** Null for a built-in type that nobody changed. */
  updatedAt: Timestamp | null;
  /** Name of the key that made the last change; null for a built-in type that nobody changed. */
  updatedBy: string | null;
}

/** A property that events of a type can carry. */
export interface EventPropertyWrite {
  /**
   * Its name, which is the name of the macro too.
   * @pattern ^[A-Za-z][A-Za-z0-9_]{0,63}$ must have 1 to 64 letters, digits and underscores, starting with a letter
   * @example "InvoiceNumber"
   */
  name: string;
  /** `dateTime` is an RFC 3339 time, `uri` an absolute address with its scheme (RFC 3986). */
  type: PropertyType;
  /**
   * What it is, for people who write templates.
   * @maxLength 500 must have at most 500 characters
   * @default ""
   */
  description?: string;
  /**
   * True: an event without it is refused.
   * @default false
   */
  required?: boolean;
}

/**
 * An event type of your own; or the delivery policy of a built-in one, whose other fields may be left out.
 * @example {
 *   "displayName": "Invoice Paid", "category": "Billing", "level": "info", "description": "A customer has paid an invoice.",
 *   "properties": [
 *     { "name": "InvoiceNumber", "type": "string", "description": "Number of the invoice.", "required": true },
 *     { "name": "Amount", "type": "number", "description": "What was paid, in euros." },
 *     { "name": "InvoiceUri", "type": "uri", "description": "Address of the invoice." }
 *   ]
 * }
 */
export interface EventTypeWrite {
  /**
   * The name in readable words, on one line. Left out: made from the name. The default template's subject has what of it is ASCII, or the name when nothing is.
   * @minLength 1 must have 1 to 100 characters
   * @maxLength 100 must have 1 to 100 characters
   */
  displayName?: string;
  /**
   * Left out: Custom.
   * @minLength 1 must have 1 to 100 characters
   * @maxLength 100 must have 1 to 100 characters
   */
  category?: string;
  /**
   * What an event of this type means, in one sentence. Left out: nothing is said.
   * @maxLength 1000 must have at most 1000 characters
   */
  description?: string;
  /** How serious it is. Left out: told from the name, as for built-in types: `error` with Failed or Error, `warning` with Warning, Expiring, Expired, Mismatch or Lost. */
  level?: EventLevel;
  /**
   * What its events carry besides the properties of every event. One of those may be named too, to describe it anew or to require it; the four that
   * Mailroom fills in may not be changed.
   * At most 100, and 32,768 characters as JSON, besides those of every event.
   * @maxItems 110 must hold at most 100 properties besides those of every event
   */
  properties?: EventPropertyWrite[];
  /**
   * The one field that can be changed of a built-in type. It applies to events that are matched from then on.
   * @default "atLeastOnce"
   */
  deliveryPolicy?: DeliveryPolicy;
  /** Read-only: accepted and ignored. */
  kind?: string;
  /** Read-only: accepted and ignored. */
  name?: string;
  /** Read-only: accepted and ignored. */
  builtIn?: boolean;
  /** Read-only: accepted and ignored. */
  updatedAt?: string | null;
  /** Read-only: accepted and ignored. */
  updatedBy?: string | null;
}

/** A template that an administrator wrote and that a change of its event type would leave with blanks. */
export interface BrokenTemplate {
  eventType: string;
  /** The macros that would render blank, or have a value of another type. */
  macros: string[];
  message: string;
}

/** A subscription that a change of an event type touches. */
export interface AffectedSubscription {
  id: string;
  description: string;
  /** `deleted`: it asks for nothing else. `reduced`: it keeps its other event types. `blanks`: its mails would have blanks, because of the template. */
  effect: 'deleted' | 'reduced' | 'blanks';
}

/** What a change of an event type would do. Nothing has been changed. */
export interface EventTypeImpact {
  /** Tells it from an event type. */
  kind: 'impact';
  eventType: string;
  change: 'create' | 'update' | 'delete' | 'none';
  properties: {
    added: string[];
    removed: string[];
    /** With another type, or required from now on. */
    changed: string[];
  };
  /** The templates it breaks, or, when the type is deleted, deletes. */
  templates: BrokenTemplate[];
  /** The subscriptions it breaks or deletes, at most 100 of them. */
  subscriptions: AffectedSubscription[];
  /**
   * How many subscriptions that are in all.
   * @isInt
   */
  subscriptionCount: number;
}

export interface EventTypePage {
  items: EventTypeResource[];
  /** Ask for the next page with it; null on the last page. */
  nextCursor: string | null;
}

export interface EventTypeQuery extends PageQuery {
  /**
   * Only types whose name, display name or description contains this text, whatever its case.
   * @maxLength 100 must have at most 100 characters
   */
  q?: string;
  /**
   * Only this category, such as AccessRequest or PasswordManagement.
   * @maxLength 100 must have at most 100 characters
   */
  category?: string;
  /** True: only the types that Mailroom comes with; false: only those of other services. */
  builtIn?: boolean;
}

export interface DryRunQuery {
  /**
   * True: change nothing, and tell what would break or be deleted.
   * @default false
   */
  dryRun?: boolean;
}
