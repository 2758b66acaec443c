import { HIDDEN } from '../redact.js';
import { printable } from './printable.js';

/** Far above the 512 octets of RFC 5321 §4.5.3.1.5, which servers exceed, and far below what could hurt. */
export const REPLY_LIMITS = { lineBytes: 4_096, lines: 128, totalBytes: 65_536 };

const LF = 0x0a;
const CR = 0x0d;
const REPLY_LINE = /^([2-5]\d\d)(?:([ -])(.*))?$/s;
const ENHANCED_CODE = /^([245]\.\d{1,3}\.\d{1,3})(?: |$)/;

export interface Reply {
  /** 200–599. */
  code: number;
  /** The text of each line, without the code, made printable. */
  lines: string[];
  /** The whole reply on one line, starting with the code. */
  text: string;
  /** RFC 2034, such as `2.1.5`, or null. */
  enhancedCode: string | null;
}

/**
 * Bytes that are no SMTP reply; `message` shows how they begin, `discreet` says the same without them. `looksLike` names the protocol when
 * they give it away.
 */
export class MalformedReply extends Error {
  constructor(message: string, readonly discreet: string = message, readonly looksLike: 'tls' | 'http' | null = null) {
    super(message);
    this.name = 'MalformedReply';
  }

  /**
   * For a server that was sent a secret. Taking the secret out of the beginning would not do: it ends somewhere, and the secret with it, and
   * the rest may not even have arrived.
   */
  withoutExcerpt(): MalformedReply {
    return new MalformedReply(this.discreet, this.discreet, this.looksLike);
  }
}

/**
 * Cuts a byte stream into replies (RFC 5321 §4.2), with bounds on each line, on the lines of a reply and on its bytes.
 * Throws MalformedReply at the first byte that cannot belong to a reply, so garbage is seen at once and not after a time-out.
 */
export class ReplyReader {
  #partial: Buffer | null = null;
  #code = 0;
  #lines: string[] = [];
  #bytes = 0;

  /** Bytes of an unfinished reply are waiting. */
  get midReply(): boolean {
    return this.#partial !== null || this.#lines.length > 0;
  }

  /** Calls `onReply` for each reply that `chunk` completes. */
  push(chunk: Buffer, onReply: (reply: Reply) => void): void {
    const data = this.#partial ? Buffer.concat([this.#partial, chunk]) : chunk;
    this.#partial = null;
    let start = 0;
    for (let end = data.indexOf(LF); end >= 0; end = data.indexOf(LF, start)) {
      this.#line(data.subarray(start, end > start && data[end - 1] === CR ? end - 1 : end), onReply);
      start = end + 1;
    }
    if (start < data.length) this.#keep(data.subarray(start));
  }

  #keep(rest: Buffer): void {
    if (!startsLikeReply(rest)) throw malformed(rest);
    if (rest.length > REPLY_LIMITS.lineBytes) throw tooLong(rest);
    this.#partial = rest;
  }

  #line(line: Buffer, onReply: (reply: Reply) => void): void {
    this.#bytes += line.length;
    if (line.length > REPLY_LIMITS.lineBytes || this.#bytes > REPLY_LIMITS.totalBytes || this.#lines.length >= REPLY_LIMITS.lines) throw tooLong(line);
    const [, code, separator, text] = REPLY_LINE.exec(line.toString('utf8')) ?? [];
    // RFC 5321 §4.2.1: the code is the same on each line of a reply.
    if (code === undefined || (this.#lines.length > 0 && Number(code) !== this.#code)) throw malformed(line);
    this.#code = Number(code);
    this.#lines.push(printable(text ?? '', REPLY_LIMITS.lineBytes));
    if (separator !== '-') this.#complete(onReply);
  }

  #complete(onReply: (reply: Reply) => void): void {
    const reply = toReply(this.#code, this.#lines);
    this.#lines = [];
    this.#bytes = 0;
    onReply(reply);
  }
}

function toReply(code: number, lines: string[]): Reply {
  const enhancedCode = ENHANCED_CODE.exec(lines[0] ?? '')?.[1] ?? null;
  const [first = '', ...others] = lines;
  // RFC 2034 §4 repeats the enhanced code on each line; once is enough for a reader.
  const rest = enhancedCode ? others.map((line) => (line.startsWith(enhancedCode) ? line.slice(enhancedCode.length).trimStart() : line)) : others;
  return { code, lines, enhancedCode, text: [String(code), first, ...rest].filter((part) => part !== '').join(' ') };
}

/** The reply without what `redact` takes out of its lines, and without its words when that is only found in several lines together. */
export function redactedReply(reply: Reply, redact: (text: string) => string): Reply {
  return spansLines(reply, redact)
    ? { ...reply, lines: reply.lines.map(() => HIDDEN), text: `${reply.code} ${HIDDEN}` }
    : { ...reply, lines: reply.lines.map(redact), text: redact(reply.text) };
}

function spansLines({ lines }: Reply, redact: (text: string) => string): boolean {
  if (lines.length < 2) return false;
  const bare = lines.map((line) => line.replace(ENHANCED_CODE, ''));
  return redact(bare.join(' ')) !== bare.map(redact).join(' ');
}

const startsLikeReply = (bytes: Buffer): boolean => bytes[0]! >= 0x32 && bytes[0]! <= 0x35;

const excerptOf = (bytes: Buffer): string => printable(bytes.subarray(0, 200).toString('utf8'), 120);

const tooLong = (bytes: Buffer): MalformedReply => new MalformedReply(`a reply that is too long (“${excerptOf(bytes)}…”)`, 'a reply that is too long');

/** A TLS record starts with its content type (20–23) and the major version 3. */
function malformed(bytes: Buffer): MalformedReply {
  if (bytes.length > 1 && bytes[0]! >= 20 && bytes[0]! <= 23 && bytes[1] === 3) return new MalformedReply('a TLS record', 'a TLS record', 'tls');
  const excerpt = excerptOf(bytes);
  return new MalformedReply(`“${excerpt}”`, `“${HIDDEN}”`, /^(HTTP\/|<!doctype|<html)/i.test(excerpt) ? 'http' : null);
}
