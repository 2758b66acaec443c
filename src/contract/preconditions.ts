import { MailroomError } from '../errors.js';
import { namesEtag, namesEtagWeakly } from './etag.js';

/** The headers of a write that make it depend on what is there (RFC 9110 §13.1). */
export interface Preconditions {
  ifMatch?: string | undefined;
  ifNoneMatch?: string | undefined;
}

/**
 * @param etag of the resource as it is; null: it is not there, so that no If-Match fits; undefined: it has none, so that each fits
 * @throws MailroomError PRECONDITION_FAILED (412)
 */
export function refuseStale({ ifMatch, ifNoneMatch }: Preconditions, etag: string | null | undefined): void {
  if (ifMatch !== undefined && etag !== undefined && (etag === null || !namesEtag(ifMatch, etag))) throw staleCopy(ifMatch, etag);
  if (ifNoneMatch !== undefined && etag != null && namesEtagWeakly(ifNoneMatch, etag)) throw alreadyThere(ifNoneMatch, etag);
}

export const staleCopy = (ifMatch: string, etag: string | null): MailroomError =>
  failed('The resource has changed since you read it. Read it again, and repeat your change on what it is now.', 'If-Match', ifMatch, etag === null ? 'not there' : `at ${etag}`);

const alreadyThere = (ifNoneMatch: string, etag: string): MailroomError =>
  failed('The resource is there already, so nothing was written. Read it, and send its ETag as If-Match to replace it.', 'If-None-Match', ifNoneMatch, `at ${etag}`);

const failed = (detail: string, parameter: string, given: string, state: string): MailroomError =>
  new MailroomError('stale', 'PRECONDITION_FAILED', detail, [{ parameter, message: `is ${given.slice(0, 100)}, but the resource is ${state}` }]);
