import type { PageQuery } from '../contract/page.js';
import type { Timestamp, Uuid } from '../contract/scalars.js';
import type { AuditedAction, AuditedType } from './audited-type.js';

/** A resource as it was or is. Secrets are never part of it: only whether there was one, such as `hasPassword`. */
export interface AuditedValue {
  [property: string]: unknown;
}

/** One change of one resource. */
export interface AuditEntry {
  id: Uuid;
  at: Timestamp;
  /**
   * Name of the key that made the change; `Mailroom` when it was the program itself.
   * @example "First administrator"
   */
  actor: string;
  /** The id of that key, which may have been deleted since; null for the program itself. */
  actorKeyId: Uuid | null;
  /**
   * The IP address that the request came from; null for the program itself.
   * @example "192.0.2.17"
   */
  remoteAddress: string | null;
  /** The request's X-Request-Id: Mailroom's log has the request under it. All changes of one request have the same. */
  requestId: string | null;
  action: AuditedAction;
  resourceType: AuditedType;
  /**
   * Its id; its name for event types and templates; `smtp-settings` and `dns-settings` for those.
   * @example "PasswordCheckFailed"
   */
  resourceId: string;
  /** null when it was made. */
  oldValue: AuditedValue | null;
  /** null when it was deleted. */
  newValue: AuditedValue | null;
  /**
   * The properties that differ, in the order of the alphabet.
   * @example ["port", "serverAddress"]
   */
  changed: string[];
}

export interface AuditEntryPage {
  items: AuditEntry[];
  /** Ask for the next page with it; null on the last page. */
  nextCursor: string | null;
}

export interface AuditLogQuery extends PageQuery {
  /** Only changes of resources of this type. */
  resourceType?: AuditedType;
  /**
   * Only changes of the resource with this id.
   * @maxLength 200 must have at most 200 characters
   */
  resourceId?: string;
  /** Only changes of this kind. */
  action?: AuditedAction;
  /**
   * Only changes by keys of this name, in this case.
   * @maxLength 100 must have at most 100 characters
   */
  actor?: string;
  /** Only changes by this key. */
  actorKeyId?: Uuid;
  /**
   * Only changes that came along with this request.
   * @maxLength 128 must have at most 128 characters
   */
  requestId?: string;
  /** Only changes made at this time or later. */
  from?: Timestamp;
  /** Only changes made before this time. */
  until?: Timestamp;
}
