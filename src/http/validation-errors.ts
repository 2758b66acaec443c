import type { FieldErrors } from '@tsoa/runtime';
import type { FieldError } from '../errors.js';

/** Enough to correct a request by. What is wrong beyond that is told when these are corrected. */
export const MAX_FAULTS = 100;
/** Names in a body may be long; an answer need not be. */
const MAX_POINTER = 300;

/**
 * Turns tsoa's field errors into pointers and sentences, MAX_FAULTS at most. Messages of unions carry a dump of the submitted values,
 * passwords included: only paths and our own words leave this file.
 */
export function toFieldErrors(fields: FieldErrors): FieldError[] {
  return flatten(fields).slice(0, MAX_FAULTS).map(({ path, message }) => ({ ...place(path), message: sentence(message) }));
}

interface Leaf {
  path: string;
  message: string;
}

const UNION = 'Could not match the union against any of the items. Issues: ';
const INTERSECTION = 'Could not match the intersection against every type. Issues: ';
const ENUM = /^should be one of the following; \[(.*)\]$/;
const TAG = /\.(type|kind)$/;
/** What tsoa says of a value of a wrong type, and what it may be instead. */
const TYPES: [RegExp, string[]][] = [
  [/^invalid string value$/, ['a string']],
  [/^invalid integer number$/, ['a whole number']],
  [/^invalid float number$/, ['a number']],
  [/^invalid boolean value$/, ['true', 'false']],
  [/^invalid object$/, ['an object']],
  [/^invalid array$/, ['an array']],
];

function flatten(fields: FieldErrors): Leaf[] {
  return Object.entries(fields).flatMap(([path, { message = 'is not valid' }]) => {
    if (message.startsWith(UNION)) return flattenUnion(path, branchesOf(message));
    if (message.startsWith(INTERSECTION)) return (JSON.parse(message.slice(INTERSECTION.length)) as FieldErrors[]).flatMap(flatten);
    return [{ path, message }];
  });
}

const branchesOf = (message: string): FieldErrors[] => JSON.parse(message.slice(UNION.length)) as FieldErrors[];

/**
 * Tells what the value may be when no branch takes its type. Else speaks of the branch that was meant: of those that take its type the one
 * whose tag (`type` or `kind`) fits, or the one with the fewest faults.
 */
function flattenUnion(path: string, branches: FieldErrors[]): Leaf[] {
  const literals = branches.map((branch) => (Object.keys(branch).length === 1 ? ENUM.exec(branch[path]?.message ?? '')?.[1] : undefined));
  if (literals.every((literal) => literal !== undefined)) return [{ path, message: `should be one of the following; [${literals.join(',')}]` }];
  const choices = branches.map((branch) => choicesOf(path, branch));
  if (choices.every((choice) => choice !== undefined)) return [{ path, message: `must be ${eitherOf(choices.flat())}` }];
  const entered = branches.filter((_branch, index) => choices[index] === undefined);
  const tags = entered.flatMap((branch) => Object.entries(branch).filter(([key]) => TAG.test(key)).map(([key, { message }]) => [key, ENUM.exec(message ?? '')?.[1]] as const));
  const fitting = entered.filter((branch) => !Object.keys(branch).some((key) => TAG.test(key)));
  if (fitting.length === 0 && tags[0]) return [{ path: tags[0][0], message: `should be one of the following; [${tags.map(([, tag]) => tag).join(',')}]` }];
  const closest = (fitting.length > 0 ? fitting : entered).reduce((best, branch) => (Object.keys(branch).length < Object.keys(best).length ? branch : best));
  return flatten(closest);
}

/** What a value may be by a branch whose only fault is the value's type. */
function choicesOf(path: string, branch: FieldErrors): string[] | undefined {
  const message = Object.keys(branch).length === 1 ? branch[path]?.message ?? '' : '';
  if (!message.startsWith(UNION)) return ENUM.exec(message)?.[1]?.replaceAll("'", '"').split(',') ?? typesOf(message);
  const choices = branchesOf(message).map((inner) => choicesOf(path, inner));
  return choices.every((choice) => choice !== undefined) ? choices.flat() : undefined;
}

const typesOf = (message: string): string[] | undefined => TYPES.find(([pattern]) => pattern.test(message))?.[1];

function eitherOf(choices: string[]): string {
  const different = [...new Set(choices)];
  const last = different.pop()!;
  return different.length === 0 ? last : `${different.join(', ')} or ${last}`;
}

/** Body parameters are always called `body`, and objects of query parameters `query`. */
function place(path: string): Pick<FieldError, 'pointer' | 'parameter'> {
  const [first, ...rest] = path.split('.');
  if (first === 'body') return { pointer: rest.map((segment) => `/${escapeSegment(segment.replace(/^\$(\d+)$/, '$1'))}`).join('').slice(0, MAX_POINTER) };
  return { parameter: first === 'query' && rest.length > 0 ? rest.join('.') : path };
}

const escapeSegment = (segment: string): string => segment.replace(/~/g, '~0').replace(/\//g, '~1');

/** tsoa's own words, for limits that have none of ours in the contract. */
const SENTENCES: [RegExp, string][] = [
  [/^'.*' is required$/s, 'is required'],
  [/^".*" is an excess property and therefore is not allowed$/s, 'is not a known property'],
  [/^minLength (\d+)$/, 'must have at least $1 characters'],
  [/^maxLength (\d+)$/, 'must have at most $1 characters'],
  [/^min (-?[\d.]+)$/, 'must be at least $1'],
  [/^max (-?[\d.]+)$/, 'must be at most $1'],
  [/^minItems (\d+)$/, 'must hold at least $1 items'],
  [/^maxItems (\d+)$/, 'must hold at most $1 items'],
  [/^required unique array$/, 'must not hold the same item twice'],
  [/^Not match in '.*'$/s, 'must have the form that the contract gives for it'],
  [/^invalid undefined value$/, 'must be left out'],
  [/^(No matching model found|Could not match intersection) .*$/s, 'must be one of the forms that the contract allows'],
];

function sentence(message: string): string {
  const literal = ENUM.exec(message)?.[1];
  if (literal !== undefined) return `must be one of ${literal.replaceAll("'", '"').split(',').join(', ')}`;
  const types = typesOf(message);
  if (types !== undefined) return `must be ${eitherOf(types)}`;
  const [pattern, words] = SENTENCES.find(([known]) => known.test(message)) ?? [message, message];
  return message.replace(pattern, words);
}
