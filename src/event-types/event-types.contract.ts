import type { EventLevel, EventProperty } from './catalogue.js';

/** A kind of event that services publish and people subscribe to. */
export interface EventTypeResource {
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
  /** What an event of this type usually carries; each is a macro of its template. Built-in types require none. */
  properties: EventProperty[];
}

export interface EventTypePage {
  items: EventTypeResource[];
  /** Ask for the next page with it; null on the last page. */
  nextCursor: string | null;
}

export interface EventTypeQuery {
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
   * Only types whose name, display name or description contains this text, whatever its case.
   * @maxLength 100 must have at most 100 characters
   */
  q?: string;
  /**
   * Only this category, such as AccessRequest or PasswordManagement.
   * @maxLength 100 must have at most 100 characters
   */
  category?: string;
}
