import * as mimeFuncs from 'nodemailer/lib/mime-funcs';
import { parseMailbox } from './mailbox.js';

/** RFC 5322 §2.1.1: 78 characters a line, less what nodemailer keeps for itself. */
const LINE_LENGTH = 76;
const ENCODED_WORD_LENGTH = 52;
/** A run without a place to fold must stay far below the 998 characters of a line. */
const UNFOLDABLE = /\S{200}/;
const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;
const CONTROL_OR_BREAK = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;

/** One folded header field without its final CRLF. `value` is encoded already. */
export const field = (name: string, value: string): string => mimeFuncs.foldLines(`${name}: ${value}`, LINE_LENGTH);

/**
 * Free text as the value of a header (RFC 5322 unstructured): one line, and encoded words (RFC 2047) when it is not plain ASCII. Text that
 * only looks like an encoded word is encoded too, so that the reader sees what was written.
 */
export function encodeText(text: string): string {
  const line = oneLine(text);
  return isPlain(line) ? line : encodeWords(line);
}

/** `"Name" <address>`, or the address alone. Throws MailboxError when the address is not one. */
export function encodeMailbox(name: string | null, address: string): string {
  const { address: mailbox } = parseMailbox(address);
  const phrase = oneLine(name ?? '');
  if (phrase === '') return mailbox;
  return `${isPlain(phrase) ? mimeFuncs.quoteString(phrase) : encodeWords(phrase)} <${mailbox}>`;
}

const oneLine = (text: string): string => text.toWellFormed().replace(CONTROL_OR_BREAK, ' ').replace(/ {2,}/g, ' ').trim();
const isPlain = (line: string): boolean => PRINTABLE_ASCII.test(line) && !line.includes('=?') && !UNFOLDABLE.test(line);

/** B for scripts that Q would make three times as long. */
function encodeWords(line: string): string {
  const ascii = line.replace(/[^\x20-\x7e]/g, '').length;
  return mimeFuncs.encodeWord(line, ascii * 2 > line.length ? 'Q' : 'B', ENCODED_WORD_LENGTH);
}
