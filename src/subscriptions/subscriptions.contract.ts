import type { Timestamp, Uuid } from '../contract/scalars.js';

/**
 * Who gets mail for what. Name `eventTypes`, or set `allEvents`, never both.
 * @example { "emailAddress": "alice@example.com", "eventTypes": ["PasswordCheckFailed", "AccessRequestPendingApproval"], "description": "Alice, asset administrator" }
 */
export interface SubscriptionWrite {
  /**
   * Where the mail goes.
   * @maxLength 320 must have at most 320 characters
   * @example "alice@example.com"
   */
  emailAddress: string;
  /**
   * True: every event, also of types that are added later.
   * @default false
   */
  allEvents?: boolean;
  /**
   * Names of event types. Required unless `allEvents` is true.
   * @maxItems 1000 must name at most 1000 event types
   * @default []
   */
  eventTypes?: string[];
  /**
   * Only events that carry this `objectId`; null: whatever they carry.
   * @minLength 1 must have 1 to 255 characters
   * @maxLength 255 must have 1 to 255 characters
   * @default null
   */
  objectId?: string | null;
  /**
   * For people.
   * @maxLength 255 must have at most 255 characters
   * @default ""
   */
  description?: string;
  /**
   * False: no mail, until it is true again.
   * @default true
   */
  enabled?: boolean;
  /** Read-only: accepted and ignored. */
  id?: string;
  /** Read-only: accepted and ignored. */
  createdAt?: string;
  /** Read-only: accepted and ignored. */
  updatedAt?: string;
  /** Read-only: accepted and ignored. */
  updatedBy?: string;
}

export interface Subscription {
  id: Uuid;
  emailAddress: string;
  allEvents: boolean;
  eventTypes: string[];
  objectId: string | null;
  description: string;
  enabled: boolean;
  createdAt: Timestamp;
  updatedAt: Timestamp;
  /** Name of the key that made the last change. */
  updatedBy: string;
}

export interface SubscriptionPage {
  items: Subscription[];
  /** Ask for the next page with it; null on the last page. */
  nextCursor: string | null;
}

export interface SubscriptionQuery {
  /**
   * @isInt must be a whole number from 1 to 200
   * @minimum 1 must be a whole number from 1 to 200
   * @maximum 200 must be a whole number from 1 to 200
   * @default 50
   */
  limit?: number;
  /**
   * The `nextCursor` of the page before.
   * @maxLength 512 must be the nextCursor of an earlier answer
   */
  cursor?: string;
  /**
   * Only those of this address, whatever its case.
   * @maxLength 320 must have at most 320 characters
   */
  emailAddress?: string;
  /**
   * Only those that name this event type, or all events.
   * @maxLength 100 must have at most 100 characters
   */
  eventType?: string;
}
