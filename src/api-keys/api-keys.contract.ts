import type { Role } from '../contract/actor.js';
import type { Timestamp, Uuid } from '../contract/scalars.js';

/** @example { "name": "access-request service", "role": "publisher" } */
export interface ApiKeyCreate {
  /**
   * Tells people and the audit log whose key it is.
   * @minLength 1 must have 1 to 100 characters
   * @maxLength 100 must have 1 to 100 characters
   */
  name: string;
  role: Role;
  /** From then on the key is refused (401 API_KEY_EXPIRED). It must be in the future; left out: the key does not expire. */
  expiresAt?: Timestamp | null;
}

export interface ApiKey {
  id: Uuid;
  name: string;
  role: Role;
  createdAt: Timestamp;
  /** Name of the key that made this one. */
  createdBy: string;
  /** null: it does not expire. */
  expiresAt: Timestamp | null;
  /** When a request was last made with it, as known some ten seconds later; null: never yet. */
  lastUsedAt: Timestamp | null;
}

export interface ApiKeyWithSecret extends ApiKey {
  /**
   * The key itself. Shown this once: Mailroom keeps only a hash of it.
   * @example "mr_EXAMPLE-keep-this-key-in-a-safe-place-00000000"
   */
  key: string;
}

export interface ApiKeyPage {
  items: ApiKey[];
  /** Ask for the next page with it; null on the last page. */
  nextCursor: string | null;
}
