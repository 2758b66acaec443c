const [TAB, LF, CR, SPACE, EQUALS] = [0x09, 0x0a, 0x0d, 0x20, 0x3d];
const SOFT_BREAK = Buffer.from('=\r\n');
const HEX = Buffer.from('0123456789ABCDEF');
/** RFC 2045 §6.7: characters of a line; one that goes on has a `=` among them. */
const LINE_LENGTH = 76;
/** From here on a line is rather broken behind a space than within a word. */
const SPACE_FROM = 50;
/** Three characters for each byte, and a soft break for each line. */
const WORST_GROWTH = 3 * (1 + SOFT_BREAK.length / SPACE_FROM);

/** Characters that stand for themselves wherever they are: all that is printable, but for `=`. Blanks do so within a line. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) => Number(byte > SPACE && byte <= 0x7e && byte !== EQUALS));

/**
 * Text in UTF-8 as quoted-printable (RFC 2045 §6.7): ASCII with CRLF line ends, whatever its own are. A soft break stands behind a space where there is one,
 * and never within a character, which readers that decode line by line would not put together again. Done for every content, so in one pass.
 */
export function quotedPrintable(text: string): Buffer {
  const bytes = withFinalLineFeed(text);
  const length = bytes.length - 1;
  const encoded = Buffer.allocUnsafe(Math.ceil(bytes.length * WORST_GROWTH));
  let [at, end, line, gap] = [0, 0, 0, 0]; // in the text; in the result: where the next byte goes, where its line began, and where that had its last space
  while (at < length) {
    const byte = bytes[at]!;
    if (PLAIN[byte] === 1 && end - line < LINE_LENGTH - 1) {
      encoded[end++] = byte;
      at += 1;
    } else if (isLineEnd(byte)) {
      at = behindLineEnd(bytes, at);
      encoded[end] = CR;
      encoded[end + 1] = LF;
      line = gap = end += 2;
    } else {
      const next = endOfCharacter(bytes, at);
      const isLast = isLineEnd(bytes[next]!);
      const isLiteral = PLAIN[byte] === 1 || (isBlank(byte) && !isLast);
      const width = isLiteral ? 1 : 3 * (next - at);
      if (end - line + width > (isLast ? LINE_LENGTH : LINE_LENGTH - 1)) {
        line = gap = breakSoftly(encoded, gap - line >= SPACE_FROM ? gap : end, end);
        end += SOFT_BREAK.length;
      }
      if (isLiteral) encoded[end++] = byte;
      else for (let of = at; of < next; of += 1) end = escape(encoded, end, bytes[of]!);
      if (byte === SPACE) gap = end;
      at = next;
    }
  }
  return encoded.subarray(0, end);
}

/** So that each byte has one behind it. */
function withFinalLineFeed(text: string): Buffer {
  const bytes = Buffer.allocUnsafe(Buffer.byteLength(text) + 1);
  bytes[bytes.write(text)] = LF;
  return bytes;
}

const isLineEnd = (byte: number): boolean => byte === LF || byte === CR;
const isBlank = (byte: number): boolean => byte === SPACE || byte === TAB;
const behindLineEnd = (bytes: Buffer, at: number): number => at + (bytes[at] === CR && bytes[at + 1] === LF ? 2 : 1);

function endOfCharacter(bytes: Buffer, at: number): number {
  let next = at + 1;
  while ((bytes[next]! & 0xc0) === 0x80) next += 1;
  return next;
}

/** @returns where the new line begins */
function breakSoftly(encoded: Buffer, place: number, end: number): number {
  encoded.copyWithin(place + SOFT_BREAK.length, place, end);
  encoded.set(SOFT_BREAK, place);
  return place + SOFT_BREAK.length;
}

/** @returns where the next byte goes */
function escape(encoded: Buffer, end: number, byte: number): number {
  encoded[end] = EQUALS;
  encoded[end + 1] = HEX[byte >> 4]!;
  encoded[end + 2] = HEX[byte & 0xf]!;
  return end + 3;
}
