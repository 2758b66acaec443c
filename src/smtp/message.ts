import { createHash } from 'node:crypto';
import * as mimeFuncs from 'nodemailer/lib/mime-funcs';
import { encodeMailbox, encodeText, field } from './headers.js';
import { quotedPrintable } from './quoted-printable.js';

export interface ContentInput {
  fromName: string | null;
  fromAddress: string;
  /** One address, or null. */
  replyTo: string | null;
  subject: string;
  text: string;
  /** Null for a mail of plain text only. */
  html: string | null;
  /** More header fields, such as `X-Mailroom-Event`. */
  headers?: Record<string, string>;
}

/** What all recipients of a mail share: the headers but for To, Message-ID and Date, and the body. CRLF line ends throughout. */
export interface ComposedContent {
  readonly bytes: Buffer;
}

export interface Recipient {
  to: string;
  /** With or without its angle brackets. */
  messageId: string;
  date: Date;
}

const CRLF = Buffer.from('\r\n');
/** Fields that are ours to write, once. */
const RESERVED = /^(from|to|cc|bcc|sender|reply-to|subject|date|message-id|mime-version|auto-submitted|content-.*)$/i;
const FIELD_NAME = /^[A-Za-z0-9-]{1,76}$/;
/** RFC 5322 §3.6.4, without the obsolete forms: the characters of a dot-atom on both sides, or a literal in brackets on the right. */
const ID_PART = '[A-Za-z0-9!#$%&\'*+\\-/=?^_`{|}~.]+';
const MESSAGE_ID = new RegExp(`^<?(${ID_PART}@(?:${ID_PART}|\\[[\\x21-\\x5a\\x5e-\\x7e]*\\]))>?$`);

/**
 * Builds the shared part once: plain text first, HTML second (RFC 2046 §5.1.4: the last one a reader understands is the one shown),
 * UTF-8, in 7-bit or quoted-printable, so that no server on the way has a reason to change it. Throws MailboxError for a bad address and
 * TypeError for a header field that is not ours to add.
 */
export function composeContent(input: ContentInput): ComposedContent {
  return { bytes: Buffer.concat([Buffer.from(`${sharedFields(input).join('\r\n')}\r\n`), ...bodyOf(input)]) };
}

/** The message for one recipient. Cheap: three header fields in front of the shared part. */
export function messageFor(content: ComposedContent, { to, messageId, date }: Recipient): Buffer {
  const own = [
    field('To', encodeMailbox(null, to)),
    `Message-ID: ${encodeMessageId(messageId)}`,
    `Date: ${date.toUTCString().replace('GMT', '+0000')}`, // RFC 5322 §3.3; GMT is its obsolete form
  ];
  return Buffer.concat([Buffer.from(`${own.join('\r\n')}\r\n`, 'utf8'), content.bytes]);
}

function sharedFields({ fromName, fromAddress, replyTo, subject, headers = {} }: ContentInput): string[] {
  return [
    field('From', encodeMailbox(fromName, fromAddress)),
    ...(replyTo === null ? [] : [field('Reply-To', encodeMailbox(null, replyTo))]),
    field('Subject', encodeText(subject)),
    'Auto-Submitted: auto-generated', // RFC 3834: out-of-office replies stay away
    ...Object.entries(headers).map(([name, value]) => extraField(name, value)),
    'MIME-Version: 1.0',
  ];
}

function extraField(name: string, value: string): string {
  if (!FIELD_NAME.test(name) || RESERVED.test(name)) throw new TypeError(`The header field ${JSON.stringify(name)} cannot be added to a message.`);
  return field(name, encodeText(value));
}

/** RFC 2046 §5.1.1. */
function bodyOf({ text, html }: ContentInput): Buffer[] {
  const plain = textPart('text/plain', text);
  if (html === null) return plain;
  const parts = [plain, textPart('text/html', html)];
  const boundary = boundaryFor(parts);
  const delimited = parts.flatMap((part) => [Buffer.from(`--${boundary}\r\n`), ...part, CRLF]);
  return [Buffer.from(`Content-Type: multipart/alternative; boundary="${boundary}"\r\n\r\n`), ...delimited, Buffer.from(`--${boundary}--\r\n`)];
}

/** Made from the content, so that a repeated delivery is the same to the byte; nobody can write a text that holds its own hash. `=_` is in no quoted-printable (RFC 2045 §6.7). */
function boundaryFor(parts: readonly Buffer[][]): string {
  const hash = createHash('sha256');
  for (const bytes of parts.flat()) hash.update(bytes);
  return `=_${hash.digest('hex').slice(0, 32)}`;
}

/** Text with longer lines is encoded too, as some servers break them. */
const LINE_LENGTH = 76;

/** The head of a part, and its body. */
function textPart(type: string, content: string): Buffer[] {
  const isPlain = mimeFuncs.isPlainText(content) && !mimeFuncs.hasLongerLines(content, LINE_LENGTH);
  const [encoding, body] = isPlain ? ['7bit', Buffer.from(content.replace(/\r\n|\r|\n/g, '\r\n'))] : ['quoted-printable', quotedPrintable(content)];
  return [Buffer.from(`Content-Type: ${type}; charset=utf-8\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`), body];
}

function encodeMessageId(messageId: string): string {
  const id = MESSAGE_ID.exec(messageId)?.[1];
  if (id === undefined || id.length > 900) throw new TypeError('The Message-ID is not valid.');
  return `<${id}>`;
}
