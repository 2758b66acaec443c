import { createHash, createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { ClientCertificate } from '../../src/client-certificates/client-certificates.contract.js';
import { KeyRing } from '../../src/secrets/key-ring.js';
import { createAuthority, derOf, type FreshKeyType, type IssuedCertificate, type TestAuthority } from '../factories/issue-certificate.js';
import { packOldPkcs12, packPkcs12, packPkcs7 } from '../factories/pack-certificate.js';
import { daysFromNow, issue, newKeys, pkcs8 } from '../pki/issue.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { auditOf } from './audit.js';
import { expectProblem } from './expect-problem.js';

const PATH = '/v1/client-certificates';
const NOBODY = '01900000-0000-7000-8000-000000000000';

let mailroom: TestMailroom;
let authority: TestAuthority;

beforeAll(async () => {
  [mailroom, authority] = await Promise.all([startMailroom({ workers: false }), createAuthority()]);
});
beforeEach(async () => {
  await mailroom.container.database.prisma.tlsMaterial.updateMany({ data: { activeClientCertificateId: null } });
  await rows().deleteMany();
});
afterAll(async () => {
  await mailroom.close();
});

const rows = () => mailroom.container.database.prisma.clientCertificate;
const install = (certificate: string, passphrase?: string) => mailroom.as().post(PATH, { certificate, ...(passphrase !== undefined && { passphrase }) });
const installed = async (certificate: string, passphrase?: string): Promise<ClientCertificate> => (await install(certificate, passphrase).expect(201)).body as ClientCertificate;
const base64 = (bytes: Buffer): string => bytes.toString('base64');

interface OwnRequest { id: string; pem: string; subject: string }
const request = async (keyType = 'ecP256', overrides: object = {}): Promise<OwnRequest> =>
  (await mailroom.as().post('/v1/certificate-requests', { subject: { commonName: 'mailroom.example.com', organization: 'Example Ltd', country: 'DE' }, keyType, ...overrides }).expect(201)).body as OwnRequest;

/** The private key of the row, as Mailroom would present it. */
async function storedKey(id: string): Promise<ReturnType<typeof createPrivateKey>> {
  const { privateKeyCiphertext } = await rows().findUniqueOrThrow({ where: { id } });
  return createPrivateKey(new KeyRing(['test-secret-key-of-32-characters']).open(privateKeyCiphertext, JSON.stringify(['client-certificate', 'private-key', id])));
}

/** It can be presented: the stored key is that of the certificate. */
const expectOwnKey = async ({ id, pem }: ClientCertificate): Promise<void> =>
  expect(createPublicKey(await storedKey(id)).export({ type: 'spki', format: 'pem' })).toBe(new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'pem' }));

describe('a certificate that was issued for a request', () => {
  test('answers the whole resource and tells where it is', async () => {
    const { id: certificateRequestId, pem: csr, subject } = await request();
    const { certificate, chain } = await authority.issue({ csr, dnsNames: ['mailroom.example.com', 'mail.example.com'] });
    const response = await install(chain).expect(201);
    const { id, installedAt, activatedAt } = response.body as ClientCertificate;
    const [own, issuer] = [new X509Certificate(certificate), new X509Certificate(authority.intermediate)];
    expect(response.body).toEqual({
      id, active: true, subject, issuer: 'CN=Test Issuing CA', serialNumber: own.serialNumber,
      thumbprintSha256: own.fingerprint256.replaceAll(':', ''), thumbprintSha1: own.fingerprint.replaceAll(':', ''),
      validFrom: new Date(own.validFrom).toISOString(), validTo: new Date(own.validTo).toISOString(), daysLeft: 90,
      keyType: 'ecP256', subjectAltNames: ['DNS:mailroom.example.com', 'DNS:mail.example.com'], keyUsage: ['digitalSignature'], extendedKeyUsage: ['clientAuth'],
      chainsToTrustedRoot: false, pem: chain, certificateRequestId,
      chain: [{ subject: 'CN=Test Issuing CA', issuer: 'CN=Test Root', thumbprintSha256: issuer.fingerprint256.replaceAll(':', ''), validTo: new Date(issuer.validTo).toISOString() }],
      installedAt, installedBy: 'MAILROOM_ADMIN_KEY', activatedAt, activatedBy: 'MAILROOM_ADMIN_KEY', replacedAt: null,
    });
    expect(Math.abs(Date.parse(activatedAt) - Date.parse(installedAt))).toBeLessThan(60_000);
    expect(response.headers).toMatchObject({ location: `${PATH}/${id}`, etag: expect.stringMatching(/^"\d+\.[\w-]{22}"$/) });
    const read = await mailroom.as().get(response.headers['location']!).expect(200);
    expect(read.body).toEqual(response.body);
    expect(read.headers['etag']).toBe(response.headers['etag']);
    await expectOwnKey(response.body as ClientCertificate);
  });

  test('marks the request as used', async () => {
    const { id, pem: csr } = await request();
    const own = await installed((await authority.issue({ csr })).certificate);
    const { body, headers } = await mailroom.as().get(`/v1/certificate-requests/${id}`).expect(200);
    expect(Math.abs(Date.parse(body.installedAt as string) - Date.parse(own.installedAt))).toBeLessThan(60_000);
    expect(headers['etag']).toBe('"2"');
  });

  test.each(['rsa2048', 'rsa3072', 'rsa4096', 'ecP256', 'ecP384'])('with a key of the type %s', async (keyType) => {
    const { id, pem: csr } = await request(keyType);
    const own = await installed((await authority.issue({ csr })).chain);
    expect(own).toMatchObject({ keyType, certificateRequestId: id, active: true });
    await expectOwnKey(own);
  });

  const crlf = (text: string): string => text.replaceAll('\n', '\r\n');
  test.each<[string, (issued: IssuedCertificate) => string, number]>([
    ['PEM', ({ certificate }) => certificate, 0],
    ['DER in base64', ({ certificate }) => base64(derOf(certificate)), 0],
    ['DER in base64 with line ends', ({ certificate }) => `${base64(derOf(certificate)).replace(/.{76}/g, '$&\r\n')}\r\n`, 0],
    ['PEM in base64', ({ chain }) => base64(Buffer.from(chain)), 1],
    ['PKCS#7 in base64', ({ certificate }) => base64(packPkcs7([authority.root, authority.intermediate, certificate])), 1],
    ['PKCS#7 as PEM', ({ certificate }) => `-----BEGIN PKCS7-----\n${base64(packPkcs7([certificate, authority.intermediate]))}\n-----END PKCS7-----\n`, 1],
    ['a chain with its root', ({ chain }) => chain + authority.root, 1],
    ['a chain from the root down', ({ certificate }) => authority.root + authority.intermediate + certificate, 1],
    ['the certificate in the middle', ({ certificate }) => authority.intermediate + certificate + authority.root, 1],
    ['everything twice', ({ chain }) => chain + authority.root + chain, 1],
    ['lines that end as in Windows', ({ chain }) => crlf(chain), 1],
    ['text around', ({ certificate }) => `Bag Attributes\n  friendlyName: Zertifikat für Mailroom\n\n${certificate}\nThe issuer:\n${authority.intermediate}-- \nCA team`, 1],
    ['a byte order mark in front', ({ certificate }) => `\uFEFF${certificate}`, 0],
    ['UTF-16 in base64', ({ certificate }) => base64(Buffer.from(`\uFEFF${crlf(certificate)}`, 'utf16le')), 0],
    ['a stranger in the file', ({ certificate }) => `${stranger}${certificate}`, 0],
  ])('is found in %s', async (_name, fileOf, chained) => {
    const { id, pem: csr } = await request();
    const issued = await authority.issue({ csr });
    const own = await installed(fileOf(issued));
    expect(own).toMatchObject({ certificateRequestId: id, thumbprintSha256: new X509Certificate(issued.certificate).fingerprint256.replaceAll(':', '') });
    expect(own.pem).toBe(chained === 1 ? issued.chain : issued.certificate);
    expect(own.chain.map(({ subject }) => subject)).toEqual(chained === 1 ? ['CN=Test Issuing CA'] : []);
  });

  test('is still installed when its request is deleted, and names it', async () => {
    const { id, pem: csr } = await request();
    const own = await installed((await authority.issue({ csr })).chain);
    await mailroom.as().delete(`/v1/certificate-requests/${id}`).expect(204);
    expect((await mailroom.as().get(`${PATH}/${own.id}`).expect(200)).body).toEqual(own);
  });

  test('of two requests finds the right one', async () => {
    const [one, other] = [await request(), await request()];
    expect((await installed((await authority.issue({ csr: other.pem })).chain)).certificateRequestId).toBe(other.id);
    expect((await installed((await authority.issue({ csr: one.pem })).chain)).certificateRequestId).toBe(one.id);
  });

  let stranger: string;
  beforeAll(async () => {
    stranger = (await authority.issue({ commonName: 'stranger' })).certificate;
  });
});

describe('a certificate with its private key', () => {
  test.each<FreshKeyType>(['rsa2048', 'ecP256', 'ecP384', 'ecP521', 'ed25519'])('as PKCS#12, with a key of the type %s', async (keyType) => {
    const { key, certificate, chain } = await authority.issue({ keyType });
    const own = await installed(base64(await packPkcs12({ keys: [key], certificates: [authority.root, authority.intermediate, certificate], passphrase: 'correct-horse' })), 'correct-horse');
    expect(own).toMatchObject({ keyType, certificateRequestId: null, pem: chain, active: true });
    await expectOwnKey(own);
  });

  test('as PKCS#12 of an older tool, with a passphrase that is not ASCII', async () => {
    const { key, certificate } = await authority.issue({ keyType: 'rsa2048' });
    await expectOwnKey(await installed(base64(packOldPkcs12(key, certificate, 'geheim-päß')), 'geheim-päß'));
  });

  test('as PKCS#12 with an empty passphrase', async () => {
    const { key, certificate } = await authority.issue();
    const file = base64(await packPkcs12({ keys: [key], certificates: [certificate], passphrase: '' }));
    await expectOwnKey(await installed(file));
    expect((await mailroom.as().post(PATH, { certificate: file, passphrase: null }).expect(200)).body).toMatchObject({ active: true });
  });

  test('as PEM, in any order', async () => {
    const { key, certificate, chain } = await authority.issue();
    const own = await installed(key + authority.intermediate + certificate);
    expect(own).toMatchObject({ certificateRequestId: null, pem: chain });
    await expectOwnKey(own);
  });

  test.each<[string, 'pkcs8' | 'pkcs1' | 'sec1', FreshKeyType, string]>([
    ['an encrypted key', 'pkcs8', 'ecP256', 'ENCRYPTED PRIVATE KEY'],
    ['an encrypted RSA key in the old form', 'pkcs1', 'rsa2048', 'Proc-Type: 4,ENCRYPTED'],
    ['an encrypted EC key in the old form', 'sec1', 'ecP256', 'Proc-Type: 4,ENCRYPTED'],
  ])('as PEM with %s', async (_name, type, keyType, mark) => {
    const { key, certificate } = await authority.issue({ keyType });
    const encrypted = createPrivateKey(key).export({ type: type, format: 'pem', cipher: 'aes-256-cbc', passphrase: 'päß' }) as string;
    expect(encrypted).toContain(mark);
    await expectOwnKey(await installed(certificate + encrypted, 'päß'));
  });

  test('a passphrase that nothing needs is passed over', async () => {
    const { key, certificate } = await authority.issue();
    await installed(certificate + key, 'of nothing');
  });

  test('a key that comes with it goes before that of a request', async () => {
    const { pem: csr, id } = await request();
    const { certificate } = await authority.issue({ csr });
    await installed(certificate);
    const ciphertext = (await mailroom.container.database.prisma.certificateRequest.findUniqueOrThrow({ where: { id } })).privateKeyCiphertext;
    const key = new KeyRing(['test-secret-key-of-32-characters']).open(ciphertext, JSON.stringify(['certificate-request', 'private-key', id]));
    expect((await install(certificate + key).expect(200)).body).toMatchObject({ certificateRequestId: id });
  });
});

test.each<[string, object, object]>([
  ['a certificate without any extension of its use', { purposes: null, keyUsage: null }, { keyUsage: [], extendedKeyUsage: [] }],
  ['one for anything', { purposes: ['anyExtendedKeyUsage'] }, { extendedKeyUsage: ['anyExtendedKeyUsage'] }],
  ['one for servers and clients', { purposes: ['serverAuth', 'clientAuth'] }, { extendedKeyUsage: ['serverAuth', 'clientAuth'] }],
  ['a key with further uses', { keyUsage: ['digitalSignature', 'keyEncipherment'] }, { keyUsage: ['digitalSignature', 'keyEncipherment'] }],
])('%s is taken', async (_name, options, expected) => {
  const { key, certificate } = await authority.issue(options);
  expect(await installed(certificate + key)).toMatchObject(expected);
});

test.each([['the old one first', false], ['the new one first', true]])('of two certificates for one key that which is valid longest is installed: %s', async (_name, reversed) => {
  const keys = await newKeys();
  const [old, renewed] = [await issue({ subject: 'old', keys, notAfter: daysFromNow(-1 / 24) }), await issue({ subject: 'renewed', keys, notAfter: daysFromNow(60) })];
  const pems = [old.pem, renewed.pem];
  expect(await installed([...(reversed ? pems.reverse() : pems), pkcs8(renewed.privateKey)].join(''))).toMatchObject({ subject: 'CN=renewed' });
});

test('whether it leads to a trusted root changes with the trusted certificates', async () => {
  const { key, chain } = await authority.issue();
  const { id } = await installed(chain + key);
  const leads = async (): Promise<boolean> => ((await mailroom.as().get(`${PATH}/${id}`).expect(200)).body as ClientCertificate).chainsToTrustedRoot;
  expect(await leads()).toBe(false);
  const { body } = await mailroom.as().post('/v1/trusted-certificates', { certificate: authority.root }).expect(201);
  expect(await leads()).toBe(true);
  expect((await mailroom.as().get(PATH)).body.items[0].chainsToTrustedRoot).toBe(true);
  await mailroom.as().delete(`/v1/trusted-certificates/${body.id}`).expect(204);
  expect(await leads()).toBe(false);
});

test('without its intermediate certificate it does not lead to the root', async () => {
  const { key, certificate } = await authority.issue();
  const { body } = await mailroom.as().post('/v1/trusted-certificates', { certificate: authority.root }).expect(201);
  expect((await installed(certificate + key)).chainsToTrustedRoot).toBe(false);
  await mailroom.as().delete(`/v1/trusted-certificates/${body.id}`).expect(204);
});

test('the audit log tells what was installed', async () => {
  const { id: certificateRequestId, pem: csr } = await request();
  const { certificate, chain } = await authority.issue({ csr });
  const { id, subject, issuer, serialNumber, thumbprintSha256, validTo } = await installed(chain);
  const [entry, ...others] = await auditOf(mailroom, 'clientCertificate', id);
  expect(others).toEqual([]);
  expect(entry).toMatchObject({ action: 'create', actor: 'MAILROOM_ADMIN_KEY', oldValue: null });
  expect(entry!.newValue).toEqual({ subject, issuer, serialNumber, thumbprintSha256, validTo, active: true, chain: ['CN=Test Issuing CA'], certificateRequestId });
  expect(thumbprintSha256).toBe(createHash('sha256').update(derOf(certificate)).digest('hex').toUpperCase());
});

test('the list is newest first, in pages', async () => {
  const made: ClientCertificate[] = [];
  for (const commonName of ['a', 'b', 'c']) {
    const { key, certificate } = await authority.issue({ commonName });
    made.unshift(await installed(certificate + key));
  }
  const first = (await mailroom.as().get(`${PATH}?limit=2`).expect(200)).body as { items: ClientCertificate[]; nextCursor: string };
  expect(first.items.map(({ id, active }) => ({ id, active }))).toEqual([{ id: made[0]!.id, active: true }, { id: made[1]!.id, active: false }]);
  const { body } = await mailroom.as().get(`${PATH}?limit=2&cursor=${first.nextCursor}`).expect(200);
  expect(body).toMatchObject({ items: [{ id: made[2]!.id, active: false }], nextCursor: null });
  expectProblem(await mailroom.as().get(`${PATH}?limit=0`), 400, 'VALIDATION_FAILED', [{ parameter: 'limit' }]);
  expectProblem(await mailroom.as().get(`${PATH}?cursor=x`), 400, 'CURSOR_INVALID');
});

test.each<['get' | 'post' | 'delete', string]>([['get', ''], ['post', '/activate'], ['delete', '']])('%s %s of none there is: 404; of no id: 400', async (method, rest) => {
  const problem = expectProblem(await mailroom.as()[method](`${PATH}/${NOBODY}${rest}`), 404, 'NOT_FOUND');
  expect(problem.detail).toBe(`There is no client certificate ${NOBODY}.`);
  expectProblem(await mailroom.as()[method](`${PATH}/x${rest}`), 400, 'VALIDATION_FAILED', [{ parameter: 'id' }]);
});
