import { unreadable } from './pki-fault.js';

/** One block of a PEM file (RFC 7468). */
export interface PemBlock {
  /** Such as `CERTIFICATE`. */
  label: string;
  der: Buffer;
  /** By the headers of old: `der` is a ciphertext. */
  encrypted: boolean;
  /** The block anew: its lines as they should be, with the headers of an old encrypted key and no others. */
  text: string;
}

const BEGIN = '-----BEGIN ';
const DASHES = '-----';
const LABEL = /^([A-Z0-9][A-Z0-9 ]*)-----/;
const LONGEST_LABEL = 60;
const LINE_LENGTH = 64; // RFC 7468 §2

export const looksLikePem = (text: string): boolean => text.includes(BEGIN);

/**
 * All blocks of a text, in their order; lines end as they like, and what stands around the blocks is passed over. Takes time in proportion
 * to the text, whatever is in it.
 * @throws PkiFault CERTIFICATE_UNREADABLE
 */
export function pemBlocks(text: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  for (let start = text.indexOf(BEGIN); start >= 0; start = text.indexOf(BEGIN, start + 1)) {
    const label = labelAt(text, start + BEGIN.length);
    if (label === null) continue;
    const bodyStart = start + BEGIN.length + label.length + DASHES.length;
    const end = `-----END ${label}-----`;
    const bodyEnd = text.indexOf(end, bodyStart);
    if (bodyEnd < 0) throw unreadable(`The PEM block "${label}" has no end ("${end}"). The file was cut short: copy it again, as a whole.`);
    blocks.push(blockOf(label, text.slice(bodyStart, bodyEnd)));
    start = bodyEnd;
  }
  return blocks;
}

export function toPem(label: string, der: Uint8Array, headers = ''): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64');
  const lines = Array.from({ length: Math.ceil(base64.length / LINE_LENGTH) }, (_, index) => base64.slice(index * LINE_LENGTH, (index + 1) * LINE_LENGTH));
  return [`${BEGIN}${label}-----`, ...(headers === '' ? [] : [headers, '']), ...lines, `-----END ${label}-----`, ''].join('\n');
}

/** Base64 with line ends and spaces anywhere; null when anything else is in it. */
export function fromBase64(text: string): Buffer | null {
  const bare = text.replace(/\s+/g, '');
  return bare !== '' && /^[A-Za-z0-9+/]+={0,2}$/.test(bare) ? Buffer.from(bare, 'base64') : null;
}

function labelAt(text: string, start: number): string | null {
  const [, label = null] = LABEL.exec(text.slice(start, start + LONGEST_LABEL + DASHES.length)) ?? [];
  return label;
}

/** Headers are those of an old encrypted key (RFC 1421: `Proc-Type: 4,ENCRYPTED`); an empty line ends them. No other is passed on to OpenSSL. */
const LONGEST_HEADERS = 300;
const HEADERS = /^Proc-Type: 4,ENCRYPTED\nDEK-Info: [A-Z0-9-]{1,30},[0-9A-Fa-f]{1,64}$/;

function blockOf(label: string, body: string): PemBlock {
  const [headers] = /^\s*[A-Za-z-]+:/.test(body) ? body.split(/\r?\n[ \t]*\r?\n/, 1) as [string] : [''];
  const der = fromBase64(body.slice(headers.length));
  // Cut first: what follows takes more than time in proportion to its length.
  const known = headers.slice(0, LONGEST_HEADERS).trim().replace(/[ \t]*\r?\n/g, '\n');
  const encrypted = HEADERS.test(known);
  if (der === null || (known !== '' && !encrypted && label.endsWith('KEY'))) throw unreadable(`The PEM block "${label}" holds characters that do not belong there. Copy the file again, as a whole and unchanged.`);
  return { label, der, encrypted, text: toPem(label, der, encrypted ? known : '') };
}
