import { isUtf8 } from 'node:buffer';
import { createPrivateKey } from 'node:crypto';

/** A value that must stand nowhere: a text, or one of the numbers that make a private key. */
export interface Secret {
  name: string;
  value: Buffer;
}

/** One thing that somebody can read: an answer, a row, a job, a file, a log line. */
export interface Place {
  kind: string;
  name: string;
  text: string;
}

/** Of a long secret a part is a leak too. 48 bytes are a line of PEM. */
const PIECE_BYTES = 48;
/** Shorter ones would be found in anything. */
const SHORTEST_BYTES = 8;

export const textSecret = (name: string, text: string): Secret => ({ name, value: Buffer.from(text) });

/** What is private in a key. Its other numbers stand in the certificate. */
export function keySecrets(name: string, pem: string): Secret[] {
  const jwk = createPrivateKey(pem).export({ format: 'jwk' });
  return (['d', 'p', 'q'] as const).flatMap((part) => (jwk[part] === undefined ? [] : [{ name: `${name}, ${part}`, value: Buffer.from(jwk[part], 'base64url') }]));
}

/** How an unencrypted private key begins (RFC 5958): finds also one that no test has made. */
const KEY_MARKS: Secret[] = [
  { name: 'an RSA key', value: Buffer.from('020100300d06092a864886f70d01010105000482', 'hex') },
  { name: 'a P-256 key', value: Buffer.from('020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420', 'hex') },
];
const WORDS = ['PRIVATE KEY', 'privateKeyCiphertext'];

/** `<secret> as <form> in <place>` for each secret that stands somewhere. */
export function leaksIn(places: Place[], secrets: Secret[]): string[] {
  const texts = places.map(({ text }) => `${text}\n${squeezed(text)}`);
  const everything = texts.join('\n');
  return secrets.flatMap(({ name, value }) => formsOf(value).flatMap(([form, text]) => {
    if (!everything.includes(text)) return [];
    return places.filter((_place, index) => texts[index]!.includes(text)).map((place) => `${name} as ${form} in ${place.kind} ${place.name}`);
  }));
}

/** The same for private keys that the test does not know. */
export function keysIn(places: Place[]): string[] {
  const worded = places.flatMap(({ kind, name, text }) => WORDS.filter((word) => text.includes(word)).map((word) => `"${word}" in ${kind} ${name}`));
  return [...worded, ...leaksIn(places, KEY_MARKS)];
}

/** The forms in which a secret travels or might be written down, each with its name. */
export function formsOf(secret: Buffer): [string, string][] {
  if (secret.length < SHORTEST_BYTES) throw new Error('a secret of a test needs at least 8 bytes, or it is found anywhere');
  return piecesOf(secret).flatMap((piece) => [...byteForms(piece), ...(isUtf8(piece) ? textForms(piece.toString()) : [])]);
}

function piecesOf(secret: Buffer): Buffer[] {
  if (secret.length <= 2 * PIECE_BYTES) return [secret];
  return Array.from({ length: Math.floor(secret.length / PIECE_BYTES) }, (_, index) => secret.subarray(index * PIECE_BYTES, (index + 1) * PIECE_BYTES));
}

function byteForms(bytes: Buffer): [string, string][] {
  const inBase64 = [0, 1, 2].map((shift) => base64Inside(bytes, shift));
  return [
    ...inBase64.map((text): [string, string] => ['base64', text]),
    ...inBase64.map((text): [string, string] => ['base64url', text.replaceAll('+', '-').replaceAll('/', '_')]),
    ['hex', bytes.toString('hex')],
    ['hex', bytes.toString('hex').toUpperCase()],
    ['a list of bytes', [...bytes].join(',')],
  ];
}

function textForms(text: string): [string, string][] {
  const [inUrl, inForm] = [encodeURIComponent(text), new URLSearchParams([['', text]]).toString().slice(1)];
  return [
    ['plain text', text],
    ['plain text', squeezed(text)],
    ...[inUrl, inForm].flatMap((encoded): [string, string][] => [['URL-encoded', encoded], ['URL-encoded', encoded.replace(/%../g, (escape) => escape.toLowerCase())]]),
    // As the header of Basic has it (RFC 6749, section 2.3.1).
    ...[0, 1, 2].map((shift): [string, string] => ['base64', base64Inside(Buffer.from(inForm), shift)]),
  ];
}

/**
 * What is the same in the base64 of every text that holds the secret `shift` bytes after a multiple of three: so that it is found also in the
 * responses of SASL PLAIN, LOGIN and XOAUTH2, in the header of Basic, in JSON.
 */
function base64Inside(bytes: Buffer, shift: number): string {
  const whole = Math.floor(((shift + bytes.length) * 8) / 6);
  return Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64').slice(Math.ceil((shift * 8) / 6), whole);
}

/** Without line ends and blanks, plain or escaped, so that nothing hides behind a folded line. */
const squeezed = (text: string): string => text.replace(/\\[rnt]|\s+/g, '');
