import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type supertest from 'supertest';
import type { FieldError } from '../../src/errors.js';
import { createAuthority, derOf, ended, type TestAuthority } from '../factories/issue-certificate.js';
import { packPkcs12, packPkcs7 } from '../factories/pack-certificate.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { auditOf, forgetAudit } from './audit.js';
import { expectProblem } from './expect-problem.js';

const PATH = '/v1/trusted-certificates';
const UPLOAD = `${PATH}/upload`;
const MIB = 1024 * 1024;

let mailroom: TestMailroom;
let authority: TestAuthority;

beforeAll(async () => {
  [mailroom, authority] = await Promise.all([startMailroom({ workers: false }), createAuthority()]);
});
beforeEach(async () => {
  await rows().deleteMany();
  await forgetAudit(mailroom);
});
afterAll(async () => {
  await mailroom.close();
});

const rows = () => mailroom.container.database.prisma.trustedCertificate;
const version = async (): Promise<number> => (await mailroom.container.database.prisma.tlsMaterial.findUniqueOrThrow({ where: { id: 1 } })).version;
const post = (certificate: string) => mailroom.as().post(PATH, { certificate });
const base64 = (bytes: Buffer): string => bytes.toString('base64');

describe('upload', () => {
  const file = (bytes: Buffer | string, name = 'ca.pem'): supertest.Test => mailroom.as().post(UPLOAD).attach('file', Buffer.from(bytes), name);

  test.each<[string, () => Buffer]>([
    ['ca.pem', () => Buffer.from(authority.root)], ['ca.der', () => derOf(authority.root)], ['ca.cer', () => Buffer.from(base64(derOf(authority.root)))], ['ca.p7b', () => packPkcs7([authority.root])],
  ])('%s', async (name, bytesOf) => {
    const response = await file(bytesOf(), name).expect(201);
    expect(response.body).toMatchObject({ pem: authority.root, others: [] });
    expect(response.headers).toMatchObject({ location: `${PATH}/${response.body.id}`, etag: expect.stringMatching(/^"1\.[\w-]+"$/) });
    expect((await file(bytesOf(), name).expect(200)).body).toEqual(response.body);
  });

  test('a chain', async () => {
    expect((await file(authority.root + authority.intermediate).expect(201)).body).toMatchObject({ subject: 'CN=Test Root', others: [{ subject: 'CN=Test Issuing CA' }] });
  });

  test.each<[string, () => supertest.Test, string, Partial<FieldError>]>([
    ['no file', () => mailroom.as().post(UPLOAD).set('Content-Type', 'multipart/form-data; boundary=edge').send('--edge--\r\n'), 'FILE_REQUIRED', { pointer: '/file' }],
    ['no body', () => mailroom.as().post(UPLOAD), 'FILE_REQUIRED', { pointer: '/file' }],
    ['another name', () => mailroom.as().post(UPLOAD).attach('certificate', Buffer.from(authority.root), 'ca.pem'), 'FORM_INVALID', { pointer: '/certificate' }],
    ['two files', () => file(authority.root).attach('file', Buffer.from(authority.intermediate), 'b.pem'), 'FORM_INVALID', { pointer: '' }],
    ['a passphrase', () => file(authority.root).field('passphrase', 'x'), 'FORM_INVALID', { pointer: '/passphrase' }],
    ['a text', () => file('no certificate'), 'CERTIFICATE_UNREADABLE', { pointer: '/file' }],
  ])('refused: %s', async (_name, send, code, error) => {
    expectProblem(await send(), 400, code, [error]);
    expect(await rows().count()).toBe(0);
  });

  test('over 1 MiB is refused, 1 MiB is not', async () => {
    const padded = (bytes: number): Buffer => Buffer.concat([Buffer.from(authority.root), Buffer.alloc(bytes - authority.root.length, '\n')]);
    expectProblem(await file(padded(MIB + 1)), 413, 'FILE_TOO_LARGE');
    expectProblem(await post(base64(padded(MIB + 1))), 413, 'FILE_TOO_LARGE');
    expectProblem(await post('A'.repeat(2 * MIB)), 413, 'FILE_TOO_LARGE');
    await file(padded(MIB)).expect(201);
    await post(base64(padded(MIB))).expect(200);
  });

  test('JSON for a form and a form for JSON', async () => {
    expectProblem(await mailroom.as().post(UPLOAD, { certificate: authority.root }), 415, 'MEDIA_TYPE_UNSUPPORTED');
    expectProblem(await mailroom.as().post(PATH).attach('file', Buffer.from(authority.root), 'ca.pem'), 415, 'MEDIA_TYPE_UNSUPPORTED');
  });
});

describe('refused, and nothing is stored', () => {
  test.each<[string, () => string | Promise<string>, string, RegExp]>([
    ['the certificate of a server', async () => (await authority.issue({ commonName: 'mail.example.com', purposes: ['serverAuth'] })).certificate, 'CERTIFICATE_NOT_CA', /^CN=mail\.example\.com is not a certificate authority/],
    ['a chain with the certificate of a server', async () => authority.root + (await authority.issue()).chain, 'CERTIFICATE_NOT_CA', /leave this one out/],
    ['an expired authority', async () => (await authority.issue({ ca: true, commonName: 'Old CA', ...ended() })).certificate, 'CERTIFICATE_EXPIRED', /CN=Old CA expired on \d{4}-/],
    ['a chain with an expired authority', async () => authority.root + (await authority.issue({ ca: true, ...ended() })).certificate, 'CERTIFICATE_EXPIRED', /expired/],
    ['a private key in the file', async () => authority.root + (await authority.issue()).key, 'CERTIFICATE_PRIVATE_KEY_UNEXPECTED', /private key/],
    ['a private key alone', async () => (await authority.issue()).key, 'CERTIFICATE_UNREADABLE', /private key/],
    ['PKCS#12', async () => {
      const { key, certificate } = await authority.issue();
      return base64(await packPkcs12({ keys: [key], certificates: [certificate, authority.root], passphrase: 'right' }));
    }, 'CERTIFICATE_PRIVATE_KEY_UNEXPECTED', /passphrase protects it/],
    ['PKCS#12 without a passphrase', async () => {
      const { key, certificate } = await authority.issue();
      return base64(await packPkcs12({ keys: [key], certificates: [certificate, authority.root], passphrase: '' }));
    }, 'CERTIFICATE_PRIVATE_KEY_UNEXPECTED', /private key/],
    ['PKCS#12 with authorities only', async () => base64(await packPkcs12({ certificates: [authority.root], passphrase: 'right' })), 'CERTIFICATE_PRIVATE_KEY_UNEXPECTED', /passphrase protects it/],
    ['a text', () => 'no certificate', 'CERTIFICATE_UNREADABLE', /not a certificate/],
    ['a damaged one in a chain', () => authority.root + authority.intermediate.replace(/\n.{12}/, '\nAAAAAAAAAAAA'), 'CERTIFICATE_UNREADABLE', /damaged/],
    ['one that was cut short', () => authority.root + authority.intermediate.slice(0, -40), 'CERTIFICATE_UNREADABLE', /no end/],
  ])('%s', async (_name, certificateOf, code, detail) => {
    const before = await version();
    expect(expectProblem(await post(await certificateOf()), 400, code, [{ pointer: '/certificate' }]).detail).toMatch(detail);
    expect(await rows().count()).toBe(0);
    expect(await auditOf(mailroom, 'trustedCertificate')).toEqual([]);
    expect(await version()).toBe(before);
  });

  test('more than 200 at once', async () => {
    const many = Array.from({ length: 201 }, (_, n) => {
      const der = Buffer.from(derOf(authority.root));
      der.writeUInt16BE(n, der.length - 2);
      return `-----BEGIN CERTIFICATE-----\n${base64(der)}\n-----END CERTIFICATE-----\n`;
    });
    expectProblem(await post(many.join('')), 400, 'CERTIFICATES_TOO_MANY', [{ pointer: '/certificate' }]);
  });

  test.each<[string, object, string, string]>([
    ['nothing', {}, '/certificate', 'is required'],
    ['an empty text', { certificate: '' }, '/certificate', 'must not be empty'],
    ['a number', { certificate: 1 }, '/certificate', 'must be a string'],
    ['a passphrase', { certificate: 'x', passphrase: 'y' }, '/passphrase', 'is not a known property'],
  ])('%s in JSON', async (_name, body, pointer, message) => {
    expectProblem(await mailroom.as().post(PATH, body), 400, 'VALIDATION_FAILED', [{ pointer, message }]);
  });
});
