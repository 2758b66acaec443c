/** RFC 5322 section 2.1.1: lines should have at most 78 characters. */
const MAX_LINE = 78;
/** A subject that a list of mails still shows in one line; RFC 5322 allows 998 octets, which four-byte characters would pass at 250. */
const MAX_SUBJECT = 255;
const ELLIPSIS = '...';

/** Controls (C0, DEL, C1) and the Unicode line and paragraph separators. */
const NOT_ON_ONE_LINE = /[\p{Cc}\u2028\u2029]/gu;

/** Embeddings, overrides and isolates (UAX #9): they reorder what follows on the screen, beyond the value that holds them. Marks (LRM, RLM, ALM) do not. */
const BIDIRECTIONAL_CONTROLS = /[\u202a-\u202e\u2066-\u2069]/g;

/** Controls other than tab and line feed have no place in a mail; some steer terminals, and no database keeps NUL. */
const CONTROLS = /(?![\t\n])\p{Cc}/gu;

/** What a value or a template gave, as a mail may hold it: line feeds only, no other controls. Lone surrogates become U+FFFD. */
export const presentable = (text: string): string => text.replace(/\r\n?/g, '\n').replace(CONTROLS, '').toWellFormed();

/**
 * Text on one line: nothing in it can begin another header field or another line of one, or show it in another order. Lone surrogates
 * become U+FFFD.
 */
export const oneLine = (text: string): string =>
  text.toWellFormed().replace(BIDIRECTIONAL_CONTROLS, '').replace(NOT_ON_ONE_LINE, ' ').replace(/\s+/g, ' ').trim();

/** The first characters of a text, with an ASCII ellipsis so that an ASCII subject needs no encoded words (RFC 2047). */
export function shorten(text: string, length = MAX_SUBJECT): string {
  const characters = Array.from(text);
  return characters.length <= length ? text : `${characters.slice(0, length - ELLIPSIS.length).join('').trimEnd()}${ELLIPSIS}`;
}

/** Line feeds only, no blanks at the ends of lines (but the signature's, RFC 3676 section 4.3), and never more than one blank line. */
export function tidyText(text: string): string {
  const lines = presentable(text).split('\n').map((line) => (line === '-- ' ? line : line.trimEnd()));
  return lines.join('\n').replace(/\n{3,}/g, '\n\n').replace(/^\n+/, '').trimEnd();
}

/** What a continued line is indented by: nothing, or the width of a list mark or of a label in a column ("Asset:   "). */
const HANGING = /^\s*(?:[-*]\s+|\d+[.)]\s+|[^\s:][^:]{0,38}:\s{2,})?/;

function wrapLine(line: string): string {
  const [hanging] = HANGING.exec(line)!;
  const rest = line.slice(hanging.length);
  // Runs of blanks inside a line are somebody's columns, which a break would destroy.
  if (line.length <= MAX_LINE || /\S\s{2,}\S/.test(rest)) return line;
  const lines = [hanging];
  for (const word of rest.split(' ')) {
    const current = lines.at(-1)!;
    const isFresh = current.length === hanging.length;
    if (isFresh || current.length + 1 + word.length <= MAX_LINE) lines[lines.length - 1] = isFresh ? current + word : `${current} ${word}`;
    else lines.push(' '.repeat(hanging.length) + word);
  }
  return lines.join('\n');
}

/** Prose broken between words so that lines have at most 78 characters; words such as URLs are never broken. */
export const wrapText = (text: string): string => text.split('\n').map(wrapLine).join('\n');
