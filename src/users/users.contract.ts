import type { PageQuery } from '../contract/page.js';
import type { Timestamp, Uuid } from '../contract/scalars.js';

/**
 * Somebody who can subscribe: the address is kept here once.
 * @example { "name": "Dana Whitfield", "emailAddress": "dana.whitfield@example.com" }
 */
export interface UserWrite {
  /**
   * For people.
   * @minLength 1 must have 1 to 255 characters
   * @maxLength 255 must have 1 to 255 characters
   */
  name: string;
  /**
   * Where the user's mail goes. A changed address takes effect at once, also for mail that waits, unless a server may have it already.
   * @maxLength 320 must have at most 320 characters
   * @example "dana.whitfield@example.com"
   */
  emailAddress: string;
  /**
   * False: no mail, until it is true again. Mail that waits is `skipped` when its turn comes.
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

export interface User {
  id: Uuid;
  name: string;
  emailAddress: string;
  enabled: boolean;
  createdAt: Timestamp;
  updatedAt: Timestamp;
  /** Name of the key that made the last change. */
  updatedBy: string;
}

export interface UserPage {
  items: User[];
  /** Ask for the next page with it; null on the last page. */
  nextCursor: string | null;
}

export interface UserQuery extends PageQuery {
  /**
   * Only the users with this address, whatever its case.
   * @maxLength 320 must have at most 320 characters
   */
  emailAddress?: string;
  /**
   * Only users whose name or address contains this text, whatever its case.
   * @maxLength 100 must have at most 100 characters
   */
  q?: string;
}
