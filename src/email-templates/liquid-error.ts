import { TemplateError, type TemplateErrorCode, type TemplatePart, type TemplatePlace } from './template-error.js';

/** What the engine's errors have in common; its own class check needs the engine, and errors of the JavaScript runtime lack the token. */
interface EngineError {
  message: string;
  name: string;
  originalError?: EngineError;
  token?: { getPosition(): [number, number] };
}

const MAX_LINE_TEXT = 200;

function placeOf(error: EngineError, source: string): TemplatePlace {
  const [line, column] = error.token?.getPosition() ?? [1, 1];
  return { line, column, lineText: (source.split('\n')[line - 1] ?? '').slice(0, MAX_LINE_TEXT).toWellFormed() };
}

/** The engine's messages in words for the person who edits the template. */
const REASONS: ReadonlyArray<readonly [RegExp, string]> = [
  [/^tag "(.+)" not found$/, 'There is no tag "$1" here'],
  [/^undefined filter: (.+)$/, 'There is no filter "$1" here'],
  [/^parse length limit exceeded$/, 'It is longer than a template may be'],
  [/^memory alloc limit exceeded$/, 'It makes more text than a mail may have'],
  [/^result limit exceeded: ([\d,]+)$/, 'It makes more text than a mail may have: $1 characters for each part'],
  [/^template render limit exceeded$/, 'It takes too long to render'],
  [/^tag limit exceeded: (\d+)$/, 'It has $1 macros and tags; a part may have 1,000'],
  [/^Maximum call stack size exceeded$/, 'Its tags are nested too deeply'],
];

const isLimit = (message: string): boolean => /limit exceeded(: [\d,]+)?$|^Maximum call stack|^Invalid (string|array) length/.test(message);

/** Translates whatever the engine threw into a TemplateError that says where and why, keeping the original as `cause`. */
export function toTemplateError(thrown: unknown, code: TemplateErrorCode, part: TemplatePart, source: string): TemplateError {
  const error = thrown as EngineError;
  const message = (error.originalError?.message ?? error.message).replace(/, line:\d+, col:\d+$/, '');
  const known = REASONS.find(([pattern]) => pattern.test(message));
  const reason = known ? message.replace(known[0], known[1]) : message.charAt(0).toUpperCase() + message.slice(1);
  return new TemplateError(isLimit(message) ? 'TEMPLATE_LIMIT' : code, part, reason.toWellFormed(), placeOf(error, source), { cause: thrown });
}
