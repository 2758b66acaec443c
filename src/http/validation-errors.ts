import { type FieldErrors, ValidationService } from '@tsoa/runtime';
import type { FieldError } from '../errors.js';

/**
 * Turns tsoa's field errors into pointers and sentences. Messages of unions carry a dump of the submitted values, passwords included:
 * only paths and our own words leave this file.
 */
export function toFieldErrors(fields: FieldErrors): FieldError[] {
  return flatten(fields).map(({ path, message }) => ({ ...place(path), message: sentence(message) }));
}

interface Leaf {
  path: string;
  message: string;
}

const UNION = 'Could not match the union against any of the items. Issues: ';
const INTERSECTION = 'Could not match the intersection against every type. Issues: ';
const ENUM = /^should be one of the following; \[(.*)\]$/;
const TAG = /\.type$/;

function flatten(fields: FieldErrors): Leaf[] {
  return Object.entries(fields).flatMap(([path, { message = 'is not valid' }]) => {
    if (message.startsWith(UNION)) return flattenUnion(path, JSON.parse(message.slice(UNION.length)) as FieldErrors[]);
    if (message.startsWith(INTERSECTION)) return (JSON.parse(message.slice(INTERSECTION.length)) as FieldErrors[]).flatMap(flatten);
    return [{ path, message }];
  });
}

/** Speaks of the branch that was meant: the one whose `type` fits, else the one with the fewest faults. */
function flattenUnion(path: string, branches: FieldErrors[]): Leaf[] {
  const literals = branches.map((branch) => (Object.keys(branch).length === 1 ? ENUM.exec(branch[path]?.message ?? '')?.[1] : undefined));
  if (literals.every((literal) => literal !== undefined)) return [{ path, message: `should be one of the following; [${literals.join(',')}]` }];
  const tags = branches.flatMap((branch) => Object.entries(branch).filter(([key]) => TAG.test(key)).map(([key, { message }]) => [key, ENUM.exec(message ?? '')?.[1]] as const));
  const fitting = branches.filter((branch) => !Object.keys(branch).some((key) => TAG.test(key)));
  if (fitting.length === 0 && tags[0]) return [{ path: tags[0][0], message: `should be one of the following; [${tags.map(([, tag]) => tag).join(',')}]` }];
  const closest = (fitting.length > 0 ? fitting : branches).reduce((best, branch) => (Object.keys(branch).length < Object.keys(best).length ? branch : best));
  return flatten(closest);
}

/** Body parameters are always called `body`, and objects of query parameters `query`. */
function place(path: string): Pick<FieldError, 'pointer' | 'parameter'> {
  const [first, ...rest] = path.split('.');
  if (first === 'body') return { pointer: rest.map((segment) => `/${escapeSegment(segment.replace(/^\$(\d+)$/, '$1'))}`).join('') };
  return { parameter: first === 'query' && rest.length > 0 ? rest.join('.') : path };
}

const escapeSegment = (segment: string): string => segment.replace(/~/g, '~0').replace(/\//g, '~1');

const SENTENCES: [RegExp, string][] = [
  [/^'.*' is required$/, 'is required'],
  [/^invalid string value$/, 'must be a string'],
  [/^invalid (float|integer|double|long)( number)?$/, 'must be a number'],
  [/^invalid boolean value$/, 'must be true or false'],
  [/^invalid object$/, 'must be an object'],
  [/^invalid array$/, 'must be an array'],
  [/^".*" is an excess property and therefore is not allowed$/, 'is not a known property'],
];

function sentence(message: string): string {
  const literal = ENUM.exec(message)?.[1];
  if (literal !== undefined) return `must be one of ${literal.replaceAll("'", '"').split(',').join(', ')}`;
  return SENTENCES.find(([pattern]) => pattern.test(message))?.[1] ?? message;
}

/**
 * tsoa 6.6 loses the path in front of errors inside arrays ("$1.type" for "body.events.$1.type"). A test fails when an update of tsoa
 * makes this unnecessary or wrong.
 */
export function repairArrayPaths(): void {
  const prototype = ValidationService.prototype as unknown as Record<string, (...args: unknown[]) => unknown> & { repaired?: boolean };
  if (prototype.repaired) return;
  const validateArray = prototype['validateArray']!;
  prototype['validateArray'] = function (this: unknown, name: unknown, value: unknown, errors: unknown, isBody: unknown, schema: unknown, validators: unknown, parent: unknown = '') {
    return validateArray.call(this, `${parent as string}${name as string}`, value, errors, isBody, schema, validators, '');
  };
  Object.defineProperty(prototype, 'repaired', { value: true });
}
