import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Worker } from 'node:worker_threads';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import * as asn1js from 'asn1js';
import fc from 'fast-check';
import forge from 'node-forge';
import { type CertificateFile, readCertificateFile } from '../../src/pki/certificate-file.js';
import { CertificateFileReader } from '../../src/pki/certificate-file-reader.js';
import { toPem } from '../../src/pki/pem.js';
import { PkiFault } from '../../src/pki/pki-fault.js';
import { waitFor } from '../setup/wait.js';
import { authority, belongsTo, extension, issue, type Issued, nameOf, newKeys, pkcs8, sha256 } from './issue.js';
import { mutated, mutations, place, placeIn } from './mutations.js';
import { certificateBag, encryptedKey, encryptedPart, keyBag, nestedBag, pkcs12Of, pkcs7Of, plainPart, secretBag, shroudedKeyBag } from './pkcs12-parts.js';

const PASSPHRASE = 'secret';
const NAMES = ['DER', 'PEM', 'PKCS#7', 'PKCS#12 with AES', 'PKCS#12 with 3DES', 'PKCS#12 without a seal'] as const;
type Name = (typeof NAMES)[number];

let leaf: Issued;
let files: Record<Name, Buffer>;
beforeAll(async () => {
  const root = await authority('Root');
  const purposes = extension('2.5.29.37', new asn1js.Sequence({ value: [new asn1js.ObjectIdentifier({ value: '1.3.6.1.5.5.7.3.2' })] }));
  leaf = await issue({ subject: 'mailroom', issuer: root, extensions: [alternativeNames(), purposes] });
  const rsa = await issue({ subject: 'rsa', issuer: root, keys: await newKeys('rsa') });
  files = {
    DER: leaf.der,
    PEM: Buffer.from(`subject=CN = mailroom\n${leaf.pem}${root.pem}${pkcs8(leaf.privateKey)}${toPem('ENCRYPTED PRIVATE KEY', encryptedKey(rsa.privateKey, PASSPHRASE))}`),
    'PKCS#7': pkcs7Of(leaf.der, rsa.der, root.der),
    'PKCS#12 with AES': ofForge(rsa, 'aes256'),
    'PKCS#12 with 3DES': ofForge(rsa, '3des'),
    'PKCS#12 without a seal': pkcs12Of(
      plainPart(certificateBag(leaf.der), nestedBag(keyBag(leaf.privateKey)), secretBag()), plainPart(certificateBag(root.der), shroudedKeyBag(encryptedKey(rsa.privateKey, PASSPHRASE))),
    ),
  };
});

/** @param tagClass 1: universal, 3: of the context */
const primitive = (tagClass: 1 | 3, tagNumber: number, value: Buffer): asn1js.AsnType =>
  new asn1js.Primitive({ idBlock: { tagClass, tagNumber }, valueHex: Uint8Array.from(value).buffer });

const NAMES_OF_EACH_KIND: [number, string][] = [[2, 'mx.example.com'], [1, 'a@example.com'], [6, 'ldap://example.com'], [7, '\x7f\0\0\x01'], [8, '\x2a\x03']];
const alternativeNames = () => extension('2.5.29.17', new asn1js.Sequence({ value: NAMES_OF_EACH_KIND.map(([tag, value]) => primitive(3, tag, Buffer.from(value, 'latin1'))) }));

/** A sealed file with one iteration, so that very many can be read. */
function ofForge({ privateKey, pem }: Issued, algorithm: 'aes256' | '3des'): Buffer {
  const key = forge.pki.privateKeyFromPem(privateKey.export({ type: 'pkcs1', format: 'pem' }) as string);
  return Buffer.from(forge.asn1.toDer(forge.pkcs12.toPkcs12Asn1(key, [forge.pki.certificateFromPem(pem)], PASSPHRASE, { algorithm, count: 1 })).getBytes(), 'binary');
}

const MIB = 2 ** 20;
const RUNS = 200;
const LONGEST_MESSAGE = 500;

/** Either a file or a fault in few words. Anything else goes on, so that a test shows it. */
function outcomeOf(bytes: Buffer, passphrase: string | null = PASSPHRASE): CertificateFile | PkiFault {
  try {
    return readCertificateFile(bytes, passphrase);
  } catch (error) {
    if (!(error instanceof PkiFault)) throw error;
    expect(error).toMatchObject({ code: expect.stringMatching(/^CERTIFICATES?_[A-Z_]+$/), part: expect.stringMatching(/^(certificate|passphrase)$/) });
    expect(error.message.length).toBeLessThan(LONGEST_MESSAGE);
    return error;
  }
}

const passphrase = fc.constantFrom(PASSPHRASE, 'other', '', null);

test.each(NAMES)('%s as it is', (name) => {
  expect(outcomeOf(files[name])).toMatchObject({ format: name.replace('#', '').replace(/ .*/, '').toLowerCase(), certificates: expect.any(Array) });
});

test('PKCS#12 of no declared length, as some programs write it', () => {
  const file = files['PKCS#12 with AES'];
  expect(outcomeOf(Buffer.concat([Buffer.of(0x30, 0x80), file.subarray(4), Buffer.of(0, 0)]))).toEqual(outcomeOf(file));
});

describe('damaged files give certificates, or a fault in few words', () => {
  test.each(NAMES)('%s', (name) => {
    fc.assert(fc.property(mutations, passphrase, (all, secret) => { outcomeOf(mutated(files[name], all), secret); }), { numRuns: RUNS });
  });

  test.each(['DER', 'PKCS#7'] as const)('%s within PEM, in a block of any name', (name) => {
    const label = fc.constantFrom('CERTIFICATE', 'TRUSTED CERTIFICATE', 'PKCS7', 'CMS', 'PRIVATE KEY', 'ENCRYPTED PRIVATE KEY', 'EC PRIVATE KEY');
    fc.assert(fc.property(mutations, label, (all, ofBlock) => { outcomeOf(Buffer.from(leaf.pem + toPem(ofBlock, mutated(files[name], all)))); }), { numRuns: RUNS });
  });

  test('private keys within PEM', () => {
    const label = fc.constantFrom('PRIVATE KEY', 'ENCRYPTED PRIVATE KEY', 'RSA PRIVATE KEY', 'EC PRIVATE KEY');
    const keys = [encryptedKey(leaf.privateKey, PASSPHRASE), leaf.privateKey.export({ type: 'pkcs8', format: 'der' }), leaf.privateKey.export({ type: 'sec1', format: 'der' })];
    fc.assert(fc.property(fc.constantFrom(...keys), mutations, label, passphrase, (key, all, name, secret) => {
      outcomeOf(Buffer.from(leaf.pem + toPem(name, mutated(key, all))), secret);
    }), { numRuns: RUNS });
  });

  test('the base64 text of any', () => {
    fc.assert(fc.property(fc.constantFrom(...NAMES), mutations, mutations, (name, all, ofText) => {
      outcomeOf(mutated(Buffer.from(mutated(files[name], all).toString('base64')), ofText));
    }), { numRuns: RUNS });
  });

  test('two files spliced', () => {
    fc.assert(fc.property(fc.constantFrom(...NAMES), fc.constantFrom(...NAMES), place, place, (one, other, end, start) => {
      outcomeOf(Buffer.concat([files[one].subarray(0, placeIn(files[one], end)), files[other].subarray(placeIn(files[other], start))]));
    }), { numRuns: RUNS });
  });

  test('bytes of any kind, some behind the first bytes of a file', () => {
    fc.assert(fc.property(fc.constantFrom(...NAMES), fc.nat(40), fc.uint8Array({ maxLength: 200 }), (name, kept, bytes) => {
      outcomeOf(Buffer.from(bytes));
      outcomeOf(Buffer.concat([files[name].subarray(0, kept), bytes]));
    }), { numRuns: RUNS });
  });
});

/** An element of DER. */
function element(tag: number, content: Buffer): Buffer {
  if (content.length < 128) return Buffer.concat([Buffer.of(tag, content.length), content]);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(content.length);
  return Buffer.concat([Buffer.of(tag, 0x84), size, content]);
}

/** Levels of one tag within another, each with its length. */
function nested(tag: number, levels: number): Buffer {
  const headers: Buffer[] = [];
  for (let level = 0, size = 0; level < levels; level += 1) {
    const header = element(tag, Buffer.alloc(Math.min(size, 200))).subarray(0, size < 128 ? 2 : 6);
    if (size >= 128) header.writeUInt32BE(size, 2);
    headers.push(header);
    size += header.length;
  }
  return Buffer.concat(headers.reverse());
}
const repeated = (text: string, size = MIB): Buffer => Buffer.from(text.repeat(Math.ceil(size / text.length)));
const hex = (text: string, times = 1): Buffer => Buffer.from(text.repeat(times), 'hex');
const block = (body: Buffer | string, label = 'CERTIFICATE'): Buffer => Buffer.from(`-----BEGIN ${label}-----\n${body.toString()}\n-----END ${label}-----\n`);
/** A key that is encrypted by the headers of old, behind a certificate. */
const oldKey = (headers: string, body: string): Buffer => Buffer.from(leaf.pem + block(`Proc-Type: 4,ENCRYPTED\n${headers}\n\n${body}`, 'RSA PRIVATE KEY').toString());
const dataPart = (content: Buffer): asn1js.Sequence => {
  const part = plainPart();
  ((part.valueBlock.value[1] as asn1js.Constructed).valueBlock.value as asn1js.AsnType[])[0] = new asn1js.OctetString({ valueHex: Uint8Array.from(content).buffer });
  return part;
};

const HOSTILE: [string, () => Buffer][] = [
  ['100,000 levels', () => nested(0x30, 100_000)],
  ['100,000 levels of no declared length', () => hex('3080', 100_000)],
  ['100,000 levels of no declared length, and their ends', () => Buffer.concat([hex('3080', 100_000), hex('0000', 100_000)])],
  ['100,000 levels of tags of their own', () => element(0x30, nested(0xa0, 100_000))],
  ['100,000 levels of an octet string in parts', () => element(0x30, hex('2480', 100_000))],
  ['100,000 levels in PEM', () => Buffer.from(toPem('CERTIFICATE', nested(0x30, 100_000)))],
  ['100,000 levels in PKCS#7 in PEM', () => Buffer.from(toPem('PKCS7', nested(0x30, 100_000)))],
  ['100,000 levels in an encrypted key', () => Buffer.from(`${leaf.pem}${toPem('ENCRYPTED PRIVATE KEY', nested(0x30, 100_000))}`)],
  ['100,000 levels in a key', () => Buffer.from(`${leaf.pem}${toPem('PRIVATE KEY', nested(0x30, 100_000))}`)],
  ['100,000 levels in the middle of PKCS#12', () => pkcs12Of(dataPart(nested(0x30, 100_000)))],
  ['100,000 levels for a certificate in PKCS#12', () => pkcs12Of(plainPart(certificateBag(nested(0x30, 100_000))))],
  ['a sequence without an end', () => hex('3080')],
  ['no declared lengths within', () => hex('308002010330800000')],
  ['a declared length of 4 GiB', () => hex('3084ffffffff0201')],
  ['a declared length of 2^64', () => hex('3088ffffffffffffffff0201')],
  ['a declared length of 2^1008', () => Buffer.concat([hex('30fe'), hex('ff', 126)])],
  ['a declared length of negative zero', () => hex('308480000000')],
  ['a declared length of 4 GiB within', () => hex('300a0284ffffffff02010300')],
  ['a tag number without an end', () => Buffer.concat([hex('30821000'), hex('ff', 4096)])],
  ['a time that is none', () => hex('3003180141')],
  ['a time that is none in PKCS#7 in PEM', () => Buffer.from(toPem('PKCS7', hex('3003180141')))],
  ['a time of 1 MiB', () => element(0x30, element(0x17, hex('30', MIB)))],
  ['a number of 1 MiB', () => element(0x30, element(0x02, hex('7f', MIB)))],
  ['an object identifier of 1 MiB in one arc', () => element(0x30, element(0x06, Buffer.concat([hex('81', MIB), hex('01')])))],
  ['an object identifier of 64 KiB in many arcs', () => element(0x30, element(0x06, hex('01', MIB / 16)))],
  ['a text of 1 MiB', () => element(0x30, element(0x0c, hex('c3', MIB)))],
  ['1 MiB of tiny elements', () => element(0x30, hex('0500', MIB / 2))],
  ['1 MiB of tiny elements behind the version of PKCS#12', () => element(0x30, Buffer.concat([hex('020103'), hex('0500', MIB / 2)]))],
  ['1 MiB of empty sequences in PKCS#12', () => pkcs12Of(dataPart(element(0x30, hex('3000', MIB / 2))))],
  ['1 MiB of tiny parts of an octet string', () => element(0x30, Buffer.concat([hex('020103'), element(0x24, hex('040100', MIB / 3))]))],
  ['1 MiB of the byte that begins a sequence', () => hex('30', MIB)],
  ['1 MiB of zeros', () => Buffer.alloc(MIB)],
  ['1 MiB of digits', () => repeated('0')],
  ['1 MiB of base64', () => repeated('MIIB')],
  ['1 MiB of equals signs', () => repeated('=')],
  ['1 MiB of letters and then an exclamation mark', () => Buffer.concat([repeated('M'), Buffer.from('!')])],
  ['1 MiB of spaces', () => repeated(' ')],
  ['base64 within base64, nine times', () => Array.from({ length: 9 }).reduce<Buffer>((bytes) => Buffer.from(bytes.toString('base64')), Buffer.from(leaf.pem))],
  ['1 MiB of first lines', () => repeated('-----BEGIN A-----')],
  ['1 MiB of first lines of different blocks', () => Buffer.from(Array.from({ length: 40_000 }, (_, index) => `-----BEGIN A${index}-----\n`).join(''))],
  ['1 MiB of half first lines', () => repeated('-----BEGIN ')],
  ['1 MiB of half first lines, each on its line', () => repeated('-----BEGIN A\n')],
  ['a first line of 1 MiB', () => Buffer.concat([Buffer.from('-----BEGIN '), repeated('A')])],
  ['a first line of 1 MiB, with an end', () => Buffer.concat([Buffer.from('-----BEGIN '), repeated('A'), Buffer.from('-----')])],
  ['1 MiB of last lines', () => Buffer.concat([repeated('-----END A-----'), Buffer.from(leaf.pem.slice(0, 100))])],
  ['1 MiB of empty blocks', () => repeated('-----BEGIN A-----\n-----END A-----\n')],
  ['1 MiB of tiny blocks', () => repeated('-----BEGIN A-----\nAAAA\n-----END A-----\n')],
  ['1 MiB of tiny certificates', () => repeated('-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n')],
  ['1 MiB of spaces in a block', () => block(repeated(' '))],
  ['1 MiB of spaces in a block, and then base64', () => block(`${' '.repeat(MIB)}MAA=`)],
  ['1 MiB of spaces between base64', () => block(`MAA${' '.repeat(MIB)}=`)],
  ['1 MiB of line ends in a block', () => block(repeated('\r\n'))],
  ['1 MiB of lines of spaces behind a header', () => block(Buffer.concat([Buffer.from('A:\n'), repeated('\n \t \r')]))],
  ['1 MiB of tabs behind a header', () => block(Buffer.concat([Buffer.from('A:\n'), repeated('\t'), Buffer.from('x')]))],
  ['1 MiB of letters that could be a header', () => block(repeated('A-'))],
  ['1 MiB of headers', () => block(repeated('A: b\n'))],
  ['1 MiB of a key that is encrypted as of old', () => oldKey(`DEK-Info: AES-256-CBC,${'00'.repeat(16)}`, 'A'.repeat(MIB))],
  ['a key of old that names no cipher', () => oldKey('DEK-Info: NONE,00', 'AAAA')],
  ['the mark of UTF-16 alone', () => hex('fffe')],
  ['UTF-16 with half a character', () => hex('fffe2d')],
  ['1 MiB of half surrogate pairs in UTF-16', () => Buffer.concat([hex('fffe'), hex('00d8', MIB / 2)])],
];

describe('hostile files are refused in few words', () => {
  test.each(HOSTILE)('%s', (_name, file) => {
    expect(outcomeOf(file())).toBeInstanceOf(PkiFault);
  });

  test('a certificate with 100,000 levels in an extension', async () => {
    const { der } = await issue({ extensions: [extension('2.5.29.17', { toBER: () => Uint8Array.from(nested(0x30, 100_000)).buffer } as never)] });
    expect(outcomeOf(der)).toBeInstanceOf(PkiFault);
  });

  test('the texts of a certificate can be stored and stay one line, whoever made it', async () => {
    const values: [string, number, string][] = [
      ['2.5.4.3', 0x1e, '0000000d0041'], ['2.5.4.10', 0x0c, '41000a'], ['2.5.4.11', 0x14, '000a'], ['2.5.4.7', 0x0c, 'e280a8'], ['2.5.4.8', 0x13, '0085'], ['2.5.4.9', 0x16, 'ff7f'],
    ];
    const { der } = await issue({ subject: nameOf(...values.map(([type, tagNumber, value]): [string, asn1js.BaseBlock] => [type, primitive(1, tagNumber, hex(value))])) });
    const { certificates: [certificate] } = readCertificateFile(der, null);
    const { facts } = certificate!;
    expect(facts.subject).toMatch(/^STREET=.*,ST=.*,L=.*,OU=.*,O=.*,CN=.*A$/);
    for (const text of [facts.subject, facts.issuer]) {
      expect(text).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
      expect(text.isWellFormed()).toBe(true);
    }
  });
});

describe('in a thread', () => {
  let running: number;
  let most: number;
  const count = (message: unknown): void => {
    running += 1;
    most = Math.max(most, running);
    (message as { worker: Worker }).worker.once('exit', () => { running -= 1; });
  };
  beforeEach(() => {
    [running, most] = [0, 0];
    subscribe('worker_threads', count);
  });
  /** The answer is there before the thread has ended. */
  const ended = () => waitFor(() => running, (still) => still === 0);
  afterEach(async () => {
    await ended();
    unsubscribe('worker_threads', count);
  });

  const answerOf = (reader: CertificateFileReader, bytes: Buffer, secret: string | null = PASSPHRASE): Promise<CertificateFile | PkiFault> =>
    reader.read(bytes, secret).catch((error: unknown) => { if (error instanceof PkiFault) return error; throw error; });

  test.each(NAMES)('%s is read as it is without one', async (name) => {
    const file = await new CertificateFileReader().read(files[name], PASSPHRASE);
    expect(file).toEqual(readCertificateFile(files[name], PASSPHRASE));
    expect(most).toBe(1);
  });

  test('a fault is the same, too', async () => {
    const reader = new CertificateFileReader();
    for (const [bytes, secret] of [[files['PKCS#12 with AES'], null], [files['PKCS#12 with AES'], 'other'], [Buffer.from('junk'), null], [Buffer.alloc(0), null]] as const) {
      const fault = await answerOf(reader, bytes, secret);
      expect(fault).toBeInstanceOf(PkiFault);
      const { code, message, part } = outcomeOf(bytes, secret) as PkiFault;
      expect(fault).toMatchObject({ code, message, part });
    }
  });

  test('damaged files give certificates, or a fault', async () => {
    const reader = new CertificateFileReader();
    await fc.assert(fc.asyncProperty(fc.constantFrom(...NAMES), mutations, async (name, all) => {
      const bytes = mutated(files[name], all);
      const [found, expected] = [await answerOf(reader, bytes), outcomeOf(bytes)];
      if (expected instanceof PkiFault) expect(found).toMatchObject({ code: expected.code });
      else expect(found).toEqual(expected);
    }), { numRuns: 10 });
  });

  test.each(HOSTILE.filter(([name]) => /^(100,000 levels|1 MiB of (tiny elements|first lines|spaces in a block))$/.test(name)))('%s', async (_name, file) => {
    expect(await answerOf(new CertificateFileReader(), file())).toMatchObject({ code: 'CERTIFICATE_UNREADABLE' });
  });

  /** It asks for all that is allowed. */
  const slow = (): Buffer => pkcs12Of(plainPart(certificateBag(leaf.der)), encryptedPart(1_000_000));

  test('at most two at once, the others wait for their turn', async () => {
    const reader = new CertificateFileReader();
    const answers = await Promise.all([slow(), slow(), files.DER, slow(), Buffer.from('junk'), files['PKCS#12 with AES']].map((bytes) => answerOf(reader, bytes)));
    const wrong = { code: 'CERTIFICATE_PASSPHRASE_WRONG' };
    expect(answers).toMatchObject([wrong, wrong, { format: 'der' }, wrong, { code: 'CERTIFICATE_UNREADABLE' }, { format: 'pkcs12' }]);
    expect(most).toBe(2);
  });

  test('one that takes too long is given up with its thread, and those that wait have their turn', async () => {
    const reader = new CertificateFileReader(1);
    const answers = await Promise.all(Array.from({ length: 5 }, () => answerOf(reader, slow())));
    expect(answers).toMatchObject(Array.from({ length: 5 }, () => ({ code: 'CERTIFICATE_FILE_TOO_COMPLEX', part: 'certificate' })));
    expect(most).toBe(2);
    await ended();
    expect(await answerOf(reader, slow())).toMatchObject({ code: 'CERTIFICATE_FILE_TOO_COMPLEX' });
    await ended();
  });

  test('those that find fifty waiting are sent away at once, and that says nothing about their file', async () => {
    const reader = new CertificateFileReader(1);
    const answers = await Promise.all(Array.from({ length: 55 }, () => answerOf(reader, slow())));
    const codes = answers.map((answer) => (answer as PkiFault).code);
    expect([codes.filter((code) => code === 'CERTIFICATE_FILE_TOO_COMPLEX').length, codes.slice(52)]).toEqual([52, Array.from({ length: 3 }, () => 'CERTIFICATE_READER_BUSY')]);
    expect(most).toBe(2);
  });

  test('what was read belongs together', async () => {
    const { certificates: [first], privateKeys: [key] } = await new CertificateFileReader().read(files['PKCS#12 without a seal'], PASSPHRASE);
    expect(first!.facts.thumbprintSha256).toBe(sha256(leaf));
    expect(belongsTo(key!, first!.pem)).toBe(true);
  });
});
