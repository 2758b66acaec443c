import type { EmailCounts } from '../emails/emails.contract.js';
import type { Timestamp, Uuid } from '../contract/scalars.js';

/**
 * A value of a property: text (at most 8,192 characters), a number, true, false, or null.
 */
export type PropertyValue = string | number | boolean | null;

/**
 * Something that happened.
 * @example {
 *   "type": "PasswordCheckFailed",
 *   "properties": { "AccountName": "svc-backup", "AssetName": "db-prod-01", "NetworkAddress": "192.0.2.17", "ProfileName": "Servers, daily" },
 *   "objectId": "42"
 * }
 */
export interface EventPublish {
  /**
   * Name of an event type, such as PasswordCheckFailed.
   * @minLength 1 must be the name of an event type
   * @maxLength 100 must be the name of an event type
   */
  type: string;
  /**
   * What the templates can use, at most 100 of them: names of letters, digits and underscores, at most 64 characters, starting with a letter.
   * Those that the event type does not declare are kept too. Types that services added may require some, and a type for each (`GET /v1/event-types/{name}`). `EventName`, `EventDisplayName`, `EventDescription` and `EventTimestamp` are
   * filled in by Mailroom.
   * @default {}
   */
  properties?: { [name: string]: PropertyValue };
  /**
   * What it happened to, for subscriptions that ask for one object only.
   * @minLength 1 must have 1 to 255 characters
   * @maxLength 255 must have 1 to 255 characters
   */
  objectId?: string | null;
  /** When it happened; now, when left out. */
  occurredAt?: Timestamp | null;
}

/** @example { "events": [ { "type": "ApplianceHealthy" }, { "type": "PasswordCheckFailed", "properties": { "AccountName": "root", "AssetName": "web-7" } } ] } */
export interface EventBatch {
  /**
   * All are accepted, or none.
   * @minItems 1 must hold 1 to 1000 events
   * @maxItems 1000 must hold 1 to 1000 events
   */
  events: EventPublish[];
}

export interface Event {
  id: Uuid;
  type: string;
  properties: { [name: string]: PropertyValue };
  objectId: string | null;
  occurredAt: Timestamp;
  acceptedAt: Timestamp;
  /** Name of the key that published it. */
  publishedBy: string;
  /** True: it did not happen, it was made up to try a template. Its only e-mail is the one that was asked for. */
  isTest: boolean;
  /** When the subscribers were looked up and their e-mails made; null until then. */
  matchedAt: Timestamp | null;
  /** How many of its e-mails have which status. */
  emails: EmailCounts;
}

export interface AcceptedEvents {
  /** In the order of the request. */
  items: Event[];
}

export interface EventPage {
  items: Event[];
  /** Ask for the next page with it; null on the last page. */
  nextCursor: string | null;
}

export interface EventQuery {
  /**
   * How many items at most.
   * @isInt must be a whole number from 1 to 200
   * @minimum 1 must be a whole number from 1 to 200
   * @maximum 200 must be a whole number from 1 to 200
   * @default 50
   */
  limit?: number;
  /**
   * The `nextCursor` of the page before.
   * @maxLength 1024 must be the nextCursor of an earlier answer
   */
  cursor?: string;
  /**
   * Only events of this type.
   * @maxLength 100 must have at most 100 characters
   */
  type?: string;
}
