import { createPrivateKey, randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type CertificateOptions, createAuthority, derOf, ended, type FreshKeyType, notBegun, type TestAuthority } from '../factories/issue-certificate.js';
import { packPkcs12, type Pkcs12Options } from '../factories/pack-certificate.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { authority as rootOf, issue as issueBy, pkcs8 } from '../pki/issue.js';
import { expectProblem } from './expect-problem.js';

const PATH = '/v1/client-certificates';
const CERTIFICATE = '/certificate';

let mailroom: TestMailroom;
let [authority, strangers]: TestAuthority[] = [];
let csr: string;

beforeAll(async () => {
  [mailroom, authority, strangers] = await Promise.all([startMailroom({ workers: false }), createAuthority(), createAuthority('Strangers')]);
  csr = (await mailroom.as().post('/v1/certificate-requests', { subject: { commonName: 'mailroom.example.com' }, keyType: 'ecP256' }).expect(201)).body.pem as string;
});
afterAll(async () => {
  await mailroom.close();
});

/** Everything that an install may write. */
async function stored(): Promise<unknown> {
  const { clientCertificate, certificateRequest, auditEntry, tlsMaterial } = mailroom.container.database.prisma;
  return Promise.all([clientCertificate.findMany(), certificateRequest.findMany(), auditEntry.findMany(), tlsMaterial.findMany()]);
}

let before: unknown;
beforeEach(async () => {
  before = await stored();
});
afterEach(async () => {
  expect(await stored()).toEqual(before);
});

async function refused(file: string | Buffer, code: string, { passphrase, pointer = CERTIFICATE }: { passphrase?: string; pointer?: string } = {}): Promise<string> {
  const certificate = typeof file === 'string' ? file : file.toString('base64');
  const { detail, errors } = expectProblem(await mailroom.as().post(PATH, { certificate, ...(passphrase !== undefined && { passphrase }) }), 400, code, [{ pointer }]);
  expect(errors![0]!.message).toMatch(/\w/);
  return detail;
}

/** A PEM file with a certificate and its key. */
async function withKey(options: CertificateOptions = {}): Promise<string> {
  const { key, certificate } = await authority!.issue(options);
  return certificate + key;
}

/** A PKCS#12 file with a certificate and its key. */
async function packed(overrides: Partial<Pkcs12Options> = {}): Promise<Buffer> {
  const { key, certificate } = await authority!.issue();
  return packPkcs12({ keys: [key], certificates: [certificate], passphrase: 'right', ...overrides });
}

async function withEncryptedKey(): Promise<string> {
  const { key, certificate } = await authority!.issue();
  return certificate + (createPrivateKey(key).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'right' }) as string);
}

describe('the passphrase', () => {
  const pointer = '/passphrase';

  test.each<[string, () => Promise<string | Buffer>]>([['a PKCS#12 file', packed], ['an encrypted key in PEM', withEncryptedKey]])('of %s', async (_name, fileOf) => {
    const file = await fileOf();
    expect(await refused(file, 'CERTIFICATE_PASSPHRASE_REQUIRED', { pointer })).toMatch(/passphrase is needed/);
    expect(await refused(file, 'CERTIFICATE_PASSPHRASE_WRONG', { pointer, passphrase: 'wrong' })).not.toContain('wrong: wrong');
    await refused(file, 'CERTIFICATE_PASSPHRASE_WRONG', { pointer, passphrase: 'Right' });
    await refused(file, 'CERTIFICATE_PASSPHRASE_WRONG', { pointer, passphrase: 'right ' });
  });

  test('has 1024 characters at most', async () => {
    await refused(await packed(), 'VALIDATION_FAILED', { pointer, passphrase: 'p'.repeat(1025) });
    await refused(await packed(), 'CERTIFICATE_PASSPHRASE_WRONG', { pointer, passphrase: 'p'.repeat(1024) });
  });

  test('that is no text is refused', async () => {
    expectProblem(await mailroom.as().post(PATH, { certificate: await withKey(), passphrase: 1 }), 400, 'VALIDATION_FAILED', [{ pointer }]);
  });
});

describe('the private key', () => {
  test('is missing in a PKCS#12 file', async () => {
    expect(await refused(await packed({ keys: [] }), 'CERTIFICATE_PRIVATE_KEY_MISSING', { passphrase: 'right' })).toMatch(/no private key/);
  });

  test('is missing in a PKCS#12 file, also when a request has it', async () => {
    const { certificate } = await authority!.issue({ csr });
    await refused(await packed({ keys: [], certificates: [certificate] }), 'CERTIFICATE_PRIVATE_KEY_MISSING', { passphrase: 'right' });
  });

  test('is not alone', async () => {
    const [one, other] = [await authority!.issue(), await authority!.issue()];
    expect(await refused(await packed({ keys: [one.key, other.key], certificates: [one.certificate, other.certificate] }), 'CERTIFICATE_PRIVATE_KEYS_SEVERAL', { passphrase: 'right' })).toContain('2 private keys');
    await refused(one.certificate + one.key + other.certificate + other.key, 'CERTIFICATE_PRIVATE_KEYS_SEVERAL');
  });

  test('belongs to no certificate', async () => {
    const [one, other] = [await authority!.issue(), await authority!.issue()];
    await refused(await packed({ keys: [one.key], certificates: [other.certificate, authority!.intermediate] }), 'CERTIFICATE_KEY_MISMATCH', { passphrase: 'right' });
    await refused(one.certificate + other.key, 'CERTIFICATE_KEY_MISMATCH');
  });

  test('is of another kind than the certificate', async () => {
    const [one, other] = [await authority!.issue(), await authority!.issue({ keyType: 'rsa2048' })];
    await refused(one.certificate + other.key, 'CERTIFICATE_KEY_MISMATCH');
  });

  test('is damaged', async () => {
    const { key, certificate } = await authority!.issue();
    expect(await refused(certificate + key.replace(/\n.{20}/, `\n${'A'.repeat(20)}`), 'CERTIFICATE_UNREADABLE')).toContain('private key');
  });
});

describe('no request here has the key', () => {
  test.each<[string, () => Promise<string>]>([
    ['a certificate', async () => (await authority!.issue()).certificate],
    ['a chain', async () => (await authority!.issue()).chain],
    ['a certificate of another authority', async () => (await strangers!.issue()).chain],
  ])('of %s', async (_name, fileOf) => {
    expect(await refused(await fileOf(), 'CERTIFICATE_REQUEST_NOT_FOUND')).toContain('/v1/certificate-requests');
  });

  test('of a certificate whose request was deleted', async () => {
    const { body } = await mailroom.as().post('/v1/certificate-requests', { subject: { commonName: 'deleted' }, keyType: 'ecP256' }).expect(201);
    const { certificate } = await authority!.issue({ csr: body.pem as string });
    await mailroom.as().delete(`/v1/certificate-requests/${body.id}`).expect(204);
    before = await stored();
    await refused(certificate, 'CERTIFICATE_REQUEST_NOT_FOUND');
  });
});

describe('what the certificate is', () => {
  test.each<[string, string, CertificateOptions, RegExp]>([
    ['expired', 'CERTIFICATE_EXPIRED', ended(), /expired on \d{4}-/],
    ['not valid yet', 'CERTIFICATE_NOT_YET_VALID', notBegun(), /from \d{4}-/],
    ["an authority's", 'CERTIFICATE_IS_CA', { ca: true }, /certificate authority/],
    ["an authority's that is for clients", 'CERTIFICATE_IS_CA', { ca: true, purposes: ['clientAuth'], keyUsage: ['digitalSignature', 'keyCertSign'] }, /trusted-certificates/],
    ['for servers only', 'CERTIFICATE_NOT_FOR_CLIENT_AUTH', { purposes: ['serverAuth'] }, /serverAuth, and not for client/],
    ['for code', 'CERTIFICATE_NOT_FOR_CLIENT_AUTH', { purposes: ['serverAuth', 'codeSigning'] }, /serverAuth, codeSigning/],
    ['for encryption only', 'CERTIFICATE_NOT_FOR_CLIENT_AUTH', { keyUsage: ['keyEncipherment', 'dataEncipherment'] }, /keyEncipherment, dataEncipherment/],
    ['for contracts only', 'CERTIFICATE_NOT_FOR_CLIENT_AUTH', { keyUsage: ['contentCommitment'] }, /digitalSignature/],
  ])('%s', async (_name, code, options, detail) => {
    expect(await refused(await withKey(options), code)).toMatch(detail);
    const { key, certificate } = await authority!.issue(options);
    await refused(await packPkcs12({ keys: [key], certificates: [certificate], passphrase: 'right' }), code, { passphrase: 'right' });
    await refused((await authority!.issue({ csr, ...options })).chain, code);
  });

  test('an authority alone', async () => {
    await refused(authority!.root, 'CERTIFICATE_IS_CA');
    await refused(authority!.intermediate + authority!.root, 'CERTIFICATE_IS_CA');
  });

  test.each<[FreshKeyType, RegExp]>([['rsa1024', /RSA key has 1024 bits/], ['secp256k1', /curve secp256k1/], ['secp224r1', /curve secp224r1/]])('of a key of the type %s', async (keyType, detail) => {
    expect(await refused(await withKey({ keyType }), 'CERTIFICATE_KEY_TOO_WEAK')).toMatch(detail);
    const { key, certificate } = await authority!.issue({ keyType });
    await refused(await packPkcs12({ keys: [key], certificates: [certificate], passphrase: 'right' }), 'CERTIFICATE_KEY_TOO_WEAK', { passphrase: 'right' });
  });
});

describe('no certificate at all', () => {
  const inBase64 = (text: string): Buffer => Buffer.from(text);

  test.each<[string, () => string | Buffer | Promise<string | Buffer>, RegExp]>([
    ['a text', () => 'This is not a certificate.', /not a certificate/],
    ['a text in base64', () => inBase64('This is not a certificate.'), /not a certificate/],
    ['a page', () => '<!DOCTYPE html><html><body>Sign in</body></html>', /not a certificate/],
    ['a page in base64', () => inBase64('<!DOCTYPE html><html><body>Sign in</body></html>'), /not a certificate/],
    ['random bytes', () => Buffer.concat([Buffer.of(0x80), randomBytes(2000)]), /not a certificate/],
    ['bytes that begin like a certificate', () => Buffer.concat([Buffer.from('30820400', 'hex'), Buffer.alloc(1024, 0xa5)]), /./],
    ['a certificate that was cut short', async () => derOf((await authority!.issue()).certificate).subarray(0, 300), /damaged/],
    ['a PKCS#12 file that was cut short', async () => (await packed()).subarray(0, 500), /damaged/],
    ['a PEM block without an end', async () => (await authority!.issue()).certificate.slice(0, -30), /no end/],
    ['a PEM block with other characters', async () => (await authority!.issue()).certificate.replace(/\n.{3}/, '\n***'), /do not belong/],
    ['an empty PEM block', () => '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n', /./],
    ['a request in PEM', () => csr, /certificate request/],
    ['a request in DER', () => derOf(csr), /certificate request/],
    ['only a key in PEM', async () => (await authority!.issue()).key, /private key in the file, and no certificate/],
    ['only a key in DER', async () => derOf((await authority!.issue()).key), /./],
    ['a public key', () => '-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n', /only PUBLIC KEY/],
    ['a PKCS#12 file without a certificate', async () => packed({ certificates: [] }), /no certificate/],
    ['white space', () => ' \n ', /./],
  ])('%s', async (_name, fileOf, detail) => {
    expect(await refused(await fileOf(), 'CERTIFICATE_UNREADABLE', { passphrase: 'right' })).toMatch(detail);
  });

  test.each<[string, object, string, string]>([
    ['nothing', {}, '/certificate', 'is required'],
    ['an empty text', { certificate: '' }, '/certificate', 'must not be empty'],
    ['a number', { certificate: 1 }, '/certificate', 'must be a string'],
    ['null', { certificate: null }, '/certificate', 'must be a string'],
    ['a list', { certificate: [] }, '/certificate', 'must be a string'],
    ['an unknown property', { certificate: 'x', key: 'y' }, '/key', 'is not a known property'],
  ])('%s in JSON', async (_name, body, pointer, message) => {
    expectProblem(await mailroom.as().post(PATH, body), 400, 'VALIDATION_FAILED', [{ pointer, message }]);
  });

  test('text that a database cannot keep', async () => {
    expectProblem(await mailroom.as().post(PATH, { certificate: `${(await authority!.issue({ csr })).certificate}\0` }), 400, 'TEXT_INVALID', [{ pointer: CERTIFICATE }]);
  });
});

test('an issuer that TLS does not take any more: nothing becomes active that no connection could present', async () => {
  const root = await rootOf('Old Root');
  const weak = await rootOf('Old Issuing CA', root, { hash: 'SHA-1' });
  const leaf = await issueBy({ subject: 'mailroom', issuer: weak });
  expect(await refused(leaf.pem + weak.pem + pkcs8(leaf.privateKey), 'CERTIFICATE_UNUSABLE')).toContain('Old Issuing CA');
});

describe('work without end', () => {
  test('a PKCS#12 file with too many iterations', async () => {
    expect(await refused(await packed({ iterations: 1_000_001 }), 'CERTIFICATE_ITERATIONS_TOO_MANY', { passphrase: 'right' })).toContain('1 to 1000000 are done');
  });

  test('more than 200 certificates', async () => {
    const { certificate } = await authority!.issue();
    const many = Array.from({ length: 201 }, (_, n) => {
      const der = Buffer.from(derOf(certificate));
      der.writeUInt16BE(n, der.length - 2);
      return `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`;
    });
    expect(await refused(many.join(''), 'CERTIFICATES_TOO_MANY')).toContain('201');
  });
});

test('a refusal does not repeat what was sent', async () => {
  const { key, certificate } = await authority!.issue();
  const secret = key.split('\n')[1]!;
  const answers = [
    await mailroom.as().post(PATH, { certificate: await packed(), passphrase: 'distinctive-phrase' }),
    await mailroom.as().post(PATH, { certificate: (await packed()).toString('base64'), passphrase: 'distinctive-phrase' }),
    await mailroom.as().post(PATH, { certificate: key, passphrase: 'distinctive-phrase' }),
    await mailroom.as().post(PATH, { certificate: certificate + key.replace('MIG', '***'), passphrase: 'distinctive-phrase' }),
    await mailroom.as().post(PATH, { certificate: key, passphrase: { of: 'distinctive-phrase' } }),
  ];
  expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400]);
  expect(JSON.stringify(answers.map(({ text }) => text))).not.toContain('distinctive-phrase');
  expect(JSON.stringify(answers.map(({ text }) => text))).not.toContain(secret.slice(3, 40));
});
