const LF = 0x0a;
const CR = 0x0d;
const DOT = 0x2e;
const CRLF = Buffer.from('\r\n');
const END_OF_DATA = Buffer.from('.\r\n');
const LONE_BREAK = /\r\n|\r|\n/g;

/**
 * A message as it goes over the wire after DATA (RFC 5321 §4.5.2): lines end in CRLF, a leading dot is doubled, CRLF.CRLF ends it.
 * A lone CR or LF becomes CRLF: left alone, two servers could see the end of the message at two places (SMTP smuggling).
 */
export function encodeData(message: Buffer): Buffer {
  const normal = hasOnlyCrlf(message) ? message : Buffer.from(message.toString('latin1').replace(LONE_BREAK, '\r\n'), 'latin1');
  const end = normal.length === 0 || normal[normal.length - 1] === LF ? [END_OF_DATA] : [CRLF, END_OF_DATA];
  return Buffer.concat([...stuffed(normal), ...end]);
}

/** Native searches from line end to line end; no loop over bytes. */
function hasOnlyCrlf(message: Buffer): boolean {
  let cr = message.indexOf(CR);
  for (let lf = message.indexOf(LF); lf >= 0 || cr >= 0; lf = message.indexOf(LF, lf + 1)) {
    if (cr !== lf - 1 || cr < 0) return false;
    cr = message.indexOf(CR, lf + 1);
  }
  return true;
}

/** The message cut before each dot that starts a line, with one more dot put in. */
function stuffed(message: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  let start = 0;
  if (message[0] === DOT) parts.push(Buffer.of(DOT));
  for (let at = message.indexOf('\n.'); at >= 0; at = message.indexOf('\n.', at + 1)) {
    parts.push(message.subarray(start, at + 1), Buffer.of(DOT));
    start = at + 1;
  }
  parts.push(message.subarray(start));
  return parts;
}
