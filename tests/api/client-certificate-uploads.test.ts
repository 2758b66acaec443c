import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type supertest from 'supertest';
import type { FieldError } from '../../src/errors.js';
import { createAuthority, derOf, type TestAuthority } from '../factories/issue-certificate.js';
import { packOldPkcs12, packPkcs12 } from '../factories/pack-certificate.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { expectProblem } from './expect-problem.js';

const PATH = '/v1/client-certificates';
const UPLOAD = `${PATH}/upload`;
const MIB = 1024 * 1024;
const MULTIPART = 'multipart/form-data; boundary=edge';

let mailroom: TestMailroom;
let authority: TestAuthority;
let pkcs12: Buffer;

beforeAll(async () => {
  [mailroom, authority] = await Promise.all([startMailroom({ workers: false }), createAuthority()]);
  const { key, certificate } = await authority.issue();
  pkcs12 = await packPkcs12({ keys: [key], certificates: [certificate], passphrase: 'right' });
});
afterAll(async () => {
  await mailroom.close();
});

const upload = (path = UPLOAD): supertest.Test => mailroom.as().post(path);
const file = (bytes: Buffer | string = pkcs12, name = 'mailroom.p12'): supertest.Test => upload().attach('file', Buffer.from(bytes), name);
const count = () => mailroom.container.database.prisma.clientCertificate.count();

/** A certificate with its key, in a PEM file of just this many bytes. */
async function pemOf(bytes: number): Promise<Buffer> {
  const { key, certificate } = await authority.issue();
  const pem = certificate + key;
  return Buffer.concat([Buffer.from(pem), Buffer.alloc(bytes - pem.length, '\n')]);
}

describe('a file is installed', () => {
  test('PKCS#12 with a passphrase that is not ASCII', async () => {
    const { key, chain, certificate } = await authority.issue({ keyType: 'rsa2048' });
    const bytes = await packPkcs12({ keys: [key], certificates: [certificate, authority.intermediate], passphrase: 'geheim-päß' });
    const response = await file(bytes, 'name.p12').field('passphrase', 'geheim-päß').expect(201);
    expect(response.body).toMatchObject({ active: true, keyType: 'rsa2048', pem: chain, certificateRequestId: null });
    expect(response.headers).toMatchObject({ location: `${PATH}/${response.body.id}`, etag: expect.stringMatching(/^"\d+\.[\w-]{22}"$/) });
    expect((await mailroom.as().get(response.headers['location']!).expect(200)).body).toEqual(response.body);
  });

  test('PKCS#12 of an older tool, the passphrase before the file', async () => {
    const { key, certificate } = await authority.issue({ keyType: 'rsa2048' });
    await upload().field('passphrase', 'päß').attach('file', packOldPkcs12(key, certificate, 'päß'), 'zertifikat für Mailroom.pfx').expect(201);
  });

  test.each<[string, (certificate: string) => Buffer]>([
    ['mailroom.pem', (certificate) => Buffer.from(certificate)], ['mailroom.der', derOf], ['mailroom.cer', (certificate) => Buffer.from(derOf(certificate).toString('base64'))],
    ['windows.cer', (certificate) => Buffer.from(`\uFEFF${certificate}`, 'utf16le')],
  ])('%s, issued for a request', async (name, bytesOf) => {
    const { body } = await mailroom.as().post('/v1/certificate-requests', { subject: { commonName: 'mailroom.example.com' }, keyType: 'ecP256' }).expect(201);
    const { certificate } = await authority.issue({ csr: body.pem as string });
    expect((await file(bytesOf(certificate), name).expect(201)).body).toMatchObject({ certificateRequestId: body.id, pem: certificate });
  });

  test('the same file again is 200, also by JSON', async () => {
    const first = await file().field('passphrase', 'right').expect(201);
    const [again, json] = [await file().field('passphrase', 'right'), await mailroom.as().post(PATH, { certificate: pkcs12.toString('base64'), passphrase: 'right' })];
    for (const { status, body, headers } of [again, json]) expect({ status, id: body.id as string, location: headers['location'] }).toEqual({ status: 200, id: first.body.id, location: first.headers['location'] });
  });
});

describe('refused', () => {
  let before = 0;
  beforeAll(async () => {
    before = await count();
  });
  afterEach(async () => {
    expect(await count()).toBe(before);
  });
  const raw = (body: string, type = MULTIPART): supertest.Test => upload().set('Content-Type', type).send(body);
  const part = (headers: string, body = 'x'): string => `--edge\r\n${headers}\r\n\r\n${body}\r\n`;
  const FILE = 'Content-Disposition: form-data; name="file"; filename="a.pem"';

  test.each<[string, () => supertest.Test, string, Partial<FieldError>]>([
    ['no file', () => upload().field('passphrase', 'right'), 'FILE_REQUIRED', { pointer: '/file', message: expect.stringContaining('is required') as never }],
    ['a form without parts', () => raw('--edge--\r\n'), 'FILE_REQUIRED', { pointer: '/file' }],
    ['no body', () => upload(), 'FILE_REQUIRED', { pointer: '/file' }],
    ['a body of no length', () => upload().set('Content-Length', '0'), 'FILE_REQUIRED', { pointer: '/file' }],
    ['a file under another name', () => upload().attach('certificate', pkcs12, 'a.p12'), 'FORM_INVALID', { pointer: '/certificate', message: expect.stringContaining('"file"') as never }],
    ['the file as a text', () => upload().field('file', 'text'), 'FORM_INVALID', { pointer: '/file' }],
    ['two files', () => file().attach('file', pkcs12, 'b.p12'), 'FORM_INVALID', { pointer: '', message: expect.stringContaining('more than one file') as never }],
    ['the passphrase as a file', () => file().attach('passphrase', Buffer.from('right'), 'passphrase.txt'), 'FORM_INVALID', { pointer: '' }],
    ['another text', () => file().field('name', 'x'), 'FORM_INVALID', { pointer: '/name', message: expect.stringContaining('file, passphrase') as never }],
    ['another text beside the passphrase', () => file().field('passphrase', 'right').field('name', 'x'), 'FORM_INVALID', { pointer: '' }],
    ['two passphrases', () => file().field('passphrase', 'right').field('passphrase', 'wrong'), 'FORM_INVALID', { pointer: '' }],
    ['a text named as an object has it', () => file().field('__proto__', 'x'), 'FORM_INVALID', { pointer: '/__proto__' }],
    ['a form that does not end', () => raw(part(FILE)), 'FORM_INVALID', { pointer: '', message: expect.stringContaining('boundary') as never }],
    ['a form that ends within a part', () => raw(`--edge\r\n${FILE}\r\n\r\nabc`), 'FORM_INVALID', { pointer: '' }],
    ['a part without a name', () => raw(`${part('Content-Disposition: form-data; filename="a.pem"')}--edge--\r\n`), 'FORM_INVALID', { pointer: '' }],
    ['a body that is no form', () => raw('certificate'), 'FORM_INVALID', { pointer: '' }],
    ['a form without a boundary', () => raw('certificate', 'multipart/form-data'), 'FORM_INVALID', { pointer: '' }],
    ['an empty form', () => raw(''), 'FORM_INVALID', { pointer: '' }],
    ['a passphrase of 8 KiB', () => file().field('passphrase', 'p'.repeat(8193)), 'FORM_INVALID', { pointer: '/passphrase', message: 'is too long' }],
    ['an empty file', () => file(''), 'CERTIFICATE_UNREADABLE', { pointer: '/file' }],
    ['a page', () => file('<html>Sign in</html>'), 'CERTIFICATE_UNREADABLE', { pointer: '/file' }],
    ['a wrong passphrase', () => file().field('passphrase', 'wrong'), 'CERTIFICATE_PASSPHRASE_WRONG', { pointer: '/passphrase' }],
    ['a passphrase that is missing', () => file(), 'CERTIFICATE_PASSPHRASE_REQUIRED', { pointer: '/passphrase' }],
  ])('%s', async (_name, send, code, error) => {
    expectProblem(await send(), 400, code, [error]);
  });

  test('a passphrase of 1025 characters', async () => {
    const { detail } = expectProblem(await file().field('passphrase', 'p'.repeat(1025)), 400, 'VALIDATION_FAILED');
    expect(detail).toContain('1024');
    expectProblem(await file().field('passphrase', 'p'.repeat(1024)), 400, 'CERTIFICATE_PASSPHRASE_WRONG');
  });

  test('JSON for a form, and a form for JSON', async () => {
    const { detail } = expectProblem(await upload().send({ certificate: pkcs12.toString('base64') }), 415, 'MEDIA_TYPE_UNSUPPORTED');
    expect(detail).toContain('multipart/form-data');
    expect(expectProblem(await upload(PATH).attach('file', pkcs12, 'a.p12'), 415, 'MEDIA_TYPE_UNSUPPORTED').detail).toContain('application/json');
    expectProblem(await raw('certificate', 'application/octet-stream'), 415, 'MEDIA_TYPE_UNSUPPORTED');
    expectProblem(await raw('file=x', 'application/x-www-form-urlencoded'), 415, 'MEDIA_TYPE_UNSUPPORTED');
  });

  test('of a caller without a key nothing is read', async () => {
    expectProblem(await mailroom.as(null).post(UPLOAD).attach('file', Buffer.alloc(2 * MIB), 'a.p12'), 401, 'API_KEY_REQUIRED');
    expectProblem(await mailroom.as(await mailroom.keyOf('publisher')).post(UPLOAD).attach('file', Buffer.alloc(2 * MIB), 'a.p12'), 403, 'ROLE_INSUFFICIENT');
  });

  describe('over 1 MiB', () => {
    const json = (certificate: string): supertest.Test => upload(PATH).send({ certificate });

    test.each<[string, () => PromiseLike<supertest.Response>]>([
      ['as a file', async () => file(await pemOf(MIB + 1))],
      ['as a far larger file', () => file(Buffer.alloc(10 * MIB))],
      ['as PEM in JSON', async () => json((await pemOf(MIB + 1)).toString())],
      ['as base64 in JSON', async () => json((await pemOf(MIB + 1)).toString('base64'))],
      ['as base64 with line ends', async () => json((await pemOf(MIB + 1)).toString('base64').replace(/.{64}/g, '$&\r\n'))],
      ['as a body over 2 MiB', () => json('A'.repeat(2 * MIB))],
    ])('%s', async (_name, send) => {
      expect(expectProblem(await send(), 413, 'FILE_TOO_LARGE').detail).toContain('1 MiB');
    });

    test('the limit of other bodies is theirs', async () => {
      expectProblem(await upload('/v1/certificate-requests').send({ subject: { commonName: 'x'.repeat(MIB) } }), 413, 'BODY_TOO_LARGE');
    });
  });
});

describe('exactly 1 MiB is not too large', () => {
  test.each<[string, (bytes: Buffer) => supertest.Test]>([
    ['as a file', (bytes) => file(bytes, 'large.pem')],
    ['as PEM in JSON', (bytes) => upload(PATH).send({ certificate: bytes.toString() })],
    ['as base64 in JSON', (bytes) => upload(PATH).send({ certificate: bytes.toString('base64') })],
  ])('%s', async (_name, send) => {
    await send(await pemOf(MIB)).expect(201);
  });
});
