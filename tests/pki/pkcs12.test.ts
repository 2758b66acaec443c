import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import * as asn1js from 'asn1js';
import { type CertificateFile, readCertificateFile } from '../../src/pki/certificate-file.js';
import { type CertificateTool, missingTool, type ToolFolder, toolFolder } from '../setup/certificate-tools.js';
import { faultOf } from './fault.js';
import { authority, belongsTo, issue, type Issued, newKeys, pkcs8, sha256 } from './issue.js';
import {
  bigInteger, certificateBag, encryptedKey, encryptedPart, keyBag, nestedBag, pkcs12Of, plainPart, publicKeyPart, secretBag, shroudedKeyBag, signedPkcs12, withoutSeal, withSeal,
} from './pkcs12-parts.js';

const KINDS = ['rsa', 'ec'] as const;
type Kind = (typeof KINDS)[number];
const NON_ASCII = 'päß€🔑';
const PASSPHRASES = ['', 'correct horse', NON_ASCII];

let root: Issued;
let intermediate: Issued;
let identities: Record<Kind, Issued>;
let folder: ToolFolder;
beforeAll(async () => {
  root = await authority('Root');
  intermediate = await authority('Issuing CA', root);
  const [rsa, ec] = await Promise.all(KINDS.map(async (kind) => issue({ subject: `${kind}.example.com`, issuer: intermediate, keys: await newKeys(kind) })));
  identities = { rsa: rsa!, ec: ec! };
  folder = toolFolder();
  for (const kind of KINDS) {
    writeFileSync(folder.path(`${kind}.key`), pkcs8(identities[kind].privateKey));
    writeFileSync(folder.path(`${kind}.crt`), identities[kind].pem);
  }
  writeFileSync(folder.path('chain.pem'), intermediate.pem + root.pem);
});
afterAll(() => folder.remove());

/** Runs a program that writes a file, and reads that. */
function made(program: CertificateTool, args: readonly string[]): Buffer {
  folder.run(program, args);
  return readFileSync(folder.path('out.p12'));
}
const openssl = (kind: Kind, passphrase: string, ...options: string[]): Buffer =>
  made('openssl', ['pkcs12', '-export', '-inkey', `${kind}.key`, '-in', `${kind}.crt`, '-name', 'mailroom', '-passout', `pass:${passphrase}`, '-out', 'out.p12', ...options]);

function expectIdentity(file: CertificateFile, kind: Kind): void {
  expect(file).toMatchObject({ format: 'pkcs12', certificates: [{ facts: { subject: `CN=${kind}.example.com`, thumbprintSha256: sha256(identities[kind]) } }] });
  expect(file.privateKeys).toEqual([pkcs8(identities[kind].privateKey)]);
  expect(belongsTo(file.privateKeys[0]!, file.certificates[0]!.pem)).toBe(true);
}

const codeOf = (file: Buffer, passphrase: string | null): string => faultOf(() => readCertificateFile(file, passphrase)).code;

function expectPassphraseNeeded(file: Buffer, passphrase: string): void {
  expect(faultOf(() => readCertificateFile(file, `${passphrase}x`))).toMatchObject({ code: 'CERTIFICATE_PASSPHRASE_WRONG', part: 'passphrase' });
  if (passphrase === '') expect(readCertificateFile(file, null)).toEqual(readCertificateFile(file, ''));
  else {
    for (const none of [null, '']) expect(faultOf(() => readCertificateFile(file, none))).toMatchObject({ code: 'CERTIFICATE_PASSPHRASE_REQUIRED', part: 'passphrase' });
  }
}

const noOpenssl = missingTool('openssl');
if (noOpenssl) test.skip(`PKCS#12 of OpenSSL: ${noOpenssl}`, () => undefined);
else describe('PKCS#12 of OpenSSL', describeOpenssl);

/** Why the ciphers of old are not tried, or null: OpenSSL 1 has no such option, and OpenSSL 3 may lack its module. */
function noLegacy(): string | null {
  const tried = toolFolder();
  try {
    tried.run('openssl', ['list', '-providers', '-provider', 'legacy']);
    return null;
  } catch {
    return 'skipped, this OpenSSL has no module for old ciphers';
  } finally {
    tried.remove();
  }
}

function describeOpenssl(): void {
  const withoutLegacy = noLegacy();
  describe.each<[string, string[]]>([
    ['its default', []],
    ['RC2 of 40 bits and 3DES', ['-legacy']],
    ['3DES for both', ['-legacy', '-descert']],
    ['RC2 of 128 bits and 3DES of two keys', ['-legacy', '-certpbe', 'PBE-SHA1-RC2-128', '-keypbe', 'PBE-SHA1-2DES']],
    ['AES-128 and 3DES by PBES2, sealed by SHA-512', ['-certpbe', 'AES-128-CBC', '-keypbe', 'DES-EDE3-CBC', '-macalg', 'sha512']],
    ['AES-192, sealed by SHA-384', ['-certpbe', 'AES-192-CBC', '-keypbe', 'AES-192-CBC', '-macalg', 'sha384']],
    ['SHA-224 and one iteration', ['-macalg', 'sha224', '-noiter', '-nomaciter']],
    ['sealed by SHA-1', ['-macalg', 'sha1']],
    ['no seal', ['-nomac']],
    ['3DES without a seal', ['-legacy', '-descert', '-nomac']],
    ['a seal alone', ['-certpbe', 'NONE', '-keypbe', 'NONE']],
    ['the key encrypted alone', ['-certpbe', 'NONE']],
  ])('%s', (_name, options) => {
    const name = 'a key of the kind %s, with the passphrase %p';
    const rows = KINDS.flatMap((kind) => PASSPHRASES.map((passphrase) => [kind, passphrase] as const));
    if (options.includes('-legacy') && withoutLegacy) test.skip(withoutLegacy, () => undefined);
    else test.each(rows)(name, (kind, passphrase) => {
      const file = openssl(kind, passphrase, ...options);
      expectIdentity(readCertificateFile(file, passphrase), kind);
      if (kind === 'ec') expectPassphraseNeeded(file, passphrase);
    });
  });

  test.each([
    ['of 300 characters', 'a'.repeat(300)], ['of one character', 'x'], ['with spaces around', ' x '], ['with a line separator', 'a\u2028b'], ['with a ligature', 'ﬁ'], ['with a combining mark', 'e\u0301'],
  ])('a passphrase %s, as it is', (_name, passphrase) => {
    const file = openssl('ec', passphrase);
    expectIdentity(readCertificateFile(file, passphrase), 'ec');
    expectPassphraseNeeded(file, passphrase);
  });

  test('neither encrypted nor sealed: any passphrase will do', () => {
    const file = openssl('ec', 'secret', '-certpbe', 'NONE', '-keypbe', 'NONE', '-nomac');
    for (const passphrase of ['secret', 'other', '', null]) expectIdentity(readCertificateFile(file, passphrase), 'ec');
  });

  test('600,000 iterations', () => {
    expectIdentity(readCertificateFile(openssl('rsa', NON_ASCII, '-iter', '600000'), NON_ASCII), 'rsa');
  });

  test('with a chain', () => {
    const file = readCertificateFile(openssl('rsa', 'secret', '-certfile', 'chain.pem'), 'secret');
    expect(file.certificates.map(({ facts }) => facts.thumbprintSha256)).toEqual([identities.rsa, intermediate, root].map(sha256));
    expect(file.privateKeys).toHaveLength(1);
    expect(file.certificates.map(({ pem }) => belongsTo(file.privateKeys[0]!, pem))).toEqual([true, false, false]);
  });

  test('without a key', () => {
    const file = readCertificateFile(made('openssl', ['pkcs12', '-export', '-nokeys', '-in', 'chain.pem', '-passout', 'pass:secret', '-out', 'out.p12']), 'secret');
    expect(file.certificates.map(({ facts }) => facts.subject).sort()).toEqual(['CN=Issuing CA', 'CN=Root']);
    expect(file.privateKeys).toEqual([]);
  });

  test('without a certificate', () => {
    const file = made('openssl', ['pkcs12', '-export', '-nocerts', '-inkey', 'ec.key', '-passout', 'pass:secret', '-out', 'out.p12']);
    expect(faultOf(() => readCertificateFile(file, 'secret'))).toMatchObject({ code: 'CERTIFICATE_UNREADABLE', message: expect.stringContaining('no certificate') });
  });

  test.each([
    ['ed25519', ['ed25519']], ['ed448', ['ed448']], ['ecP521', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-521']], ['rsapss2048', ['rsa-pss', '-pkeyopt', 'rsa_keygen_bits:2048']],
  ])('a key of the kind %s', (keyType, key) => {
    folder.run('openssl', ['req', '-x509', '-subj', '/CN=other', '-nodes', '-keyout', 'other.key', '-out', 'other.crt', '-newkey', ...key]);
    const file = readCertificateFile(made('openssl', ['pkcs12', '-export', '-inkey', 'other.key', '-in', 'other.crt', '-passout', 'pass:x', '-out', 'out.p12']), 'x');
    expect(file).toMatchObject({ certificates: [{ facts: { keyType } }], privateKeys: [expect.any(String)] });
    expect(belongsTo(file.privateKeys[0]!, file.certificates[0]!.pem)).toBe(true);
  });

  test('its base64 text', () => {
    const text = openssl('ec', 'secret').toString('base64');
    for (const file of [text, `${text.match(/.{1,76}/g)!.join('\r\n')}\r\n`]) expectIdentity(readCertificateFile(Buffer.from(file), 'secret'), 'ec');
  });

  describe('what is not known', () => {
    test('another cipher', () => {
      expect(codeOf(openssl('ec', 'x', '-certpbe', 'CAMELLIA-256-CBC'), 'x')).toBe('CERTIFICATE_ENCRYPTION_UNSUPPORTED');
      expect(codeOf(openssl('ec', 'x', '-keypbe', 'CAMELLIA-256-CBC'), 'x')).toBe('CERTIFICATE_ENCRYPTION_UNSUPPORTED');
    });

    if (withoutLegacy) test.skip(`RC4: ${withoutLegacy}`, () => undefined);
    else test('RC4', () => {
      expect(codeOf(openssl('ec', 'x', '-legacy', '-certpbe', 'PBE-SHA1-RC4-128'), 'x')).toBe('CERTIFICATE_ENCRYPTION_UNSUPPORTED');
    });

    test('scrypt', () => {
      const key = folder.run('openssl', ['pkcs8', '-topk8', '-scrypt', '-in', 'ec.key', '-outform', 'DER', '-passout', 'pass:x']);
      expect(codeOf(pkcs12Of(plainPart(certificateBag(identities.ec.der), shroudedKeyBag(key))), 'x')).toBe('CERTIFICATE_ENCRYPTION_UNSUPPORTED');
    });

    test('another seal', () => {
      const file = withSeal(openssl('ec', 'x'), ({ algorithm }) => { algorithm.valueBlock.value[0] = new asn1js.ObjectIdentifier({ value: '1.2.840.113549.1.5.14' }); });
      expect(codeOf(file, 'x')).toBe('CERTIFICATE_ENCRYPTION_UNSUPPORTED');
    });
  });

  describe('damage', () => {
    test('a digest that was changed', () => {
      expect(codeOf(withSeal(openssl('ec', 'x'), ({ digest }) => { digest.valueBlock.valueHexView[0]! ^= 1; }), 'x')).toBe('CERTIFICATE_PASSPHRASE_WRONG');
    });

    // The key that a digest is made with has its length: a long one would ask for very much work.
    test.each([[0], [1], [31], [33], [20_000]])('a digest of %i bytes, where the hash has 32', (length) => {
      const file = withSeal(openssl('ec', 'x'), ({ algorithm, parts }) => {
        (parts[0] as asn1js.Sequence).valueBlock.value = [algorithm, new asn1js.OctetString({ valueHex: new ArrayBuffer(length) })];
      });
      expect(codeOf(file, 'x')).toBe('CERTIFICATE_UNREADABLE');
    });

    test('a file that was cut short', () => {
      const file = openssl('ec', 'x');
      for (const length of [1, 2, 10, 100, file.length - 1]) expect(codeOf(file.subarray(0, length), 'x')).toBe('CERTIFICATE_UNREADABLE');
    });

    test('a file with more behind it', () => {
      expect(codeOf(Buffer.concat([openssl('ec', 'x'), Buffer.of(0)]), 'x')).toBe('CERTIFICATE_UNREADABLE');
    });
  });

  describe('too many iterations are refused before any is done', () => {
    const COUNT = Buffer.from('0203010000', 'hex');
    const HUGE = Buffer.from('02037fffff', 'hex');
    /** The places of the number of iterations: of the certificate's cipher, of the key's, and of the seal. */
    const places = (file: Buffer): number[] => [...Array(file.length).keys()].filter((at) => file.subarray(at, at + COUNT.length).equals(COUNT));
    const patched = (file: Buffer, at: number): Buffer => Buffer.concat([file.subarray(0, at), HUGE, file.subarray(at + HUGE.length)]);
    let sealed: Buffer;
    let unsealed: Buffer;
    beforeAll(() => {
      sealed = openssl('ec', 'x', '-iter', '65536');
      unsealed = withoutSeal(sealed);
      expect([places(sealed).length, places(unsealed).length]).toEqual([3, 2]);
    });

    test('of the seal', () => {
      const file = patched(sealed, places(sealed)[2]!);
      expect(faultOf(() => readCertificateFile(file, 'x'))).toMatchObject({ code: 'CERTIFICATE_ITERATIONS_TOO_MANY', part: 'certificate', message: expect.stringContaining('1 to 1000000 are done') });
    });

    test.each([['the certificate', 0], ['the key', 1]])('of the cipher of %s', (_name, place) => {
      expect(codeOf(patched(unsealed, places(unsealed)[place]!), 'x')).toBe('CERTIFICATE_ITERATIONS_TOO_MANY');
    });

    test.each([
      ['1,000,001', 1_000_001n], ['2^31', 2n ** 31n], ['2^53', 2n ** 53n], ['2^64', 2n ** 64n], ['2^2048', 2n ** 2048n], ['0', 0n], ['-1', -1n], ['-2^64', -(2n ** 64n)],
    ])('%s of the seal', (_name, count) => {
      expect(codeOf(withSeal(sealed, ({ parts }) => { parts[2] = bigInteger(count); }), 'x')).toBe('CERTIFICATE_ITERATIONS_TOO_MANY');
    });

    test('a number that is none', () => {
      expect(codeOf(withSeal(sealed, ({ parts }) => { parts[2] = new asn1js.Null(); }), 'x')).toMatch(/^CERTIFICATE_(ITERATIONS_TOO_MANY|UNREADABLE)$/);
    });
  });
}

describe('PKCS#12 of several parts', () => {
  test('several keys, some encrypted, in nested bags, with what is passed over', () => {
    const { rsa, ec } = identities;
    const file = readCertificateFile(pkcs12Of(
      plainPart(certificateBag(rsa.der), secretBag(), shroudedKeyBag(encryptedKey(rsa.privateKey, NON_ASCII))),
      plainPart(nestedBag(certificateBag(ec.der), nestedBag(keyBag(ec.privateKey)))),
      plainPart(certificateBag(rsa.der), keyBag(ec.privateKey)),
    ), NON_ASCII);
    expect(file.certificates.map(({ facts }) => facts.thumbprintSha256)).toEqual([rsa, ec].map(sha256));
    expect(file.privateKeys).toEqual([rsa, ec].map(({ privateKey }) => pkcs8(privateKey)));
  });

  test('a secret in nested bags is passed over, too', () => {
    expect(readCertificateFile(pkcs12Of(plainPart(nestedBag(certificateBag(identities.ec.der), secretBag()))), null).certificates).toHaveLength(1);
  });

  test('keys with different passphrases: one of them opens not all', () => {
    const { rsa, ec } = identities;
    const file = pkcs12Of(plainPart(certificateBag(rsa.der), shroudedKeyBag(encryptedKey(rsa.privateKey, 'one')), shroudedKeyBag(encryptedKey(ec.privateKey, 'other'))));
    expect(codeOf(file, 'one')).toBe('CERTIFICATE_PASSPHRASE_WRONG');
  });

  test.each<[string, () => Buffer, string]>([
    ['no part', () => pkcs12Of(), 'CERTIFICATE_UNREADABLE'],
    ['a part without bags', () => pkcs12Of(plainPart()), 'CERTIFICATE_UNREADABLE'],
    ['a part for a public key', () => pkcs12Of(publicKeyPart()), 'CERTIFICATE_ENCRYPTION_UNSUPPORTED'],
    ['signed by a public key', () => signedPkcs12(), 'CERTIFICATE_ENCRYPTION_UNSUPPORTED'],
    ['a certificate that is junk', () => pkcs12Of(plainPart(certificateBag(Buffer.from('junk')))), 'CERTIFICATE_UNREADABLE'],
    ['bags nested without end', () => pkcs12Of(plainPart(nestedBag(nestedBag(nestedBag(nestedBag(certificateBag(identities.ec.der))))))), 'CERTIFICATE_UNREADABLE'],
    ['11 parts with 1,000,000 iterations each', () => pkcs12Of(...Array.from({ length: 11 }, () => encryptedPart(1_000_000))), 'CERTIFICATE_ITERATIONS_TOO_MANY'],
    ['51 encrypted parts', () => pkcs12Of(...Array.from({ length: 51 }, () => encryptedPart(1))), 'CERTIFICATE_ITERATIONS_TOO_MANY'],
    ['51 encrypted keys', () => pkcs12Of(plainPart(...Array.from({ length: 51 }, () => shroudedKeyBag(encryptedKey(identities.ec.privateKey, 'x'))))), 'CERTIFICATE_ITERATIONS_TOO_MANY'],
  ])('%s', (_name, file, code) => {
    expect(codeOf(file(), 'x')).toBe(code);
  });
});

const noGnutls = missingTool('certtool');
if (noGnutls) test.skip(`PKCS#12 of GnuTLS: ${noGnutls}`, () => undefined);
else describe('PKCS#12 of GnuTLS', () => { // with 600,000 iterations each, so these are few
  const certtool = (kind: Kind, cipher: string, ...options: string[]): Buffer =>
    made('certtool', [
      '--to-p12', '--load-privkey', `${kind}.key`, '--load-certificate', `${kind}.crt`, '--p12-name', 'mailroom', `--pkcs-cipher=${cipher}`, '--outder', '--outfile', 'out.p12', ...options,
    ]);

  test.each<[string, Kind, string | null]>([
    ['aes-128', 'rsa', NON_ASCII], ['aes-256', 'ec', ''], ['3des', 'rsa', null],
  ])('%s, a key of the kind %s, with the passphrase %p', (cipher, kind, passphrase) => {
    const file = certtool(kind, cipher, ...(passphrase === null ? ['--null-password'] : passphrase === '' ? ['--empty-password'] : ['--password', passphrase]));
    expectIdentity(readCertificateFile(file, passphrase), kind);
  });
});

const noNss = missingTool('certutil', 'pk12util', 'openssl');
if (noNss) test.skip(`PKCS#12 of NSS: ${noNss}`, () => undefined);
else describe('PKCS#12 of NSS', () => {
  beforeAll(() => {
    for (const kind of KINDS) {
      openssl(kind, 'x');
      folder.run('certutil', ['-N', '-d', 'sql:.', '-P', kind, '--empty-password']);
      folder.run('pk12util', ['-i', 'out.p12', '-d', 'sql:.', '-P', kind, '-W', 'x']);
    }
  });

  test.each<[string, Kind, string]>([
    ['AES-256-CBC', 'rsa', NON_ASCII], ['AES-128-CBC', 'ec', ''], ['PKCS #12 V2 PBE With SHA-1 And 40 Bit RC2 CBC', 'rsa', 'correct horse'],
  ])('%s, a key of the kind %s, with the passphrase %p', (cipher, kind, passphrase) => {
    const file = made('pk12util', ['-o', 'out.p12', '-d', 'sql:.', '-P', kind, '-n', 'mailroom', '-W', passphrase, '-c', cipher, '-C', cipher]);
    expectIdentity(readCertificateFile(file, passphrase), kind);
  });
});
