import { templateMacros, type TemplateText } from './render.js';

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

/**
 * Checks a template before it is saved: throws a TemplateError for what cannot be parsed, and returns a warning
 * for each macro (the first twenty) that is not among the properties of its event type.
 */
export function checkTemplate(template: TemplateText, known: readonly string[]): string[] {
  const unknown = templateMacros(template).filter((name) => !known.includes(name)).slice(0, MAX_WARNINGS);
  return unknown.map((name) => {
    const meant = name.length <= MAX_NAME ? nearest(name, known) : undefined;
    const hint = meant ? ` Did you mean {{ ${meant} }}?` : '';
    return `{{ ${name.slice(0, MAX_NAME)} }} is not a property of this event type and renders blank unless an event carries it.${hint}`;
  });
}
