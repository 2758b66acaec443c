import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type KeyObject, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';
import { certificateFacts } from '../../src/pki/certificate-facts.js';
import { type CertificateFile, certificatesIn, readCertificateFile } from '../../src/pki/certificate-file.js';
import { createCertificateRequest } from '../../src/pki/certificate-request.js';
import { parseDistinguishedName } from '../../src/pki/distinguished-name.js';
import { pemBlocks, toPem } from '../../src/pki/pem.js';
import { missingTool, type ToolFolder, toolFolder } from '../setup/certificate-tools.js';
import { faultOf } from './fault.js';
import { authority, belongsTo, commonName, type CertificateOptions, extension, issue, type Issued, nameOf, newKeys, pkcs8, sha256 } from './issue.js';

let root: Issued;
let intermediate: Issued;
let leaf: Issued;
let rsa: Issued;
let request: string;
beforeAll(async () => {
  root = await authority('Root');
  intermediate = await authority('Issuing CA', root);
  leaf = await issue({ subject: 'mailroom', issuer: intermediate });
  rsa = await issue({ subject: 'rsa', issuer: intermediate, keys: await newKeys('rsa') });
  request = (await createCertificateRequest({ subject: parseDistinguishedName('CN=mailroom'), dnsNames: [], ipAddresses: [], keyType: 'ecP256' })).pem;
});

const read = (content: Buffer | string, passphrase: string | null = null): CertificateFile => readCertificateFile(Buffer.from(content as string), passphrase);
const thumbprints = ({ certificates }: CertificateFile): string[] => certificates.map(({ facts }) => facts.thumbprintSha256);
const derOf = (pem: string): Buffer => pemBlocks(pem)[0]!.der;
const base64 = (text: Buffer | string): string => Buffer.from(text as string).toString('base64');
const lines = (text: string, length = 64): string => text.match(new RegExp(`.{1,${length}}`, 'g'))!.join('\r\n');
/** Another certificate by its serial number; its signature is wrong, which nobody looks at here. */
const variant = (number: number): Buffer => {
  const der = Buffer.from(leaf.der);
  der.writeUInt32BE(number, der.indexOf(Buffer.from(leaf.x509.serialNumber, 'hex')) + 8);
  return der;
};

/** A padding that fits is among so many by all odds. */
function expectAllWrong(content: string): void {
  const codes = Array.from({ length: 2_000 }, (_, index) => faultOf(() => read(content, `wrong ${index}`)).code);
  expect([...new Set(codes)]).toEqual(['CERTIFICATE_PASSPHRASE_WRONG']);
}

describe('the format is found out', () => {
  test.each<[string, string, () => Buffer | string]>([
    ['DER', 'der', () => leaf.der],
    ['PEM', 'pem', () => leaf.pem],
    ['PEM without a line end at the end', 'pem', () => leaf.pem.trimEnd()],
    ['PEM with lines that end by CR LF', 'pem', () => leaf.pem.replaceAll('\n', '\r\n')],
    ['PEM with lines that end by CR', 'pem', () => leaf.pem.replaceAll('\n', '\r')],
    ['PEM with spaces at the ends of lines', 'pem', () => leaf.pem.replaceAll('\n', '  \t\n')],
    ['PEM with spaces in front of lines', 'pem', () => leaf.pem.replace(/^/gm, '    ')],
    ['PEM with empty lines', 'pem', () => leaf.pem.replaceAll('\n', '\n\n')],
    ['PEM on one line', 'pem', () => leaf.pem.replaceAll('\n', ' ')],
    ['PEM whose base64 is one line', 'pem', () => `-----BEGIN CERTIFICATE-----\n${base64(leaf.der)}\n-----END CERTIFICATE-----\n`],
    ['PEM behind the mark of UTF-8', 'pem', () => `\ufeff${leaf.pem}`],
    ['PEM in UTF-16, as Windows writes it', 'pem', () => Buffer.from(`\ufeff${leaf.pem.replaceAll('\n', '\r\n')}`, 'utf16le')],
    ['PEM with text around it', 'pem', () => `Bag Attributes\n    friendlyName: päß€🔑\nsubject=CN = mailroom\n\n${leaf.pem}\nVerify return code: 0 (ok)\n-----\n`],
    ['PEM with words that look like its lines', 'pem', () => `-----BEGIN of the file-----\n-----BEGIN ----- BEGIN -----END CERTIFICATE-----\n${leaf.pem}-----END CERTIFICATE-----\n`],
    ['PEM by its old name', 'pem', () => leaf.pem.replaceAll('CERTIFICATE', 'X509 CERTIFICATE')],
    ['base64 without its lines', 'der', () => base64(leaf.der)],
    ['base64 in lines', 'der', () => lines(base64(leaf.der), 76)],
    ['base64 in lines with spaces around', 'der', () => `\r\n  ${lines(base64(leaf.der))}  \r\n\r\n`],
    ['base64 behind the mark of UTF-8', 'der', () => `\ufeff${base64(leaf.der)}`],
    ['base64 in UTF-16', 'der', () => Buffer.from(`\ufeff${base64(leaf.der)}`, 'utf16le')],
    ['base64 of PEM, as secrets of containers hold it', 'pem', () => base64(leaf.pem)],
  ])('%s', (_name, format, content) => {
    const file = read(content());
    expect(file).toMatchObject({ format, certificates: [{ pem: leaf.pem, facts: { subject: 'CN=mailroom' } }], privateKeys: [] });
    expect(thumbprints(file)).toEqual([sha256(leaf)]);
  });

  test('a passphrase does not matter where nothing is protected', () => {
    expect(read(leaf.pem, 'x')).toEqual(read(leaf.pem));
    expect(read(leaf.der, 'x')).toEqual(read(leaf.der));
  });
});

describe('several certificates', () => {
  test.each<[string, () => Issued[]]>([
    ['a chain', () => [leaf, intermediate, root]],
    ['a chain the other way round', () => [root, intermediate, leaf]],
    ['a chain in no order', () => [intermediate, leaf, root]],
  ])('%s keeps its order', (_name, chain) => {
    expect(thumbprints(read(chain().map(({ pem }) => pem).join('')))).toEqual(chain().map(sha256));
  });

  test('the same one is there once, at its first place', () => {
    expect(thumbprints(read(leaf.pem + root.pem + leaf.pem + root.pem + intermediate.pem))).toEqual([leaf, root, intermediate].map(sha256));
    expect(read(leaf.pem.repeat(300)).certificates).toHaveLength(1);
  });

  test('in DER, one behind the other', () => {
    expect(thumbprints(read(Buffer.concat([leaf.der, root.der, leaf.der, intermediate.der])))).toEqual([leaf, root, intermediate].map(sha256));
    expect(thumbprints(read(Buffer.concat([leaf.der, Buffer.from('\r\n')])))).toEqual([sha256(leaf)]);
  });

  test('other blocks are passed over', () => {
    const parameters = toPem('EC PARAMETERS', Buffer.from('06082a8648ce3d030107', 'hex'));
    expect(thumbprints(read(`${parameters}${toPem('X509 CRL', Buffer.of(0x30, 0))}${request}${leaf.pem}`))).toEqual([sha256(leaf)]);
  });

  test('200 are taken, and not one more', () => {
    const all = Array.from({ length: 201 }, (_, index) => toPem('CERTIFICATE', variant(index)));
    expect(read(all.slice(1).join('')).certificates).toHaveLength(200);
    expect(faultOf(() => read(all.join('')))).toMatchObject({ code: 'CERTIFICATES_TOO_MANY', message: expect.stringContaining('201 certificates') });
  });
});

describe('private keys', () => {
  const SECRET = 'päß€🔑';
  const exported = (key: KeyObject, type: string, passphrase?: string, cipher = 'aes-256-cbc'): string =>
    key.export({ type, format: 'pem', ...(passphrase !== undefined && { cipher, passphrase }) } as never) as unknown as string;
  const kinds: [string, () => Issued, string, string][] = [
    ['PKCS#8, RSA', () => rsa, 'pkcs8', 'PRIVATE KEY'], ['PKCS#8, EC', () => leaf, 'pkcs8', 'PRIVATE KEY'], ['PKCS#1', () => rsa, 'pkcs1', 'RSA PRIVATE KEY'], ['SEC 1', () => leaf, 'sec1', 'EC PRIVATE KEY'],
  ];

  test.each(kinds)('%s', (_name, of, type, label) => {
    const key = exported(of().privateKey, type);
    expect(key).toContain(`BEGIN ${label}`);
    for (const content of [of().pem + key, key + of().pem, `${of().pem}text\n${key}${root.pem}`]) {
      const { privateKeys, certificates } = read(content);
      expect(privateKeys).toEqual([pkcs8(of().privateKey)]);
      expect(certificates.filter(({ pem }) => belongsTo(privateKeys[0]!, pem))).toHaveLength(1);
    }
  });

  test.each(kinds)('%s, encrypted', (_name, of, type, label) => {
    const content = of().pem + exported(of().privateKey, type, SECRET);
    expect(content).toContain(label === 'PRIVATE KEY' ? 'BEGIN ENCRYPTED PRIVATE KEY' : `BEGIN ${label}-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,`);
    for (const text of [content, content.replaceAll('\n', '\r\n')]) expect(read(text, SECRET)).toMatchObject({ format: 'pem', privateKeys: [pkcs8(of().privateKey)] });
    for (const none of [null, '']) expect(faultOf(() => read(content, none))).toMatchObject({ code: 'CERTIFICATE_PASSPHRASE_REQUIRED', part: 'passphrase' });
    for (const wrong of ['other', `${SECRET}x`]) expect(faultOf(() => read(content, wrong))).toMatchObject({ code: 'CERTIFICATE_PASSPHRASE_WRONG', part: 'passphrase' });
  });

  test.each(['pkcs1', 'sec1'])('%s, encrypted: one wrong passphrase in 256 leaves a padding that fits by chance, and is wrong all the same', (type) => {
    const { pem, privateKey } = type === 'pkcs1' ? rsa : leaf;
    const content = pem + exported(privateKey, type, SECRET);
    expectAllWrong(content);
  });

  test.each([['aes-128-cbc'], ['aes-192-cbc'], ['des-ede3-cbc']])('encrypted by %s', (cipher) => {
    for (const type of ['pkcs8', 'sec1']) expect(read(leaf.pem + exported(leaf.privateKey, type, SECRET, cipher), SECRET).privateKeys).toEqual([pkcs8(leaf.privateKey)]);
  });

  test('several, each once', () => {
    const content = [leaf.pem, pkcs8(leaf.privateKey), exported(rsa.privateKey, 'pkcs1'), exported(leaf.privateKey, 'sec1'), exported(leaf.privateKey, 'pkcs8', SECRET)].join('');
    expect(read(content, SECRET).privateKeys).toEqual([pkcs8(leaf.privateKey), pkcs8(rsa.privateKey)]);
  });

  test('very many that are encrypted are refused', () => {
    const keys = Array.from({ length: 51 }, () => exported(leaf.privateKey, 'pkcs8', SECRET)); // each with a salt of its own
    expect(faultOf(() => read(leaf.pem + keys.join(''), SECRET)).code).toBe('CERTIFICATE_ITERATIONS_TOO_MANY');
    expect(read(leaf.pem + keys.slice(0, 20).join(''), SECRET).privateKeys).toEqual([pkcs8(leaf.privateKey)]);
    expect(read(leaf.pem + keys[0]!.repeat(100), SECRET).privateKeys).toEqual([pkcs8(leaf.privateKey)]);
  });

  // What is read of a certificate is read of a key, too.
  test.each<[string, (text: string) => Buffer | string]>([
    ['CR LF', (text) => text.replaceAll('\n', '\r\n')],
    ['CR', (text) => text.replaceAll('\n', '\r')],
    ['empty lines', (text) => text.replaceAll('\n', '\n\n')],
    ['spaces in front', (text) => text.replace(/^/gm, '  ')],
    ['spaces behind', (text) => text.replaceAll('\n', '  \n')],
    ['one line', (text) => text.replaceAll('\n', ' ')],
    ['UTF-16', (text) => Buffer.from(`\ufeff${text}`, 'utf16le')],
    ['base64', (text) => base64(text)],
  ])('lines that are unusual: %s', (_name, change) => {
    const keys = [exported(rsa.privateKey, 'pkcs1'), pkcs8(rsa.privateKey), exported(rsa.privateKey, 'pkcs8', SECRET)];
    for (const key of keys) expect(read(change(rsa.pem + key), SECRET).privateKeys).toEqual([pkcs8(rsa.privateKey)]);
  });

  test('one that is damaged', () => {
    const der = derOf(exported(rsa.privateKey, 'pkcs8'));
    expect(faultOf(() => read(rsa.pem + toPem('PRIVATE KEY', der.subarray(0, 100))))).toMatchObject({ code: 'CERTIFICATE_UNREADABLE', message: expect.stringContaining('private key') });
    expect(faultOf(() => read(rsa.pem + toPem('ENCRYPTED PRIVATE KEY', der))).code).toMatch(/^CERTIFICATE_(UNREADABLE|ENCRYPTION_UNSUPPORTED)$/);
  });

  test('one that asks for too many iterations is refused before any is done', () => {
    const der = derOf(exported(leaf.privateKey, 'pkcs8', SECRET));
    const root = asn1js.fromBER(Uint8Array.from(der)).result;
    const child = (of: asn1js.AsnType, ...path: number[]): asn1js.AsnType => path.reduce<asn1js.AsnType>((parent, index) => (parent as asn1js.Sequence).valueBlock.value[index]!, of);
    const derivation = child(root, 0, 1, 0, 1) as asn1js.Sequence; // EncryptedPrivateKeyInfo, PBES2-params, keyDerivationFunc, PBKDF2-params
    derivation.valueBlock.value[1] = new asn1js.Integer({ value: 2 ** 31 - 1 });
    expect(faultOf(() => read(leaf.pem + toPem('ENCRYPTED PRIVATE KEY', Buffer.from(root.toBER())), SECRET)).code).toBe('CERTIFICATE_ITERATIONS_TOO_MANY');
  });
});

describe('what is no certificate', () => {
  const PAGE = '<!DOCTYPE html>\n<html><head><title>403 Forbidden</title></head><body>-----</body></html>\n';
  test.each<[string, () => Buffer | string, RegExp]>([
    ['nothing', () => '', /not a certificate/],
    ['spaces', () => ' \r\n\t ', /not a certificate/],
    ['an HTML page', () => PAGE, /not a certificate/],
    ['junk', () => Buffer.from('ff00fe01', 'hex'), /not a certificate/],
    ['text', () => 'certificate', /not a certificate/],
    ['base64 of text', () => base64('certificate'), /not a certificate/],
    ['base64 of base64', () => base64(base64(leaf.pem)), /not a certificate/],
    ['a PNG', () => Buffer.from('89504e470d0a1a0a', 'hex'), /not a certificate/],
    ['a ZIP file', () => Buffer.from('504b0304', 'hex'), /not a certificate/],
    ['a request in PEM', () => request, /certificate request, and no certificate/],
    ['a request of Microsoft', () => request.replaceAll('CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'), /certificate request, and no certificate/],
    ['a request in DER', () => derOf(request), /certificate request, and no certificate/],
    ['a request with its key', () => request + pkcs8(leaf.privateKey), /certificate request, and no certificate/],
    ['a private key alone', () => pkcs8(leaf.privateKey), /private key in the file, and no certificate/],
    ['an encrypted private key alone', () => leaf.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }), /private key in the file, and no certificate/],
    ['a private key in DER', () => leaf.privateKey.export({ type: 'pkcs8', format: 'der' }), /neither a certificate nor a PKCS#12 file/],
    ['a list of revoked certificates', () => toPem('X509 CRL', Buffer.of(0x30, 0)), /no certificate in the file, only X509 CRL/],
    ['a key of PGP', () => toPem('PGP PUBLIC KEY BLOCK', Buffer.of(0x99, 1)), /only PGP PUBLIC KEY BLOCK/],
    ['a block that was cut short', () => leaf.pem.slice(0, 300), /has no end.*cut short/],
    ['a second block that was cut short', () => leaf.pem + root.pem.slice(0, 300), /has no end.*cut short/],
    ['a block with another end', () => leaf.pem.replace('END CERTIFICATE', 'END CERTIFICATES'), /has no end/],
    ['a first line alone', () => '-----BEGIN CERTIFICATE-----', /has no end/],
    ['a block with an ellipsis', () => leaf.pem.replace(/^.{64}\n/m, '...\n'), /characters that do not belong there/],
    ['a block as HTML shows it', () => leaf.pem.replaceAll('\n', '<br>'), /characters that do not belong there/],
    ['an empty block', () => toPem('CERTIFICATE', Buffer.alloc(0)), /PEM block "CERTIFICATE"/],
    ['a block of junk', () => toPem('CERTIFICATE', Buffer.from('junk')), /damaged/],
    ['a block without its last line', () => leaf.pem.replace(/\n[^\n]*\n(?=-----END)/, '\n'), /damaged/],
    ['a block without its first line', () => leaf.pem.replace(/(?<=BEGIN CERTIFICATE-----\n)[^\n]*\n/, ''), /damaged/],
    ['a key in a block for certificates', () => pkcs8(leaf.privateKey).replaceAll('PRIVATE KEY', 'CERTIFICATE'), /damaged/],
    ['DER that was cut short', () => leaf.der.subarray(0, -1), /damaged/],
    ['DER that ends at once', () => Buffer.of(0x30), /damaged/],
    ['an empty sequence', () => Buffer.of(0x30, 0), /neither a certificate nor a PKCS#12 file/],
    ['text that begins as DER does', () => '0<?xml version="1.0"?>', /damaged/],
  ])('%s', (_name, content, message) => {
    expect(faultOf(() => read(content()))).toMatchObject({ code: 'CERTIFICATE_UNREADABLE', part: 'certificate', message: expect.stringMatching(message) });
  });

  test.each([
    ['without dashes behind it', (label: string) => `-----BEGIN ${label}`],
    ['with an end', (label: string) => `-----BEGIN ${label}-----\n-----END ${label}-----`],
    ['many times', (label: string) => `-----BEGIN ${label.slice(0, 50)}-----\nAAAA\n-----END ${label.slice(0, 50)}-----\n`.repeat(50)],
  ])('what is said of a long name %s stays short', (_name, content) => {
    expect(faultOf(() => read(content('A'.repeat(100_000)))).message.length).toBeLessThan(400);
  });
});

describe('certificates of a text that an operator gave', () => {
  test('each in PEM, without what cannot be read', () => {
    expect(certificatesIn(`a comment\n${root.pem.replaceAll('\n', '\r\n')}${toPem('CERTIFICATE', Buffer.from('junk'))}${pkcs8(leaf.privateKey)}${leaf.pem}`)).toEqual([root.pem, leaf.pem]);
  });

  test.each([
    ['nothing', ''], ['text', 'text'], ['a block that was cut short', '-----BEGIN CERTIFICATE-----\nAAAA'], ['a block of other characters', '-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----'],
  ])('none in %s', (_name, text) => {
    expect(certificatesIn(text)).toEqual([]);
  });
});

describe('facts', () => {
  const OID = { subjectAltName: '2.5.29.17', extendedKeyUsage: '2.5.29.37' };
  const factsOf = async (options: CertificateOptions = {}) => certificateFacts((await issue(options)).der);
  const purposes = (...keyPurposes: string[]): pkijs.Extension => extension(OID.extendedKeyUsage, new pkijs.ExtKeyUsage({ keyPurposes }).toSchema());
  const names = (...all: (pkijs.GeneralName | asn1js.Constructed)[]): pkijs.Extension =>
    extension(OID.subjectAltName, new asn1js.Sequence({ value: all.map((name) => (name instanceof pkijs.GeneralName ? name.toSchema() : name)) }));
  const tagged = (...value: asn1js.AsnType[]): asn1js.Constructed => new asn1js.Constructed({ idBlock: { tagClass: 3, tagNumber: 0 }, value });
  const text = (type: 1 | 2 | 6, value: string): pkijs.GeneralName => new pkijs.GeneralName({ type, value });
  const address = (...bytes: number[]): pkijs.GeneralName => new pkijs.GeneralName({ type: 7, value: new asn1js.OctetString({ valueHex: Uint8Array.from(bytes).buffer }) });

  test('are those that Node.js finds', () => {
    for (const { x509, der } of [root, intermediate, leaf, rsa]) {
      expect(certificateFacts(der)).toMatchObject({
        subject: x509.subject, issuer: x509.issuer, serialNumber: x509.serialNumber, isCertificateAuthority: x509.ca,
        thumbprintSha256: x509.fingerprint256.replaceAll(':', ''), thumbprintSha1: x509.fingerprint.replaceAll(':', ''),
        validFrom: new Date(x509.validFrom).toISOString(), validTo: new Date(x509.validTo).toISOString(),
      });
    }
  });

  test('of all public roots are those that Node.js finds', () => {
    const roots = rootCertificates.map((pem) => new X509Certificate(pem));
    const facts = roots.map(({ raw }) => certificateFacts(raw));
    expect(facts.map(({ serialNumber, thumbprintSha256, validFrom, validTo }) => ({ serialNumber, thumbprintSha256, validFrom, validTo }))).toEqual(roots.map((one) => ({
      serialNumber: one.serialNumber, thumbprintSha256: one.fingerprint256.replaceAll(':', ''), validFrom: new Date(one.validFrom).toISOString(), validTo: new Date(one.validTo).toISOString(),
    })));
    expect(facts.filter(({ isSelfSigned, isCertificateAuthority }) => !isSelfSigned || !isCertificateAuthority)).toEqual([]);
    expect(facts.filter(({ keyType }) => !/^(rsa\d{4}|ecP\d{3})$/.test(keyType))).toEqual([]);
    expect(facts.filter(({ subject }) => !/(^|,)(CN|O|OU)=/.test(subject))).toEqual([]);
  });

  test('names are as RFC 4514 writes them', async () => {
    const utf8 = (value: string): asn1js.Utf8String => new asn1js.Utf8String({ value });
    const subject = nameOf(['2.5.4.6', new asn1js.PrintableString({ value: 'DE' })], ['2.5.4.10', utf8('Example, Ltd')], ['2.5.4.3', new asn1js.BmpString({ value: 'päß' })], ['1.2.3.4', utf8('x')]);
    expect(await factsOf({ subject, issuer: intermediate })).toMatchObject({ subject: '1.2.3.4=#0c0178,CN=päß,O=Example\\, Ltd,C=DE', issuer: 'CN=Issuing CA' });
  });

  test('no subject at all', async () => {
    expect(await factsOf({ subject: nameOf(), issuer: intermediate })).toMatchObject({ subject: '', issuer: 'CN=Issuing CA' });
  });

  test.each([['00', '00'], ['01', '01'], ['7f', '7F'], ['0080', '80'], ['00ffffffffffffffffffffffffffffffffffffff', 'F'.repeat(38)]])('the serial number %s', async (der, shown) => {
    expect((await factsOf({ serialNumber: Buffer.from(der, 'hex') })).serialNumber.replace(/^0$/, '00')).toBe(shown);
  });

  test.each([
    ['1970-01-01T00:00:00.000Z', '9999-12-31T23:59:59.000Z'], ['1999-12-31T23:59:59.000Z', '2049-12-31T23:59:59.000Z'], ['2000-02-29T00:00:00.000Z', '2050-01-01T00:00:00.000Z'],
  ])('valid from %s to %s', async (validFrom, validTo) => {
    expect(await factsOf({ notBefore: new Date(validFrom), notAfter: new Date(validTo) })).toMatchObject({ validFrom, validTo });
  });

  test('alternative names of every kind', async () => {
    const directory = pkijs.RelativeDistinguishedNames.fromBER(commonName('a, b').toBER());
    const { subjectAltNames } = await factsOf({
      extensions: [names(
        text(2, 'mx.example.com'), text(2, '*.example.com'), text(1, 'a@example.com'), text(6, 'ldap://example.com/x?y'), address(192, 0, 2, 1), address(...Buffer.from('20010db8000000000000000000000001', 'hex')),
        address(...Buffer.alloc(16)), address(10, 0, 0, 0, 255, 0, 0, 0), new pkijs.GeneralName({ type: 4, value: directory }), new pkijs.GeneralName({ type: 8, value: '1.2.3' }),
        tagged(new asn1js.ObjectIdentifier({ value: '1.3.6.1.4.1.311.20.2.3' }), tagged(new asn1js.Utf8String({ value: 'user@example.com' }))),
      )],
    });
    expect(subjectAltNames).toEqual([
      'DNS:mx.example.com', 'DNS:*.example.com', 'email:a@example.com', 'URI:ldap://example.com/x?y', 'IP Address:192.0.2.1', 'IP Address:2001:db8::1', 'IP Address:::', 'IP Address:0a000000ff000000',
      'DirName:CN=a\\, b', 'Registered ID:1.2.3', 'othername',
    ]);
  });

  test('an alternative name with line ends stays one line, and a long one is cut', async () => {
    const { subjectAltNames } = await factsOf({ extensions: [names(text(2, 'a\r\nDNS:b\0'), text(6, 'x'.repeat(1000)))] });
    expect(subjectAltNames).toEqual(['DNS:a\ufffd\ufffdDNS:b\ufffd', `URI:${'x'.repeat(300)}`]);
  });

  test('at most 100 alternative names', async () => {
    expect((await factsOf({ extensions: [names(...Array.from({ length: 150 }, (_, index) => text(2, `a${index}.example`)))] })).subjectAltNames).toHaveLength(100);
  });

  test.each<[string, number[], string[]]>([
    ['none', [0], []],
    ['one', [0x80], ['digitalSignature']],
    ['two', [0xa0], ['digitalSignature', 'keyEncipherment']],
    ['all', [0xff, 0x80], ['digitalSignature', 'contentCommitment', 'keyEncipherment', 'dataEncipherment', 'keyAgreement', 'keyCertSign', 'cRLSign', 'encipherOnly', 'decipherOnly']],
    ['the last one', [0x00, 0x80], ['decipherOnly']],
  ])('key usage: %s', async (_name, keyUsage, shown) => {
    expect((await factsOf({ keyUsage })).keyUsage).toEqual(shown);
  });

  test('purposes, by name where they have one', async () => {
    const oids = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.3', '1.3.6.1.5.5.7.3.4', '1.3.6.1.5.5.7.3.8', '1.3.6.1.5.5.7.3.9', '2.5.29.37.0', '1.3.6.1.4.1.311.20.2.2'];
    expect(await factsOf({ extensions: [purposes(...oids)] })).toMatchObject({
      extendedKeyUsage: ['serverAuth', 'clientAuth', 'codeSigning', 'emailProtection', 'timeStamping', 'OCSPSigning', 'anyExtendedKeyUsage', '1.3.6.1.4.1.311.20.2.2'],
    });
  });

  test('nothing is said where the certificate says nothing', async () => {
    expect(await factsOf({ isAuthority: null })).toMatchObject({ subjectAltNames: [], keyUsage: [], extendedKeyUsage: [], isCertificateAuthority: false });
  });

  test.each([['rsa2048', () => rsa], ['ecP256', () => leaf]])('a key of the kind %s', (keyType, of) => {
    expect(certificateFacts(of().der).keyType).toBe(keyType);
  });

  describe('self-signed', () => {
    test.each<[string, CertificateOptions]>([
      ['an authority', { isAuthority: true }], ['a server', {}], ['without extensions', { isAuthority: null }], ['a server whose key may not sign certificates', { keyUsage: [0xa0] }],
    ])('%s', async (_name, options) => {
      expect((await factsOf(options)).isSelfSigned).toBe(true);
    });

    test('not a certificate of another', () => {
      expect([intermediate, leaf].map(({ der }) => certificateFacts(der).isSelfSigned)).toEqual([false, false]);
    });

    test('not one whose issuer has the same name and another key', async () => {
      expect((await factsOf({ subject: 'Root', issuer: root })).isSelfSigned).toBe(false);
    });

    test('not one whose signature was changed', () => {
      const der = Buffer.from(root.der);
      der[der.length - 1]! ^= 1;
      expect(certificateFacts(der).isSelfSigned).toBe(false);
    });
  });

  test('a certificate whose extension is damaged', async () => {
    const { der } = await issue({ extensions: [new pkijs.Extension({ extnID: OID.subjectAltName, extnValue: Uint8Array.of(0x30, 5).buffer })] });
    expect(faultOf(() => certificateFacts(der))).toMatchObject({ code: 'CERTIFICATE_UNREADABLE', message: expect.stringContaining('damaged') });
  });
});

const missing = missingTool('openssl');
if (missing) test.skip(`files of OpenSSL: ${missing}`, () => undefined);
else describe('files of OpenSSL', () => {
  let folder: ToolFolder;
  beforeAll(() => {
    folder = toolFolder();
    writeFileSync(folder.path('chain.pem'), leaf.pem + intermediate.pem + root.pem);
  });
  afterAll(() => folder.remove());
  const pkcs7 = (form: 'PEM' | 'DER', file = 'chain.pem'): Buffer => folder.run('openssl', ['crl2pkcs7', '-nocrl', '-certfile', file, '-outform', form]);

  test('PKCS#7 in DER, and its base64 text', () => {
    const file = read(pkcs7('DER'));
    expect(file).toMatchObject({ format: 'pkcs7', privateKeys: [] });
    expect(thumbprints(file)).toEqual([leaf, intermediate, root].map(sha256));
    expect(read(lines(base64(pkcs7('DER'))))).toEqual(file);
  });

  test.each([['PKCS7'], ['CMS']])('PKCS#7 in PEM, as %s', (label) => {
    const file = read(pkcs7('PEM').toString().replaceAll('PKCS7', label));
    expect(file).toMatchObject({ format: 'pem', privateKeys: [] });
    expect(thumbprints(file)).toEqual([leaf, intermediate, root].map(sha256));
  });

  test('PKCS#7 with a private key behind it', () => {
    expect(read(Buffer.concat([pkcs7('PEM'), Buffer.from(pkcs8(leaf.privateKey))]))).toMatchObject({ certificates: [{}, {}, {}], privateKeys: [pkcs8(leaf.privateKey)] });
  });

  test('PKCS#7 without a certificate', () => {
    const empty = folder.run('openssl', ['crl2pkcs7', '-nocrl', '-outform', 'DER']);
    expect(faultOf(() => read(empty))).toMatchObject({ code: 'CERTIFICATE_UNREADABLE', message: expect.stringContaining('no certificate') });
  });

  test('PKCS#7 of all public roots, each as it was', () => {
    writeFileSync(folder.path('roots.pem'), rootCertificates.join('\n'));
    expect(thumbprints(read(pkcs7('DER', 'roots.pem')))).toEqual(rootCertificates.map((pem) => new X509Certificate(pem).fingerprint256.replaceAll(':', '')));
  });

  test.each(['PEM', 'DER'] as const)('the "trusted" form in %s, without what it adds', (form) => {
    const trusted = folder.run('openssl', ['x509', '-trustout', '-addtrust', 'clientAuth', '-setalias', 'mailroom', '-outform', form], leaf.pem);
    expect(trusted.includes(form === 'PEM' ? 'BEGIN TRUSTED CERTIFICATE' : 'mailroom')).toBe(true);
    expect(read(trusted)).toMatchObject({ format: form.toLowerCase(), certificates: [{ pem: leaf.pem }] });
  });

  test('PKCS#8, encrypted: a padding that fits by chance is wrong all the same', () => {
    const key = folder.run('openssl', ['pkcs8', '-topk8', '-iter', '1', '-v2', 'aes-256-cbc', '-passout', 'pass:secret'], pkcs8(leaf.privateKey)).toString();
    expect(read(leaf.pem + key, 'secret').privateKeys).toEqual([pkcs8(leaf.privateKey)]);
    expectAllWrong(leaf.pem + key);
  });

  test('with the text of the certificate around', () => {
    expect(read(folder.run('openssl', ['x509', '-text'], leaf.pem))).toMatchObject({ format: 'pem', certificates: [{ pem: leaf.pem }] });
  });
});
