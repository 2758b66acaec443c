import type { PageQuery } from '../contract/page.js';
import type { Timestamp, Uuid } from '../contract/scalars.js';
import type { SubscriptionRole } from './role-defaults.js';

/**
 * Who gets mail for what. Give `emailAddress` or `userId`, never both; name `eventTypes`, or set `allEvents`, never both.
 * @example { "emailAddress": "alice@example.com", "eventTypes": ["PasswordCheckFailed", "AccessRequestPendingApproval"], "description": "Alice, asset administrator" }
 */
export interface SubscriptionWrite {
  /**
   * Where the mail goes; null or left out with `userId`.
   * @maxLength 320 must have at most 320 characters
   * @example "alice@example.com"
   */
  emailAddress?: string | null;
  /** The user whose mail it is, at the address that the user has when it is sent (`/v1/users`); null or left out with `emailAddress`. */
  userId?: Uuid | null;
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
  /** Null when the mail goes to a user. */
  emailAddress: string | null;
  /** Null when the mail goes to an address. */
  userId: Uuid | null;
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

export interface SubscriptionQuery extends PageQuery {
  /**
   * Only those of this address, whatever its case: its own, and those of users who have it now.
   * @maxLength 320 must have at most 320 characters
   */
  emailAddress?: string;
  /** Only those of this user. */
  userId?: Uuid;
  /**
   * Only those that name this event type, or all events.
   * @maxLength 100 must have at most 100 characters
   */
  eventType?: string;
}

/**
 * Give `emailAddress` or `userId`, never both.
 * @example { "role": "assetAdministrator", "emailAddress": "alice@example.com" }
 */
export interface DefaultSubscriptionWrite {
  role: SubscriptionRole;
  /** @maxLength 320 must have at most 320 characters */
  emailAddress?: string | null;
  userId?: Uuid | null;
}

/** What a role usually wants mail for. */
export interface RoleDefaults {
  role: SubscriptionRole;
  eventTypes: string[];
}

export interface RoleDefaultsList {
  items: RoleDefaults[];
}

export interface ExplainQuery {
  /**
   * Name of the event type.
   * @maxLength 100 must have at most 100 characters
   * @example "PasswordCheckFailed"
   */
  eventType: string;
  /**
   * The address, whatever its case.
   * @maxLength 320 must have at most 320 characters
   * @example "alice@example.com"
   */
  emailAddress: string;
  /**
   * The `objectId` that the event carries; left out: none.
   * @maxLength 255 must have at most 255 characters
   */
  objectId?: string;
}

/**
 * `SUBSCRIBED`: this subscription asks for it. All others are why something does not: `EMAIL_CLIENT_DISABLED`, `NO_SUBSCRIPTION` (nothing has
 * this address), `SUBSCRIPTION_DISABLED`, `USER_DISABLED`, `EVENT_TYPE_NOT_SUBSCRIBED` (it names other types), `OBJECT_DIFFERS` (it is for one object only).
 */
export type ExplanationCode = 'SUBSCRIBED' | 'EMAIL_CLIENT_DISABLED' | 'NO_SUBSCRIPTION' | 'SUBSCRIPTION_DISABLED' | 'USER_DISABLED' | 'EVENT_TYPE_NOT_SUBSCRIBED' | 'OBJECT_DIFFERS';

export interface ExplanationReason {
  code: ExplanationCode;
  /** @example "Subscription 019ab3c1-7d20-7000-8000-4d61696c726d (Alice, asset administrator) is disabled." */
  message: string;
  /** The subscription that it is about; null for what is about none. */
  subscriptionId: Uuid | null;
  /** The user that it is about; null for what is about none. */
  userId: Uuid | null;
}

export interface Explanation {
  eventType: string;
  emailAddress: string;
  objectId: string | null;
  /** Whether an event of this type that was published now would be mailed to this address. */
  answer: 'yes' | 'no';
  /** Each reason for it and against it; those for it first. At most 100 subscriptions are told of. */
  reasons: ExplanationReason[];
}
