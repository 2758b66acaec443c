import { createHash, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { AddedTrustedCertificate, TrustedCertificate } from '../../src/trusted-certificates/trusted-certificates.contract.js';
import { createAuthority, derOf, notBegun, type TestAuthority } from '../factories/issue-certificate.js';
import { packPkcs7 } from '../factories/pack-certificate.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { createPki } from '../setup/pki.js';
import { auditOf, forgetAudit } from './audit.js';
import { expectProblem } from './expect-problem.js';
import { meetAtLock } from './race.js';

const PATH = '/v1/trusted-certificates';
const NOBODY = '01900000-0000-7000-8000-000000000000';

let mailroom: TestMailroom;
let authority: TestAuthority;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
});
beforeEach(async () => {
  authority = await createAuthority();
  await rows().deleteMany();
  await forgetAudit(mailroom);
  await mailroom.container.database.prisma.tlsMaterial.updateMany({ data: { version: { increment: 1 } } });
});
afterAll(async () => {
  await mailroom.close();
});

const rows = () => mailroom.container.database.prisma.trustedCertificate;
const version = async (): Promise<number> => (await mailroom.container.database.prisma.tlsMaterial.findUniqueOrThrow({ where: { id: 1 } })).version;
const post = (certificate: string) => mailroom.as().post(PATH, { certificate });
const add = async (certificate: string): Promise<AddedTrustedCertificate> => (await post(certificate).expect(201)).body as AddedTrustedCertificate;
const list = async (query = ''): Promise<{ items: TrustedCertificate[]; nextCursor: string | null }> =>
  (await mailroom.as().get(`${PATH}${query}`).expect(200)).body as { items: TrustedCertificate[]; nextCursor: string | null };
const thumbprintOf = (pem: string): string => createHash('sha256').update(derOf(pem)).digest('hex').toUpperCase();
const base64 = (bytes: Buffer): string => bytes.toString('base64');

/** Without what only the answer to a POST has. */
const resourceOf = ({ others: _others, ...resource }: AddedTrustedCertificate): TrustedCertificate => resource;

describe('add', () => {
  test('answers the whole resource and tells where it is', async () => {
    const response = await post(authority.root).expect(201);
    const { id, createdAt } = response.body as AddedTrustedCertificate;
    const x509 = new X509Certificate(authority.root);
    expect(response.body).toEqual({
      id, subject: 'CN=Test Root', issuer: 'CN=Test Root', serialNumber: x509.serialNumber,
      thumbprintSha256: thumbprintOf(authority.root), thumbprintSha1: x509.fingerprint.replaceAll(':', ''),
      validFrom: new Date(x509.validFrom).toISOString(), validTo: new Date(x509.validTo).toISOString(), daysLeft: 90,
      keyType: 'ecP256', subjectAltNames: [], keyUsage: ['keyCertSign'], extendedKeyUsage: [], chainsToTrustedRoot: true,
      pem: authority.root, createdAt, createdBy: 'MAILROOM_ADMIN_KEY', others: [],
    });
    expect(response.headers).toMatchObject({ location: `${PATH}/${id}`, etag: expect.stringMatching(/^"1\./) });
    const read = await mailroom.as().get(response.headers['location']!).expect(200);
    expect(read.body).toEqual(resourceOf(response.body as AddedTrustedCertificate));
    expect(read.headers['etag']).toBe(response.headers['etag']);
    expect(await list()).toEqual({ items: [read.body], nextCursor: null });
  });

  test.each<[string, () => string]>([
    ['DER in base64', () => base64(derOf(authority.root))],
    ['PEM in base64', () => base64(Buffer.from(authority.root))],
    ['PEM with lines as in Windows and text around', () => `The root:\r\n${authority.root.replaceAll('\n', '\r\n')}\r\nThe end`],
    ['PKCS#7 in base64', () => base64(packPkcs7([authority.root]))],
    ['the same certificate twice', () => authority.root + authority.root],
  ])('%s', async (_name, certificateOf) => {
    expect(await add(certificateOf())).toMatchObject({ pem: authority.root, thumbprintSha256: thumbprintOf(authority.root), others: [] });
    expect(await rows().count()).toBe(1);
  });

  test('a self-signed certificate of a server', async () => {
    const { cert } = await (await createPki()).issue({ dnsNames: ['mail.example.com'], selfSigned: true });
    expect(await add(cert)).toMatchObject({ subject: 'CN=mail.example.com', issuer: 'CN=mail.example.com', extendedKeyUsage: ['serverAuth'], subjectAltNames: ['DNS:mail.example.com'], chainsToTrustedRoot: true });
  });

  test('one that becomes valid later', async () => {
    const { certificate } = await authority.issue({ ca: true, ...notBegun() });
    expect(await add(certificate)).toMatchObject({ chainsToTrustedRoot: false, daysLeft: 30 });
  });

  test('an intermediate authority leads to itself', async () => {
    expect(await add(authority.intermediate)).toMatchObject({ subject: 'CN=Test Issuing CA', issuer: 'CN=Test Root', chainsToTrustedRoot: true });
  });

  test('a chain: the first of the file is answered, with the others, each a resource of its own', async () => {
    const third = (await authority.issue({ ca: true, commonName: 'Third CA' })).certificate;
    const response = await post(authority.intermediate + authority.root + third).expect(201);
    const { others, ...first } = response.body as AddedTrustedCertificate;
    expect([first, ...others].map(({ subject }) => subject)).toEqual(['CN=Test Issuing CA', 'CN=Test Root', 'CN=Third CA']);
    expect(response.headers).toMatchObject({ location: `${PATH}/${first.id}`, etag: expect.stringMatching(/^"1\./) });
    for (const one of [first, ...others]) expect((await mailroom.as().get(`${PATH}/${one.id}`).expect(200)).body).toEqual(one);
    expect((await list()).items).toHaveLength(3);
  });
});

describe('what is here already', () => {
  test('is 200 and no second row', async () => {
    const first = await add(authority.root);
    const [rowsBefore, versionBefore] = [await rows().findMany(), await version()];
    const again = await post(base64(derOf(authority.root))).expect(200);
    expect(again.body).toEqual(first);
    expect(again.headers).toMatchObject({ location: `${PATH}/${first.id}`, etag: expect.stringMatching(/^"1\./) });
    expect(await rows().findMany()).toEqual(rowsBefore);
    expect(await version()).toBe(versionBefore);
    expect(await auditOf(mailroom, 'trustedCertificate')).toHaveLength(1);
  });

  test('stays as it is while what is new beside it is added', async () => {
    const root = await add(authority.root);
    const { others, ...first } = await add(authority.root + authority.intermediate);
    expect(first).toEqual(resourceOf(root));
    expect(others).toMatchObject([{ subject: 'CN=Test Issuing CA' }]);
    expect((await auditOf(mailroom, 'trustedCertificate')).map(({ resourceId }) => resourceId)).toEqual([root.id, others[0]!.id]);
    expect((await post(authority.intermediate + authority.root).expect(200)).body).toMatchObject({ id: others[0]!.id, others: [{ id: root.id }] });
  });

  test('can be added again when it was deleted', async () => {
    const { id } = await add(authority.root);
    await mailroom.as().delete(`${PATH}/${id}`).expect(204);
    expect((await add(authority.root)).id).not.toBe(id);
  });

  test('is added once when many add it at once', async () => {
    const answers = await meetAtLock(mailroom, 'SELECT 1 FROM tls_material FOR UPDATE', Array.from({ length: 6 }, () => () => post(authority.root + authority.intermediate)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 200, 201]);
    expect(await rows().count()).toBe(2);
    expect(await auditOf(mailroom, 'trustedCertificate')).toHaveLength(2);
  });
});

describe('the list', () => {
  test('is newest first, in pages', async () => {
    const made: string[] = [];
    for (const commonName of ['One CA', 'Two CA', 'Three CA']) made.unshift((await add((await authority.issue({ ca: true, commonName })).certificate)).id);
    const first = await list('?limit=2');
    expect(first.items.map(({ id }) => id)).toEqual(made.slice(0, 2));
    expect(await list(`?limit=2&cursor=${first.nextCursor!}`)).toMatchObject({ items: [{ id: made[2] }], nextCursor: null });
    expectProblem(await mailroom.as().get(`${PATH}?limit=0`), 400, 'VALIDATION_FAILED', [{ parameter: 'limit' }]);
    expectProblem(await mailroom.as().get(`${PATH}?cursor=x`), 400, 'CURSOR_INVALID');
  });
});

describe('delete', () => {
  test.each<['get' | 'delete']>([['get'], ['delete']])('%s of none there is: 404; of no id: 400', async (method) => {
    expect(expectProblem(await mailroom.as()[method](`${PATH}/${NOBODY}`), 404, 'NOT_FOUND').detail).toBe(`There is no trusted certificate ${NOBODY}.`);
    expectProblem(await mailroom.as()[method](`${PATH}/x`), 400, 'VALIDATION_FAILED', [{ parameter: 'id' }]);
  });

  test('it is gone, and the others stay', async () => {
    const { id, others } = await add(authority.root + authority.intermediate);
    const before = await version();
    await mailroom.as().delete(`${PATH}/${id}`).expect(204);
    expect(await version()).toBeGreaterThan(before);
    expectProblem(await mailroom.as().get(`${PATH}/${id}`), 404, 'NOT_FOUND');
    expectProblem(await mailroom.as().delete(`${PATH}/${id}`), 404, 'NOT_FOUND');
    expect((await list()).items.map((one) => one.id)).toEqual([others[0]!.id]);
  });

  test('honours If-Match', async () => {
    const { id } = await add(authority.root);
    expectProblem(await mailroom.as().delete(`${PATH}/${id}`).set('If-Match', '"2"'), 412, 'PRECONDITION_FAILED', [{ parameter: 'If-Match' }]);
    expect(await rows().count()).toBe(1);
    await mailroom.as().delete(`${PATH}/${id}`).set('If-Match', '"1"').expect(204);
  });
});

test('the audit log has a row for each', async () => {
  const { id, others, subject, issuer, serialNumber, thumbprintSha256, validTo } = await add(authority.root + authority.intermediate);
  await mailroom.as().delete(`${PATH}/${id}`).expect(204);
  const value = { subject, issuer, serialNumber, thumbprintSha256, validTo };
  const entries = await auditOf(mailroom, 'trustedCertificate');
  expect(entries.map(({ action, resourceId, actor }) => ({ action, resourceId, actor }))).toEqual([
    { action: 'create', resourceId: id, actor: 'MAILROOM_ADMIN_KEY' }, { action: 'create', resourceId: others[0]!.id, actor: 'MAILROOM_ADMIN_KEY' }, { action: 'delete', resourceId: id, actor: 'MAILROOM_ADMIN_KEY' },
  ]);
  expect(entries.map(({ oldValue, newValue }) => ({ oldValue, newValue }))).toEqual([
    { oldValue: null, newValue: value }, { oldValue: null, newValue: expect.objectContaining({ subject: 'CN=Test Issuing CA' }) }, { oldValue: value, newValue: null },
  ]);
  expect(entries.map(({ requestId }) => requestId)[0]).toBe(entries.map(({ requestId }) => requestId)[1]);
});

describe('500 at most', () => {
  /** As many rows as there shall be, copied from one. */
  async function fillUpTo(count: number): Promise<void> {
    await mailroom.container.database.prisma.$executeRaw`
      INSERT INTO trusted_certificates (id, pem, facts, thumbprint, created_by)
      SELECT uuid_v7(), pem, facts, 'copy ' || n, created_by FROM (SELECT * FROM trusted_certificates LIMIT 1) one, generate_series(1, ${count - (await rows().count())}::int) n`;
  }

  test('one more fits into 499, none into 500', async () => {
    const { id, others: _others, ...known } = await add(authority.root);
    await fillUpTo(499);
    const [two, three] = [(await authority.issue({ ca: true, commonName: 'Two CA' })).certificate, (await authority.issue({ ca: true, commonName: 'Three CA' })).certificate];
    expect(expectProblem(await post(two + three), 409, 'TRUSTED_CERTIFICATES_FULL').detail).toContain('500');
    expect(await rows().count()).toBe(499);
    await post(two).expect(201);
    expectProblem(await post(three), 409, 'TRUSTED_CERTIFICATES_FULL');
    expect((await post(authority.root + two).expect(200)).body).toMatchObject({ id, subject: known.subject });
    expect(await rows().count()).toBe(500);
    await mailroom.as().delete(`${PATH}/${id}`).expect(204);
    await post(three).expect(201);
  });

  test('all of them can be read in pages', async () => {
    await add(authority.root);
    await fillUpTo(500);
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page = await list(`?limit=200${cursor && `&cursor=${cursor}`}`);
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
    }
    expect(new Set(seen).size).toBe(500);
  });
});
