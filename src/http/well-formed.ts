import type { RequestHandler } from 'express';
import { MailroomError } from '../errors.js';

/** Deeper nesting than any of our resources needs by far. */
const MAX_DEPTH = 20;
/** More than any of our resources has: an event may have 100 properties. Lists have bounds of their own in the contract. */
const MAX_KEYS = 200;

/** Refuses a URL with a NUL, which Postgres text cannot carry, or with what is no UTF-8. */
export const wellFormedUrl: RequestHandler = ({ url }, _res, next) => {
  if (/%00/.test(url)) throw new MailroomError('invalid', 'TEXT_INVALID', 'The URL holds a NUL character (%00). Remove it.');
  decodeURIComponent(url.replace(/%(?![0-9a-fA-F]{2})/g, '%25')); // throws URIError on malformed UTF-8
  next();
};

/**
 * Refuses what Postgres text and e-mail cannot carry, NUL and lone surrogates, anywhere in the body (told with a JSON pointer), and numbers
 * too large for a double, which would arrive as null. Also bounds the nesting and the size of objects, so that nothing after it needs to.
 * Walks with a list, not by recursion.
 */
export const wellFormedBody: RequestHandler = (req, _res, next) => {
  if (req.body !== null && typeof req.body === 'object') refuseInBody(req.body as object);
  next();
};

function refuseInBody(body: object): void {
  const open: { value: object; pointer: string; depth: number }[] = [{ value: body, pointer: '', depth: 1 }];
  for (let next = open.pop(); next; next = open.pop()) {
    const entries = Object.entries(next.value) as [string, unknown][];
    if (next.depth > MAX_DEPTH) throw fault(next.pointer, 'JSON_TOO_DEEP', `is nested more than ${MAX_DEPTH} levels deep`);
    if (entries.length > MAX_KEYS && !Array.isArray(next.value)) throw fault(next.pointer, 'JSON_TOO_LARGE', `must not have more than ${MAX_KEYS} properties`);
    for (const [key, value] of entries) {
      const pointer = `${next.pointer}/${key.replace(/~/g, '~0').replace(/\//g, '~1')}`;
      refuseText(key, pointer);
      if (typeof value === 'string') refuseText(value, pointer);
      else if (value === Infinity || value === -Infinity) throw fault(pointer, 'NUMBER_TOO_LARGE', 'is too large for a number');
      else if (value !== null && typeof value === 'object') open.push({ value, pointer, depth: next.depth + 1 });
    }
  }
}

function refuseText(text: string, pointer: string): void {
  if (text.includes('\0')) throw fault(pointer, 'TEXT_INVALID', 'holds a NUL character (U+0000); remove it');
  if (!text.isWellFormed()) throw fault(pointer, 'TEXT_INVALID', 'holds half of a surrogate pair; send well-formed Unicode');
}

/** The pointer itself may hold what was refused. */
const fault = (pointer: string, code: string, message: string): MailroomError => {
  const clean = pointer.toWellFormed().replaceAll('\0', '\uFFFD').slice(0, 300);
  return new MailroomError('invalid', code, `${clean || 'The body'} ${message}.`, [{ pointer: clean, message }]);
};
