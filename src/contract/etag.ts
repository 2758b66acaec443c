import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json.js';

/** The ETag of a resource without a version. The same for the same content: a replayed answer comes out of the database with its properties in another order. */
export const digestOf = (resource: unknown): string => `"${createHash('sha256').update(canonicalJson(resource)).digest('base64url').slice(0, 22)}"`;

/** The ETag of a resource whose writes count up its version. */
export const etagOf = (version: number): string => `"${version}"`;

/** Whether an If-Match header names this ETag (RFC 9110 §13.1.1): strong comparison; `*` matches whatever exists. */
export const namesEtag = (ifMatch: string, etag: string): boolean => ifMatch.split(',').some((tag) => tag.trim() === '*' || tag.trim() === etag);
