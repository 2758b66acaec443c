import type { MacroValue } from './liquid.js';
import { presentable } from './plain-text.js';

/** Longer values are cut: a mail is for reading, and no value may make the default template pass its limits. */
export const MAX_VALUE_LENGTH = 4096;

function cleanText(text: string): string {
  const clean = presentable(text.replace(/[\u2028\u2029]/g, '\n')).trim();
  return clean.length > MAX_VALUE_LENGTH ? `${clean.slice(0, MAX_VALUE_LENGTH).toWellFormed()}...` : clean;
}

/** The values as templates see them: clean text, and no blank ones, so that `{% if Name %}` asks what it seems to ask. */
export function presentValues(values: Readonly<Record<string, MacroValue | null>>): Record<string, MacroValue> {
  const cleaned = Object.entries(values).map(([name, value]) => [name, typeof value === 'string' ? cleanText(value) : value] as const);
  return Object.fromEntries(cleaned.filter((entry): entry is readonly [string, MacroValue] => entry[1] !== null && entry[1] !== ''));
}
