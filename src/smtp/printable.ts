/** C0 and C1 controls, line separators, and the marks that reorder text on a screen: none of them may reach a log or a page. */
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g;

/** Text from the other side made safe to store and show: one line, no control characters, at most `limit` characters. */
export function printable(text: string, limit = 2_000): string {
  const safe = text.replace(UNPRINTABLE, ' ').trim();
  return safe.length > limit ? `${safe.slice(0, limit).toWellFormed()}…` : safe;
}
