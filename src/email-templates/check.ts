import { MailroomError } from '../errors.js';
import { type EventType, sampleValue } from '../event-types/catalogue.js';
import { renderTemplate, TEMPLATE_PARTS, templateMacros, TemplateError, type TemplateText } from './render.js';
import { valuesOf } from './event-content.js';

/** Edits (insert, delete, replace one character) that turn one name into the other, whatever its case (Levenshtein distance). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}

/** The known name that was probably meant: at most a third of its letters differ. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known.map((candidate) => ({ candidate, edits: distance(name.toLowerCase(), candidate.toLowerCase()) }));
  const best = ranked.sort((a, b) => a.edits - b.edits)[0];
  return best && best.edits <= best.candidate.length / 3 ? best.candidate : undefined;
}

const MAX_NAME = 100;
const MAX_WARNINGS = 20;

/** Returns a warning for each macro (the first twenty) that is not among the known names. Throws a TemplateError for what cannot be parsed. */
export function unknownMacros(template: TemplateText, known: readonly string[]): string[] {
  const unknown = templateMacros(template).filter((name) => !known.includes(name)).slice(0, MAX_WARNINGS);
  return unknown.map((name) => {
    const meant = name.length <= MAX_NAME ? nearest(name, known) : undefined;
    const hint = meant ? ` Did you mean \`${meant}\`?` : '';
    return `{{ ${name.slice(0, MAX_NAME)} }} is not a property of this event type and renders blank unless an event carries it.${hint}`;
  });
}

/** What does not look right in a stored template. */
export function warningsOf(template: TemplateText, { properties }: EventType): string[] {
  try {
    return unknownMacros(template, properties.map(({ name }) => name));
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return [`The template cannot be used, and the default is used instead: ${error.part}: ${error.message}`];
  }
}

/** Values that look real, for all properties of a type. */
export const sampleValues = (type: EventType): Record<string, string | number | boolean> =>
  Object.fromEntries(type.properties.map((property) => [property.name, sampleValue(property, type)]));

/** Throws one problem that lists each part that cannot be parsed, or, when all can, the one that fails with the samples of its event type. */
export function refuseFaulty(template: TemplateText, type: EventType): void {
  const faults = TEMPLATE_PARTS.flatMap((part) => faultOf(() => templateMacros({ ...BLANK, [part]: template[part] })));
  if (faults.length === 0) renderTemplate(template, valuesOf(type, { properties: sampleValues(type), occurredAt: new Date() }));
  else throw new MailroomError('invalid', faults[0]!.code, faults[0]!.message, faults.flatMap(({ errors }) => errors), { cause: faults[0] });
}

const BLANK: TemplateText = { subject: '', textBody: '', htmlBody: null, replyTo: null };

function faultOf(parse: () => unknown): TemplateError[] {
  try {
    parse();
    return [];
  } catch (error) {
    if (error instanceof TemplateError) return [error];
    throw error;
  }
}
