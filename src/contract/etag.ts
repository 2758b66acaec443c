import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json.js';

const hashOf = (resource: unknown): string => createHash('sha256').update(canonicalJson(resource)).digest('base64url').slice(0, 22);

/** The ETag of a resource without a version. The same for the same content: a replayed answer comes out of the database with its properties in another order. */
export const digestOf = (resource: unknown): string => `"${hashOf(resource)}"`;

/** The ETag of a resource whose writes count up its version. */
export const etagOf = (version: number): string => `"${version}"`;

/**
 * The ETag of a resource that also shows what is no part of it, such as the days until it expires or when it was used last: it changes with
 * each change of what is shown, as a strong one must (RFC 9110 §8.8.1). Only its first part, which writes change, counts for If-Match:
 * nobody's copy becomes stale because a day has passed.
 */
export const livingEtag = (written: string, shown: unknown): string => `${written.slice(0, -1)}.${hashOf(shown)}"`;

/** Versions and digests have no dot. */
const writtenPart = (etag: string): string => etag.replace(/\.[\w-]{22}"$/, '"');

const ENTITY_TAG = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/;

/** The entity tags of an If-Match or If-None-Match header, or `*` for whatever exists; null: it is not written as RFC 9110 §13.1 has it. */
export function tagsOf(header: string): '*' | string[] | null {
  const tags: string[] = [];
  let rest = header.trim();
  if (rest === '*') return rest;
  while (rest !== '') {
    const tag = ENTITY_TAG.exec(rest)?.[0] ?? '';
    rest = rest.slice(tag.length).trimStart();
    if (rest !== '' && !rest.startsWith(',')) return null;
    if (tag !== '') tags.push(tag);
    rest = rest.slice(1).trimStart();
  }
  return tags;
}

/** Whether an If-Match header names this ETag (RFC 9110 §13.1.1): strong comparison, so that weak tags name none. */
export function namesEtag(ifMatch: string, etag: string): boolean {
  const tags = tagsOf(ifMatch);
  return tags === '*' || tags?.some((tag) => writtenPart(tag) === writtenPart(etag)) === true;
}

/** Whether an If-None-Match header names this ETag (RFC 9110 §13.1.2): weak comparison. null: something without an ETag, which only `*` names. */
export function namesEtagWeakly(ifNoneMatch: string, etag: string | null): boolean {
  const tags = tagsOf(ifNoneMatch);
  const bare = (tag: string): string => tag.replace(/^W\//, '');
  return tags === '*' || (etag !== null && tags?.some((tag) => bare(tag) === bare(etag)) === true);
}
