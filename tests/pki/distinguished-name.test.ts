import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as asn1js from 'asn1js';
import fc from 'fast-check';
import { createCertificateRequest } from '../../src/pki/certificate-request.js';
import { type DistinguishedName, encodeDistinguishedName, formatDistinguishedName, type NameAttribute, parseDistinguishedName } from '../../src/pki/distinguished-name.js';
import { PkiFault } from '../../src/pki/pki-fault.js';
import { missingTool, type ToolFolder, toolFolder } from '../setup/certificate-tools.js';
import { faultOf } from './fault.js';
import { nameOf } from './issue.js';

const encoded = (name: DistinguishedName): Buffer => Buffer.from(encodeDistinguishedName(name));
const der = (text: string): Buffer => encoded(parseDistinguishedName(text));
const roundTrip = (text: string): string => formatDistinguishedName(der(text));
/** Types and values, in the order of DER. */
const parts = (text: string) => parseDistinguishedName(text).map((relative) => relative.map(({ type, value }) => [type, typeof value === 'string' ? value : value.der.toString('hex')]));
const CN = '2.5.4.3';
const valueOf = (text: string): string => parts(text)[0]![0]![1]!;

describe('the examples of RFC 4514 §4', () => {
  test.each([
    ['UID=jsmith,DC=example,DC=net', [[['0.9.2342.19200300.100.1.25', 'net']], [['0.9.2342.19200300.100.1.25', 'example']], [['0.9.2342.19200300.100.1.1', 'jsmith']]]],
    ['OU=Sales+CN=J.  Smith,DC=example,DC=net', [[['0.9.2342.19200300.100.1.25', 'net']], [['0.9.2342.19200300.100.1.25', 'example']], [['2.5.4.11', 'Sales'], [CN, 'J.  Smith']]]],
    ['CN=James \\"Jim\\" Smith\\, III,DC=example,DC=net', [[['0.9.2342.19200300.100.1.25', 'net']], [['0.9.2342.19200300.100.1.25', 'example']], [[CN, 'James "Jim" Smith, III']]]],
    ['1.3.6.1.4.1.1466.0=#04024869', [[['1.3.6.1.4.1.1466.0', '04024869']]]],
    ['CN=Lu\\C4\\8Di\\C4\\87', [[[CN, 'Lu\u010di\u0107']]]],
  ])('%s', (text, name) => {
    expect(parts(text)).toEqual(name);
    expect(parts(roundTrip(text)).map((relative) => relative.sort())).toEqual(name.map((relative) => relative.sort()));
  });

  test('CN=Before\\0dAfter,DC=example,DC=net is refused: a name stays one line', () => {
    expect(faultOf(() => parseDistinguishedName('CN=Before\\0dAfter,DC=example,DC=net'))).toMatchObject({ code: 'DISTINGUISHED_NAME_INVALID', part: 'subject', message: 'CN holds a control character.' });
  });
});

describe('values', () => {
  test.each([
    ['every character that may be escaped', 'CN=a\\,\\+\\"\\\\\\<\\>\\;\\#\\=\\ b', 'a,+"\\<>;#= b'],
    ['hexadecimal digits in either case', 'CN=\\c3\\A4', 'ä'],
    ['four bytes of UTF-8', 'CN=\\F0\\9F\\94\\91', '🔑'],
    ['escaped bytes next to what is not escaped', 'CN=ä\\C3\\A4ä', 'äää'],
    ['an equals sign and a number sign within', 'CN=a=b#c', 'a=b#c'],
    ['an escaped number sign in front', 'CN=\\#0401', '#0401'],
    ['spaces within', 'CN=a  b', 'a  b'],
    ['spaces around, which are none of its', 'CN=   a   ', 'a'],
    ['an escaped space in front and at the end', 'CN=\\ a\\ ', ' a '],
    ['a space at the end by its digits', 'CN=a\\20', 'a '],
    ['an escaped space with others behind it', 'CN=a\\   ', 'a '],
    ['spaces in front of an escaped one', 'CN=  \\ a', ' a'],
    ['one space', 'CN=\\ ', ' '],
    ['several spaces', 'CN=\\ \\ \\ ', '   '],
    ['a byte order mark, which is a character like others', 'CN=\\EF\\BB\\BFa', '\ufeffa'],
    ['right to left', 'CN=\u05d0\u05d1', '\u05d0\u05d1'],
    ['no letter at all', 'CN=\\+', '+'],
  ])('%s', (_name, text, value) => {
    expect(valueOf(text)).toBe(value);
    expect(valueOf(roundTrip(text))).toBe(value);
  });

  test.each([
    ['a quotation mark', 'a"b', 'CN=a\\"b'],
    ['a comma', 'a,b', 'CN=a\\,b'],
    ['a plus sign', 'a+b', 'CN=a\\+b'],
    ['a semicolon', 'a;b', 'CN=a\\;b'],
    ['angle brackets', '<a>', 'CN=\\<a\\>'],
    ['a backslash', 'a\\b', 'CN=a\\\\b'],
    ['a backslash at the end', 'a\\', 'CN=a\\\\'],
    ['a number sign in front', '#a', 'CN=\\#a'],
    ['a number sign within', 'a#', 'CN=a#'],
    ['spaces at both ends', '  a  ', 'CN=\\  a \\ '],
    ['one space', ' ', 'CN=\\ '],
    ['two spaces', '  ', 'CN=\\ \\ '],
    ['a backslash in front of a space at the end', '\\ ', 'CN=\\\\\\ '],
    ['line ends', 'a\r\nb', 'CN=a\\0d\\0ab'],
    ['NUL', 'a\0', 'CN=a\\00'],
    ['the line separator of Unicode', 'a\u2028', 'CN=a\\e2\\80\\a8'],
  ])('%s is written so that it can be read', (_name, value, text) => {
    expect(formatDistinguishedName(new Uint8Array(nameOf([CN, new asn1js.Utf8String({ value })]).toBER()))).toBe(text);
  });

  test.each<[string, asn1js.BaseBlock, string]>([
    ['PrintableString', new asn1js.PrintableString({ value: 'Ab 1' }), 'CN=Ab 1'],
    ['IA5String', new asn1js.IA5String({ value: 'a@b' }), 'CN=a@b'],
    ['BMPString', new asn1js.BmpString({ value: 'päß€' }), 'CN=päß€'],
    ['UniversalString', new asn1js.UniversalString({ value: 'pä€🔑' }), 'CN=pä€🔑'],
    ['TeletexString', new asn1js.TeletexString({ value: 'a' }), 'CN=a'],
    ['INTEGER', new asn1js.Integer({ value: 5 }), 'CN=#020105'],
    ['NULL', new asn1js.Null(), 'CN=#0500'],
    ['OCTET STRING', new asn1js.OctetString({ valueHex: Uint8Array.of(1).buffer }), 'CN=#040101'],
    ['BIT STRING', new asn1js.BitString({ valueHex: Uint8Array.of(1).buffer }), 'CN=#03020001'],
    ['SEQUENCE', new asn1js.Sequence({ value: [new asn1js.Null()] }), 'CN=#30020500'],
    ['OBJECT IDENTIFIER', new asn1js.ObjectIdentifier({ value: CN }), 'CN=#0603550403'],
    ['GeneralizedTime', new asn1js.GeneralizedTime({ valueDate: new Date(0) }), 'CN=#180f31393730303130313030303030305a'],
  ])('%s in a certificate', (_name, value, text) => {
    expect(formatDistinguishedName(new Uint8Array(nameOf([CN, value]).toBER()))).toBe(text);
  });

  test('half a surrogate pair in a BMPString does not make text that cannot be stored', () => {
    const half = new asn1js.BmpString({ valueHex: Uint8Array.of(0, 0x41, 0xd8, 0x3d).buffer });
    expect(formatDistinguishedName(new Uint8Array(nameOf([CN, half]).toBER())).isWellFormed()).toBe(true);
  });

  test('a type that has no name is written by its number, and its value in hexadecimal digits', () => {
    expect(roundTrip('1.3.6.1.4.1.99999.7=ä')).toBe('1.3.6.1.4.1.99999.7=#0c02c3a4');
  });
});

describe('attributes', () => {
  test.each([
    ['CN', 'CN'], ['cn', 'CN'], ['commonName', 'CN'], ['COMMONNAME', 'CN'], ['2.5.4.3', 'CN'], ['S', 'ST'], ['stateOrProvinceName', 'ST'], ['E', 'emailAddress'], ['EMAIL', 'emailAddress'],
    ['userId', 'UID'], ['domainComponent', 'DC'], ['GN', 'givenName'], ['SN', 'SN'], ['surname', 'SN'], ['SERIALNUMBER', 'serialNumber'], ['T', 'title'], ['street', 'STREET'], ['DNQ', 'dnQualifier'],
    ['OU', 'OU'], ['o', 'O'], ['l', 'L'], ['postalcode', 'postalCode'], ['2.5.4.97', 'organizationIdentifier'],
  ])('%s is %s', (given, written) => {
    expect(roundTrip(`${given}=x`)).toBe(`${written}=x`);
  });

  test.each([['CN=a,O=b,C=DE'], ['CN = a , O = b , C = DE'], ['  CN  =  a  ,  O  =  b  ,  C  =  DE  ']])('spaces around separators are passed over: %p', (text) => {
    expect(roundTrip(text)).toBe('CN=a,O=b,C=DE');
  });

  test('the most general one is first in DER, and last in the text', () => {
    const root = asn1js.fromBER(der('CN=a,O=b,C=DE')).result as asn1js.Sequence;
    const first = ((root.valueBlock.value[0] as asn1js.Set).valueBlock.value[0] as asn1js.Sequence).valueBlock.value;
    expect([(first[0] as asn1js.ObjectIdentifier).getValue(), (first[1] as asn1js.PrintableString).getValue()]).toEqual(['2.5.4.6', 'DE']);
    expect(parts('CN=a,O=b,C=DE').map((relative) => relative[0]![1])).toEqual(['DE', 'b', 'a']);
  });

  test('those of one relative name are sorted as DER wants it', () => {
    expect(der('OU=Sales+CN=J')).toEqual(der('CN=J+OU=Sales'));
    expect(parts('OU=Sales+CN=J,C=DE')[1]).toEqual([['2.5.4.11', 'Sales'], [CN, 'J']]);
  });

  test.each<[string, number, string]>([
    ['CN=a', 0x0c, 'a'], ['O=ä', 0x0c, 'ä'], ['C=de', 0x13, 'DE'], ['serialNumber=A-1', 0x13, 'A-1'], ['dnQualifier=x', 0x13, 'x'], ['DC=example', 0x16, 'example'], ['emailAddress=a@b.example', 0x16, 'a@b.example'],
  ])('%s is encoded by the tag that RFC 5280 wants', (text, tag, value) => {
    expect(der(text).subarray(-Buffer.byteLength(value) - 2).toString('latin1')).toBe(Buffer.concat([Buffer.of(tag, Buffer.byteLength(value)), Buffer.from(value)]).toString('latin1'));
  });

  test('a value given as DER is kept as it is', () => {
    expect(der('CN=#130141').toString('hex')).toBe('300c310a30080603550403130141');
    expect(der(' CN = #0C0141 , C=DE')).toEqual(der('CN=A,C=DE'));
  });

  // asn1js keeps arcs above 2^53 in a form of its own, and the two first arcs share a byte: what comes out must be what was asked for.
  test.each([
    ['1.2.3'], ['0.39'], ['1.39.1'], ['2.999.1'], ['2.40'], ['0.40'], ['1.50.3'], ['1.2.4294967296'], ['1.2.9007199254740993'], ['1.2.9999999999999999999'], [`1.2${'.1'.repeat(29)}`],
  ])('the object identifier %s is either refused, or the one that is encoded', (oid) => {
    let name: DistinguishedName;
    try {
      name = parseDistinguishedName(`${oid}=x`);
    } catch (error) {
      expect(error).toMatchObject({ code: 'DISTINGUISHED_NAME_INVALID' });
      return;
    }
    expect(formatDistinguishedName(encoded(name))).toBe(`${oid}=#0c0178`);
  });

  test('very many are read', () => {
    expect(parseDistinguishedName('OU=a,'.repeat(20_000) + 'C=DE')).toHaveLength(20_001);
  });
});

describe('limits', () => {
  test.each([
    ['CN', 64], ['SN', 64], ['serialNumber', 64], ['L', 128], ['ST', 128], ['STREET', 128], ['O', 64], ['OU', 64], ['title', 64], ['postalCode', 40], ['givenName', 64], ['dnQualifier', 64],
    ['organizationIdentifier', 128], ['UID', 256], ['DC', 63], ['emailAddress', 255], ['1.2.3', 255],
  ])('%s has at most %i characters', (name, longest) => {
    expect(parseDistinguishedName(`${name}=${'a'.repeat(longest)}`)).toHaveLength(1);
    expect(faultOf(() => parseDistinguishedName(`${name}=${'a'.repeat(longest + 1)}`)).message).toMatch(new RegExp(`^${name} may have ${longest} characters, and has ${longest + 1}\\.$`, 'i'));
  });

  test('characters are counted, not their bytes or halves', () => {
    expect(valueOf(`CN=${'🔑'.repeat(64)}`)).toBe('🔑'.repeat(64));
    expect(faultOf(() => parseDistinguishedName(`CN=${'🔑'.repeat(65)}`)).message).toMatch(/64 characters, and has 65/);
  });

  test.each([['DE', 'DE'], ['de', 'DE'], ['\\64e', 'DE']])('the country %s', (given, country) => {
    expect(roundTrip(`C=${given}`)).toBe(`C=${country}`);
  });

  test.each([['D'], ['DEU'], ['D1'], ['Deutschland'], ['D\\ '], ['ÄÖ'], ['\u212aR']])('no country: %s', (country) => {
    expect(faultOf(() => parseDistinguishedName(`CN=a,C=${country}`)).message).toMatch(/country code of two letters/);
  });
});

describe('faults, with the place', () => {
  test.each([
    ['nothing', '', /^At character 1: the name of an attribute is missing/],
    ['spaces alone', '   ', /^At character 4: the name of an attribute is missing/],
    ['no attribute after a comma', 'CN=a,', /^At character 6: the name of an attribute is missing/],
    ['no attribute between commas', 'CN=a,,C=DE', /^At character 6: the name of an attribute is missing/],
    ['no attribute after a plus sign', 'CN=a+', /^At character 6: the name of an attribute is missing/],
    ['an unknown attribute', 'CN=a,XX=1', /^At character 6: XX is not a known attribute/],
    ['an object identifier that is none', '3.1=a', /^At character 1: 3\.1 is not a known attribute/],
    ['an object identifier with a zero in front', '1.02=a', /^At character 1: 1\.02 is not a known attribute/],
    ['the name of a property of every object', 'constructor=a', /^At character 1: constructor is not a known attribute/],
    ['no equals sign', 'CN=a,O', /^At character 7: an equals sign is missing/],
    ['no equals sign but another character', 'CN:a', /^At character 3: an equals sign is missing/],
    ['a name that is not ASCII', 'ÇN=a', /^At character 1: the name of an attribute is missing/],
    ['the form with slashes', '/C=DE/CN=a', /^At character 1: write CN=mailroom,O=Example and not \/O=Example\/CN=mailroom/],
    ['a quotation mark', 'CN="a"', /^At character 4: "\\"" must be escaped with a backslash/],
    ['a semicolon', 'CN=a;O=b', /^At character 5: ";" must be escaped/],
    ['an angle bracket', 'CN=a<', /^At character 5: "<" must be escaped/],
    ['NUL', 'CN=a\0', /^At character 5: "\\u0000" must be escaped/],
    ['a backslash at the end', 'CN=a\\', /^At character 5: after a backslash comes/],
    ['a backslash before a letter', 'CN=a\\z', /^At character 5: after a backslash comes/],
    ['half a byte', 'CN=a\\4', /^At character 5: after a backslash comes/],
    ['bytes that are not UTF-8', 'CN=a\\E9,O=b', /^At character 8: the escaped bytes before it are not UTF-8/],
    ['half a character', 'CN=\\C4,O=b', /^At character 7: the escaped bytes before it are not UTF-8/],
    ['half a surrogate pair in UTF-8', 'CN=\\ED\\A0\\BD', /are not UTF-8/],
    ['more bytes than a character needs', 'CN=\\C0\\AF', /are not UTF-8/],
    ['a number sign alone', 'CN=#', /^At character 4: pairs of hexadecimal digits/],
    ['an odd number of digits', 'CN=#040', /^At character 4: pairs of hexadecimal digits/],
    ['no digits', 'CN=#xy', /^At character 4: pairs of hexadecimal digits/],
    ['what is not DER', 'CN=#30ff', /^At character 4: what follows the # is not a value in DER/],
    ['DER with more behind it', 'CN=#04014800', /^At character 4: what follows the # is not a value in DER/],
    ['DER that is no text, for an attribute of text', 'CN=#0500', /^At character 4: what follows the # is not a value in DER that holds text/],
    ['half a surrogate pair in DER', 'CN=#1e040041d83d', /^At character 4: what follows the # is not a value in DER that holds text/],
    ['BER of no declared length', '1.2.3=#24800401410000', /^At character 7: what follows the # is not a value in DER/],
    ['characters after DER', '1.2.3=#040148x', /^At character 14: a comma is missing/],
  ])('%s', (_name, text, message) => {
    expect(faultOf(() => parseDistinguishedName(text))).toMatchObject({ code: 'DISTINGUISHED_NAME_INVALID', part: 'subject', message: expect.stringMatching(message) });
  });

  test.each([
    ['no value', 'CN=', /^CN has no value/],
    ['no value before a comma', 'CN=a,O=,C=DE', /^O has no value/],
    ['spaces for a value', 'CN=   ,C=DE', /^CN has no value/],
    ['a line end', 'CN=a\nb', /^CN holds a control character/],
    ['a control character of Latin 1', 'CN=a\u0085', /^CN holds a control character/],
    ['a control character in DER', 'CN=#0c0141,O=#0c0107', /^O holds a control character/],
    ['no value in DER', 'CN=#0c00', /^CN has no value/],
    ['DEL by its digits', 'CN=a\\7f', /^CN holds a control character/],
    ['an underscore in a PrintableString', 'serialNumber=a_b', /^serialNumber may hold letters, digits, spaces/i],
    ['an umlaut in a domain', 'DC=ä', /^DC may hold ASCII characters only/],
    ['an umlaut in an address', 'emailAddress=ä@example.com', /^emailAddress may hold ASCII characters only/i],
  ])('%s: which attribute is told', (_name, text, message) => {
    expect(faultOf(() => parseDistinguishedName(text))).toMatchObject({ code: 'DISTINGUISHED_NAME_INVALID', part: 'subject', message: expect.stringMatching(message) });
  });
});

describe('whatever is given', () => {
  const TYPES = ['CN', 'SN', 'serialNumber', 'C', 'L', 'ST', 'STREET', 'O', 'OU', 'title', 'postalCode', 'givenName', 'dnQualifier', 'organizationIdentifier', 'UID', 'DC', 'emailAddress'];
  const character = fc.oneof(fc.constantFrom(...' ,+"\\<>;#=a'), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }));
  /** As one may write a character: by its digits, escaped, or as it is where that is allowed. */
  const written = fc.tuple(character, fc.nat(2)).map(([one, how]) => {
    const digits = [...Buffer.from(one)].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('');
    if (how === 0) return digits;
    if (!' ,+"\\<>;#='.includes(one)) return one === '\0' ? digits : one;
    return how === 1 || ',+"\\<>;#'.includes(one) ? `\\${one}` : one;
  });
  const value = fc.oneof(fc.constantFrom('DE', 'mx.example.com', '\\ ', '#'), ...Array.from({ length: 4 }, () => fc.array(written, { minLength: 1, maxLength: 8 }).map((all) => all.join(''))));
  const attribute = fc.tuple(fc.constantFrom(...TYPES), value).map(([type, text]) => `${type}=${text}`);
  const asEncoded = ({ type, value: given }: NameAttribute): NameAttribute => ({ type, value: type === '2.5.4.6' ? (given as string).toUpperCase() : given });
  const accepted = (text: string): DistinguishedName | null => {
    try {
      return parseDistinguishedName(text);
    } catch (error) {
      expect(error).toBeInstanceOf(PkiFault);
      return null;
    }
  };

  test('a name that is accepted is the same when its text is read again', () => {
    fc.assert(fc.property(fc.array(attribute, { minLength: 1, maxLength: 4 }), (attributes) => {
      const all = attributes.filter((text) => accepted(text) !== null);
      fc.pre(all.length > 0);
      const name = parseDistinguishedName(all.join(','));
      expect(parseDistinguishedName(formatDistinguishedName(encoded(name)))).toEqual(name.map((relative) => relative.map(asEncoded)));
      const relative = all.join('+');
      expect(der(formatDistinguishedName(der(relative)))).toEqual(der(relative));
    }), { numRuns: 1000 });
  });

  test('any string is read or refused with the place or the attribute, and what is read can be encoded and stays one line', () => {
    const token = fc.constantFrom('CN', 'C', 'UID', '2.5.4.3', '1.2.3', '=', ',', '+', '\\', '#', '#0401', ' ', '"', ';', 'a', 'ä', '🔑', '\ud83d', '\\C4', '\\20', '0', '/', '\n', '\0');
    const tokens = fc.array(token, { maxLength: 12 }).map((all) => all.join(''));
    fc.assert(fc.property(fc.oneof(fc.string({ unit: 'binary' }), tokens, tokens.map((all) => `CN=${all}`)), (text) => {
      const name = accepted(text);
      if (name !== null) expect(formatDistinguishedName(encoded(name))).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
    }), { numRuns: 2000 });
  });
});

const missing = missingTool('openssl');
if (missing) test.skip(`names as OpenSSL reads them: ${missing}`, () => undefined);
else describe('names as OpenSSL reads them', () => {
  let folder: ToolFolder;
  beforeAll(() => { folder = toolFolder(); });
  afterAll(() => folder.remove());

  test.each<[string, string?]>([
    ['CN=mailroom,OU=IT,O=Example\\, Ltd,L=Bonn,ST=NRW,C=DE'],
    ['UID=jsmith,DC=example,DC=net'],
    ['CN=James \\"Jim\\" Smith\\, III,DC=example,DC=net'],
    ['CN=Lučić'],
    ['CN=päß€🔑'],
    ['CN=\\ a\\ '],
    ['CN=\\#a\\+b\\;c\\<d\\>e\\\\f=g'],
    ['serialNumber=A-1,CN=a,C=DE'],
    ['1.3.6.1.4.1.1466.0=#0C024869', '1.3.6.1.4.1.1466.0=#0C024869'],
    // Their order does not matter: Mailroom shows that of DER, OpenSSL the reverse.
    ['OU=Sales+CN=J.  Smith,DC=example,DC=net', 'CN=J.  Smith+OU=Sales,DC=example,DC=net'],
  ])('%s', async (text, shown = roundTrip(text)) => {
    const { pem } = await createCertificateRequest({ subject: parseDistinguishedName(text), dnsNames: [], ipAddresses: [], keyType: 'ecP256' });
    const said = folder.run('openssl', ['req', '-noout', '-subject', '-nameopt', 'RFC2253,-esc_msb,utf8'], pem).toString();
    expect(said.replace(/^subject=\s*/, '').replace(/\n$/, '')).toBe(shown);
  });
});
