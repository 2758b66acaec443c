import * as asn1js from 'asn1js';
import { numberedOid, parseBer } from './asn1.js';
import { PkiFault } from './pki-fault.js';

/** One attribute of a name. A value given as `#hex` is kept as the DER that it is. */
export interface NameAttribute {
  /** Object identifier. */
  type: string;
  value: string | { der: Buffer };
}

/** Relative distinguished names in the order of DER: the most general first. Each has one attribute, rarely more (`CN=a+OU=b`). */
export type DistinguishedName = NameAttribute[][];

interface AttributeType {
  /** The name it is written with first, others that are understood after it. */
  names: [string, ...string[]];
  /** RFC 5280 appendix A.1, the ub- limits; in characters. */
  longest?: number;
  /** Other than UTF8String (RFC 5280 §4.1.2.4, appendix A.1). */
  encoding?: 'printable' | 'ia5';
}

/** RFC 4514 §3 and what certificate authorities use besides. */
const TYPES: Record<string, AttributeType> = {
  '2.5.4.3': { names: ['CN', 'commonName'], longest: 64 },
  '2.5.4.4': { names: ['SN', 'surname'], longest: 64 },
  '2.5.4.5': { names: ['serialNumber'], longest: 64, encoding: 'printable' },
  '2.5.4.6': { names: ['C', 'countryName'], longest: 2, encoding: 'printable' },
  '2.5.4.7': { names: ['L', 'localityName'], longest: 128 },
  '2.5.4.8': { names: ['ST', 'S', 'stateOrProvinceName'], longest: 128 },
  '2.5.4.9': { names: ['STREET', 'streetAddress'], longest: 128 },
  '2.5.4.10': { names: ['O', 'organizationName'], longest: 64 },
  '2.5.4.11': { names: ['OU', 'organizationalUnitName'], longest: 64 },
  '2.5.4.12': { names: ['title', 'T'], longest: 64 },
  '2.5.4.17': { names: ['postalCode'], longest: 40 },
  '2.5.4.42': { names: ['givenName', 'GN'], longest: 64 },
  '2.5.4.46': { names: ['dnQualifier', 'DNQ'], longest: 64, encoding: 'printable' },
  '2.5.4.97': { names: ['organizationIdentifier'], longest: 128 },
  '0.9.2342.19200300.100.1.1': { names: ['UID', 'userId'], longest: 256 },
  '0.9.2342.19200300.100.1.25': { names: ['DC', 'domainComponent'], longest: 63, encoding: 'ia5' },
  '1.2.840.113549.1.9.1': { names: ['emailAddress', 'E', 'EMAIL'], longest: 255, encoding: 'ia5' },
};
const OID_BY_NAME = new Map(Object.entries(TYPES).flatMap(([oid, { names }]) => names.map((name) => [name.toLowerCase(), oid] as const)));
/** X.660: the second arc is below 40 under the roots 0 and 1. What is larger than 31 bits no tool writes the same way. */
const NUMERIC_OID = /^([01]\.([1-3]?\d)|2\.(0|[1-9]\d{0,9}))(\.(0|[1-9]\d{0,9})){0,30}$/;
const LARGEST_ARC = 0x7fffffff;
const isNumericOid = (text: string): boolean => NUMERIC_OID.test(text) && text.split('.').every((arc) => Number(arc) <= LARGEST_ARC);

/**
 * Reads the text form of a name (RFC 4514): `CN=mailroom,O=Example\, Ltd,C=DE`. Spaces around the separators are passed over, as RFC 2253 did.
 * @throws PkiFault DISTINGUISHED_NAME_INVALID, with the place
 */
export function parseDistinguishedName(text: string): DistinguishedName {
  const reader = new Reader(text);
  const names: DistinguishedName = [[reader.attribute()]];
  while (!reader.atEnd) {
    const separator = reader.separator();
    const attribute = reader.attribute();
    if (separator === '+') names.at(-1)!.push(attribute);
    else names.push([attribute]);
  }
  names.flat().forEach(refuseInvalid);
  return names.reverse();
}

/** DER of the Name (RFC 5280 §4.1.2.4). */
export function encodeDistinguishedName(name: DistinguishedName): ArrayBuffer {
  return new asn1js.Sequence({ value: name.map(encodeRelative) }).toBER();
}

/** The text form of RFC 4514, the most specific first; types by their usual names. */
export function formatDistinguishedName(der: Uint8Array): string {
  const root = parseBer(der);
  const sets = root instanceof asn1js.Sequence ? (root.valueBlock.value as asn1js.Set[]) : [];
  return sets.map((set) => set.valueBlock.value.map((attribute) => formatAttribute(attribute as asn1js.Sequence)).join('+')).reverse().join(',');
}

/** @throws PkiFault DISTINGUISHED_NAME_INVALID when a value cannot stand in a certificate */
export function refuseInvalid({ type, value: given }: NameAttribute): void {
  const { names: [name], longest = 255, encoding = 'utf8' } = TYPES[type] ?? { names: [type] };
  const value = typeof given === 'string' ? given : textOf(TYPES[type] && parseBer(given.der));
  if (value === null) return;
  const length = [...value].length;
  if (length === 0) throw fault(`${name} has no value`);
  if (name === 'C' && !/^[A-Za-z]{2}$/.test(value)) throw fault('C must be a country code of two letters, such as DE (ISO 3166)');
  if (length > longest) throw fault(`${name} may have ${longest} characters, and has ${length}`);
  if (/\p{Cc}/u.test(value)) throw fault(`${name} holds a control character`);
  if (encoding === 'printable' && !/^[A-Za-z0-9 '()+,./:=?-]*$/.test(value)) throw fault(`${name} may hold letters, digits, spaces and '()+,-./:=? only`);
  if (encoding === 'ia5' && !/^[\x20-\x7e]*$/.test(value)) throw fault(`${name} may hold ASCII characters only`);
}

class Reader {
  private at = 0;

  constructor(private readonly text: string) {}

  get atEnd(): boolean {
    return this.at >= this.text.length;
  }

  attribute(): NameAttribute {
    this.spaces();
    const [name] = /^[A-Za-z0-9.-]*/.exec(this.text.slice(this.at))!;
    const type = OID_BY_NAME.get(name.toLowerCase()) ?? (isNumericOid(name) ? name : null);
    if (type === null) throw this.fault(name === '' ? this.hint() : `${name} is not a known attribute; write it as an object identifier`);
    this.at += name.length;
    this.spaces();
    if (this.text[this.at] !== '=') throw this.fault('an equals sign is missing');
    this.at += 1;
    this.spaces();
    return { type, value: this.text[this.at] === '#' ? { der: this.hexValue(type) } : this.stringValue() };
  }

  separator(): ',' | '+' {
    const found = this.text[this.at];
    if (found !== ',' && found !== '+') throw this.fault('a comma is missing');
    this.at += 1;
    return found;
  }

  private hexValue(type: string): Buffer {
    const [, hex = ''] = /^#([0-9A-Fa-f]*)/.exec(this.text.slice(this.at))!;
    if (hex === '' || hex.length % 2 > 0) throw this.fault('pairs of hexadecimal digits must follow the #');
    const der = Buffer.from(hex, 'hex');
    if (!isDer(der, TYPES[type] !== undefined)) throw this.fault(`what follows the # is not a value in DER${TYPES[type] === undefined ? '' : ' that holds text'}`);
    this.at += 1 + hex.length;
    this.spaces();
    return der;
  }

  /** Escapes name bytes of UTF-8, so bytes are gathered; an unescaped space at the end is none of the value's. */
  private stringValue(): string {
    const bytes: number[] = [];
    let kept = 0;
    while (!this.atEnd && !',+'.includes(this.text[this.at]!)) {
      const isEscaped = this.text[this.at] === '\\';
      const isSpace = this.text[this.at] === ' ';
      bytes.push(...(isEscaped ? this.escape() : this.plain()));
      if (!isSpace) kept = bytes.length;
    }
    return this.utf8(Buffer.from(bytes.slice(0, kept)));
  }

  private plain(): Buffer {
    const character = String.fromCodePoint(this.text.codePointAt(this.at)!);
    if ('";<>\0'.includes(character)) throw this.fault(`${JSON.stringify(character)} must be escaped with a backslash`);
    this.at += character.length;
    return Buffer.from(character);
  }

  private escape(): Buffer {
    const [, hex] = /^\\([0-9A-Fa-f]{2})/.exec(this.text.slice(this.at, this.at + 3)) ?? [];
    const escaped = this.text[this.at + 1] ?? '';
    if (hex === undefined && !/^[ "#+,;<=>\\]$/.test(escaped)) throw this.fault('after a backslash comes one of ,+"\\<>;#= or a space, or two hexadecimal digits');
    this.at += hex === undefined ? 2 : 3;
    return hex === undefined ? Buffer.from(escaped) : Buffer.from(hex, 'hex');
  }

  private utf8(bytes: Buffer): string {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw this.fault('the escaped bytes before it are not UTF-8');
    }
  }

  private spaces(): void {
    while (this.text[this.at] === ' ') this.at += 1;
  }

  private hint(): string {
    return this.text.startsWith('/') ? 'write CN=mailroom,O=Example and not /O=Example/CN=mailroom' : 'the name of an attribute is missing, such as CN';
  }

  private fault(message: string): PkiFault {
    return fault(`at character ${this.at + 1}: ${message}`);
  }
}

function encodeRelative(attributes: NameAttribute[]): asn1js.Set {
  const encoded = attributes.map(encodeAttribute);
  encoded.sort((one, other) => Buffer.compare(Buffer.from(one.toBER()), Buffer.from(other.toBER()))); // X.690 §11.6: DER sorts a SET OF
  return new asn1js.Set({ value: encoded });
}

const encodeAttribute = ({ type, value }: NameAttribute): asn1js.Sequence =>
  new asn1js.Sequence({ value: [new asn1js.ObjectIdentifier({ value: type }), typeof value === 'string' ? encodeText(type, value) : parseBer(value.der)] });

function encodeText(type: string, text: string): asn1js.AsnType {
  const { encoding } = TYPES[type] ?? {};
  const value = type === '2.5.4.6' ? text.toUpperCase() : text;
  if (encoding === 'printable') return new asn1js.PrintableString({ value });
  return encoding === 'ia5' ? new asn1js.IA5String({ value }) : new asn1js.Utf8String({ value });
}

function formatAttribute(attribute: asn1js.Sequence): string {
  const [oid, value] = attribute.valueBlock.value;
  const type = oid === undefined ? '' : numberedOid(oid);
  const text = textOf(value);
  const name = TYPES[type]?.names[0] ?? type;
  if (text !== null && TYPES[type] !== undefined) return `${name}=${escaped(text)}`;
  return `${name}=#${value === undefined ? '' : Buffer.from(value.toBER()).toString('hex')}`;
}

/** RFC 5280 §4.1.2.4 and what old authorities use besides; null: no text. Whoever made a certificate chose it: halves of surrogate pairs are mended. */
const textOf = (value: unknown): string | null =>
  value instanceof asn1js.BaseStringBlock && !(value instanceof asn1js.UTCTime) && !(value instanceof asn1js.GeneralizedTime) ? value.getValue().toWellFormed() : null;

/** BER may leave the length open (X.690 §8.1.3.6), DER may not. */
const isDefinite = ({ lenBlock, valueBlock }: asn1js.AsnType): boolean =>
  !lenBlock.isIndefiniteForm && ((valueBlock as { value?: unknown }).value instanceof Array ? (valueBlock as { value: asn1js.AsnType[] }).value.every(isDefinite) : true);

function isDer(bytes: Buffer, mustBeText: boolean): boolean {
  try {
    const value = parseBer(bytes);
    return Buffer.from(value.toBER()).equals(bytes) && isDefinite(value) && (!mustBeText || (textOf(value) ?? '\uFFFD').indexOf('\uFFFD') < 0);
  } catch {
    return false;
  }
}

/** RFC 4514 §2.4; control characters too, so that it stays one line. */
const escaped = (text: string): string =>
  text
    .replace(/["+,;<>\\]/g, '\\$&')
    .replace(/[\p{Cc}\u2028\u2029]/gu, (character) => [...Buffer.from(character)].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join(''))
    .replace(/^[ #]|(?<!^) $/g, '\\$&');

const fault = (message: string): PkiFault => new PkiFault('DISTINGUISHED_NAME_INVALID', `${message[0]!.toUpperCase()}${message.slice(1)}.`, 'subject');
