/** What stands where a secret stood. */
export const HIDDEN = '[redacted]';

/** Blotted out wherever they stand, shorter ones would take ordinary words with them. */
const SHORTEST = 4;
/** Of a longer secret its beginning is looked for: whoever repeats it may cut it off, and what agrees further on is taken out too. */
const BEGINNING = 24;

/** Blanks, control characters and marks that nobody sees: what `printable` changes, and what folds a long line. */
const GAP = /[\s\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f]/;
const GAPS = new RegExp(`${GAP.source}+`, 'g');
const BASE64 = /[A-Za-z0-9+/=_-]/;

/** How a character of a text is marked: as one to hide, also as one whose neighbours in base64 are to be hidden. */
const HIDE = 1;
const HIDE_WITH_NEIGHBOURS = 3;

/** Texts to look for, and what makes the text in which they are looked for comparable. It keeps the length. */
interface Search {
  fold: (text: string) => string;
  needles: string[];
  mark: number;
}

/**
 * Takes secrets out of what the other side says, who was sent them and may repeat them: as they are, made printable, escaped as in JSON,
 * URL- and form-encoded, in hexadecimal, and in base64 and base64url also as a part of more; blanks and line ends in between hide nothing.
 * A word of base64 goes as a whole. It is no defence against a server that wants to hide a secret in its words, which always can.
 * Secrets with less than 4 characters besides blanks are left: they would blot out ordinary words.
 *
 * Linear in the length of the text, whatever text and secret are like.
 */
export function redactorOf(secrets: readonly string[]): (text: string) => string {
  const searches = searchesFor(secrets.map((secret) => secret.toWellFormed()).filter((secret) => squeezed(secret).length >= SHORTEST));
  return (text) => {
    const tight = squeezed(text);
    const marks = marksIn(tight, searches);
    return marks === null ? text : blottedOut(text, withNeighbours(text, loosened(text, marks)));
  };
}

const squeezed = (text: string): string => text.replace(GAPS, '');

function searchesFor(secrets: string[]): Search[] {
  const spellings = unique(secrets.flatMap(spellingsOf));
  const inBase64 = unique(spellings.flatMap(base64Of));
  const inHex = spellings.map((spelling) => Buffer.from(spelling).toString('hex'));
  const escaped = [...spellings, ...inBase64.map(encodeURIComponent)].filter((text) => text.includes('%'));
  return [
    { fold: (text) => text, needles: unique(spellings.map(squeezed)), mark: HIDE },
    { fold: lowerCase, needles: unique([...inHex, ...escaped].map((text) => lowerCase(squeezed(text)))), mark: HIDE },
    { fold: plainBase64, needles: inBase64, mark: HIDE_WITH_NEIGHBOURS },
  ];
}

const unique = (texts: string[]): string[] => [...new Set(texts)];

/** Encoders differ in what they leave as it is. */
function spellingsOf(secret: string): string[] {
  const inUrl = encodeURIComponent(secret);
  const byRfc3986 = inUrl.replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16)}`);
  const inForm = new URLSearchParams([['', secret]]).toString().slice(1);
  return [secret, JSON.stringify(secret).slice(1, -1), inUrl, encodeURI(secret), byRfc3986, byRfc3986.replaceAll('%2F', '/'), inForm];
}

/** What is the same in the base64 of every text that holds this one, for each of the three places in a group of bytes where it may begin. */
function base64Of(text: string): string[] {
  const bytes = Buffer.from(text);
  return [0, 1, 2].map((shift) => {
    const whole = Math.floor(((shift + bytes.length) * 8) / 6);
    return Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64').slice(Math.ceil((shift * 8) / 6), whole);
  });
}

/** İ is the one letter that grows. */
const lowerCase = (text: string): string => text.replaceAll('\u0130', ' ').toLowerCase();
const plainBase64 = (text: string): string => text.replaceAll('-', '+').replaceAll('_', '/');

/** A mark for each character, or null when nothing was found, as nearly always. */
function marksIn(text: string, searches: Search[]): Uint8Array | null {
  let marks: Uint8Array | null = null;
  for (const { fold, needles, mark } of searches) {
    const folded = fold(text);
    for (const needle of needles) {
      if (folded.includes(needle.slice(0, BEGINNING))) markAll(needle, folded, marks ??= new Uint8Array(text.length), mark);
    }
  }
  return marks;
}

/** By Knuth, Morris and Pratt, since a secret that repeats itself, in a text that does, must not take the square of the time. */
function markAll(needle: string, text: string, marks: Uint8Array, mark: number): void {
  const enough = Math.min(needle.length, BEGINNING);
  const borders = bordersOf(needle);
  let matched = 0;
  let done = 0;
  for (let at = 0; at < text.length; at += 1) {
    matched = advanced(needle, borders, matched, text[at]!);
    if (matched < enough) continue;
    for (let index = Math.max(done, at + 1 - matched); index <= at; index += 1) marks[index]! |= mark;
    done = at + 1;
  }
}

/** For each beginning of the needle, how long the longest shorter beginning is that it ends with. */
function bordersOf(needle: string): Uint32Array {
  const borders = new Uint32Array(needle.length);
  for (let at = 1; at < needle.length; at += 1) borders[at] = advanced(needle, borders, borders[at - 1]!, needle[at]!);
  return borders;
}

function advanced(needle: string, borders: Uint32Array, matched: number, char: string): number {
  let length = matched;
  while (length > 0 && needle[length] !== char) length = borders[length - 1]!;
  return needle[length] === char ? length + 1 : length;
}

/** The marks of the squeezed text for the text as it was: a gap goes with what is hidden on both sides. */
function loosened(text: string, tight: Uint8Array): Uint8Array {
  let at = 0;
  return Uint8Array.from({ length: text.length }, (_, index) => (GAP.test(text[index]!) ? (tight[at - 1] ?? 0) & (tight[at] ?? 0) : tight[at++]!));
}

/** The rest of a word of base64 holds the first and last bits of the secret, and what was sent with it. */
function withNeighbours(text: string, marks: Uint8Array): Uint8Array {
  const spread = (from: number, to: number): void => {
    if (marks[from] === HIDE_WITH_NEIGHBOURS && BASE64.test(text[to]!)) marks[to] = HIDE_WITH_NEIGHBOURS;
  };
  for (let at = 1; at < text.length; at += 1) spread(at - 1, at);
  for (let at = text.length - 1; at > 0; at -= 1) spread(at, at - 1);
  return marks;
}

function blottedOut(text: string, marks: Uint8Array): string {
  const parts: string[] = [];
  for (let start = 0, end = 1; start < text.length; start = end, end += 1) {
    const hidden = marks[start]! > 0;
    while (end < text.length && marks[end]! > 0 === hidden) end += 1;
    parts.push(hidden ? HIDDEN : text.slice(start, end));
  }
  return parts.join('').toWellFormed(); // a beginning may have ended within a character
}
