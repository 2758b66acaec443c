import { createPrivateKey, createPublicKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as pkijs from 'pkijs';
import type { FieldError } from '../../src/errors.js';
import { KeyRing } from '../../src/secrets/key-ring.js';
import { derOf } from '../factories/issue-certificate.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { auditOf } from './audit.js';
import { expectProblem } from './expect-problem.js';

const PATH = '/v1/certificate-requests';
const NOBODY = '01900000-0000-7000-8000-000000000000';
const SUBJECT = { commonName: 'mailroom.example.com' };

let mailroom: TestMailroom;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
});
afterAll(async () => {
  await mailroom.close();
});

interface Body {
  id: string;
  subject: string;
  dnsNames: string[];
  ipAddresses: string[];
  pem: string;
}
const create = async (overrides: object = {}): Promise<Body> =>
  (await mailroom.as().post(PATH, { subject: SUBJECT, keyType: 'ecP256', ...overrides }).expect(201)).body as Body;
const requests = () => mailroom.container.database.prisma.certificateRequest;
const row = (id: string) => requests().findUniqueOrThrow({ where: { id } });
const parsed = (pem: string) => pkijs.CertificationRequest.fromBER(Uint8Array.from(derOf(pem)).buffer);
const publicKeyOf = (pem: string) => createPublicKey({ key: Buffer.from(parsed(pem).subjectPublicKeyInfo.toSchema().toBER()), format: 'der', type: 'spki' });

/** What the request asks for, by the extensions' object identifiers. */
function extensionsOf(pem: string): Map<string, pkijs.Extension> {
  const [attribute] = parsed(pem).attributes!.filter(({ type }) => type === '1.2.840.113549.1.9.14');
  const { extensions } = new pkijs.Extensions({ schema: attribute!.values[0] });
  return new Map(extensions.map((extension) => [extension.extnID, extension]));
}

describe('create', () => {
  test('answers the whole resource and tells where it is', async () => {
    const subject = { commonName: 'mailroom.example.com', organization: 'Example, Ltd', organizationalUnit: 'IT', locality: 'München', state: 'Bavaria', country: 'de' };
    const response = await mailroom.as().post(PATH, { subject, dnsNames: ['Mailroom.Example.com'], ipAddresses: ['192.0.2.25'] }).expect(201);
    const { id, createdAt, pem } = response.body as Body & { createdAt: string };
    expect(response.body).toEqual({
      id, subject: 'CN=mailroom.example.com,OU=IT,O=Example\\, Ltd,L=München,ST=Bavaria,C=DE', dnsNames: ['mailroom.example.com'], ipAddresses: ['192.0.2.25'],
      keyType: 'rsa2048', pem, createdAt, createdBy: 'MAILROOM_ADMIN_KEY', installedAt: null,
    });
    expect(response.headers).toMatchObject({ location: `${PATH}/${id}`, etag: '"1"' });
    const read = await mailroom.as().get(`${PATH}/${id}`).expect(200);
    expect(read.body).toEqual(response.body);
    expect(read.headers).toMatchObject({ etag: '"1"', vary: expect.stringContaining('Accept') });
  });

  test.each([
    ['as it is written', 'CN=mailroom.example.com,O=Example\\, Ltd,C=DE', 'CN=mailroom.example.com,O=Example\\, Ltd,C=DE'],
    ['with spaces and small letters', 'cn = mailroom , o=Example Ltd , c=de', 'CN=mailroom,O=Example Ltd,C=DE'],
    ['with hexadecimal escapes', 'CN=M\\C3\\BCnchen', 'CN=München'],
    ['that is a space', 'CN=\\20', 'CN=\\ '],
    ['with two values in one part', 'UID=42+CN=mailroom,DC=example,DC=com', expect.stringMatching(/^(UID=42\+CN=mailroom|CN=mailroom\+UID=42),DC=example,DC=com$/)],
  ])('a distinguished name %s', async (_name, distinguishedName, subject) => {
    expect((await create({ subject: { distinguishedName } })).subject).toEqual(subject);
  });

  test.each([
    ['rsa2048', { asymmetricKeyType: 'rsa', bits: 2048 }], ['rsa3072', { asymmetricKeyType: 'rsa', bits: 3072 }], ['rsa4096', { asymmetricKeyType: 'rsa', bits: 4096 }],
    ['ecP256', { asymmetricKeyType: 'ec', curve: 'prime256v1' }], ['ecP384', { asymmetricKeyType: 'ec', curve: 'secp384r1' }],
  ])('a key of the type %s signs the request', async (keyType, expected) => {
    const { pem } = await create({ keyType });
    const { asymmetricKeyType, asymmetricKeyDetails } = publicKeyOf(pem);
    expect({ asymmetricKeyType, bits: asymmetricKeyDetails!.modulusLength, curve: asymmetricKeyDetails!.namedCurve }).toEqual({ bits: undefined, curve: undefined, ...expected });
    expect(await parsed(pem).verify()).toBe(true);
  });

  test('asks for clientAuth, digitalSignature and the names', async () => {
    const { pem } = await create({ dnsNames: ['mailroom.example.com', '*.example.org'], ipAddresses: ['192.0.2.25', '2001:db8::25'] });
    const extensions = extensionsOf(pem);
    expect((extensions.get('2.5.29.37')!.parsedValue as pkijs.ExtKeyUsage).keyPurposes).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(extensions.get('2.5.29.15')!.extnValue.valueBlock.valueHexView).toEqual(Uint8Array.of(3, 2, 7, 0x80));
    const { altNames } = extensions.get('2.5.29.17')!.parsedValue as pkijs.AltName;
    expect(altNames.map(({ type, value }) => [type, typeof value === 'string' ? value : Buffer.from((value as { valueBlock: { valueHexView: Uint8Array } }).valueBlock.valueHexView).toString('hex')])).toEqual([
      [2, 'mailroom.example.com'], [2, '*.example.org'], [7, 'c0000219'], [7, '20010db8000000000000000000000025'],
    ]);
  });

  test('without names asks for none', async () => {
    expect([...extensionsOf((await create()).pem).keys()]).toEqual(['2.5.29.15', '2.5.29.37']);
  });

  test('names are kept as certificates hold them, each once', async () => {
    const { dnsNames, ipAddresses } = await create({
      dnsNames: ['Mailroom.Example.com', 'mailroom.example.com.', '*.MÜLLER.example', 'appliance'], ipAddresses: ['[2001:DB8::25]', '2001:db8::25', '192.0.2.25', '192.0.2.25'],
    });
    expect(dnsNames).toEqual(['mailroom.example.com', '*.xn--mller-kva.example', 'appliance']);
    expect(ipAddresses).toEqual(['2001:db8::25', '192.0.2.25']);
  });

  test('each request has a key of its own', async () => {
    const [one, other] = [await create(), await create()];
    expect(publicKeyOf(one.pem).equals(publicKeyOf(other.pem))).toBe(false);
  });
});

describe('refused, and nothing is stored', () => {
  const SHAPE = 'VALIDATION_FAILED';
  const [NAME, PART, DNS, IP] = ['DISTINGUISHED_NAME_INVALID', 'SUBJECT_INVALID', 'DNS_NAME_INVALID', 'IP_ADDRESS_INVALID'] as const;
  const at = (pointer: string, message?: string): Partial<FieldError>[] => [{ pointer, ...(message !== undefined && { message: expect.stringContaining(message) as never }) }];
  const parts = (overrides: object) => ({ subject: { ...SUBJECT, ...overrides } });
  const name = (distinguishedName: unknown) => ({ subject: { distinguishedName } });

  test.each<[string, object, string, Partial<FieldError>[]]>([
    ['no subject', { subject: undefined }, SHAPE, at('/subject', 'is required')],
    ['a subject that is a text', { subject: 'CN=mailroom' }, SHAPE, at('/subject')],
    ['an empty common name', parts({ commonName: '' }), SHAPE, at('/subject/commonName', '1 to 64')],
    ['a common name of 65 characters', parts({ commonName: 'm'.repeat(65) }), SHAPE, at('/subject/commonName', '1 to 64')],
    ['no common name', { subject: { organization: 'Example' } }, SHAPE, at('/subject/commonName', 'is required')],
    ['an empty organization', parts({ organization: '' }), SHAPE, at('/subject/organization', 'or be left out')],
    ['a city of 129 characters', parts({ locality: 'l'.repeat(129) }), SHAPE, at('/subject/locality')],
    ['a country by its name', parts({ country: 'Germany' }), SHAPE, at('/subject/country', 'two letters')],
    ['a country in digits', parts({ country: '49' }), SHAPE, at('/subject/country', 'two letters')],
    ['a common name with a line break', parts({ commonName: 'mailroom\nevil' }), PART, at('/subject/commonName', 'control character')],
    ['a unit with a tab', parts({ organizationalUnit: 'a\tb' }), PART, at('/subject/organizationalUnit', 'control character')],
    ['an unknown part', parts({ email: 'a@example.com' }), SHAPE, at('/subject/email', 'is not a known property')],
    ['both forms at once', parts({ distinguishedName: 'CN=mailroom' }), SHAPE, at('/subject/distinguishedName', 'is not a known property')],
    ['an empty distinguished name', name(''), SHAPE, at('/subject/distinguishedName', '1 to 500')],
    ['a distinguished name of 501 characters', name(`CN=${'m'.repeat(498)}`), SHAPE, at('/subject/distinguishedName')],
    ['a distinguished name that is a number', name(1), SHAPE, at('/subject/distinguishedName')],
    ['the notation with slashes', name('/C=DE/CN=mailroom'), NAME, at('/subject/distinguishedName', 'and not /')],
    ['a name without an equals sign', name('mailroom'), NAME, at('/subject/distinguishedName', 'not a known attribute')],
    ['an unknown attribute', name('CN=mailroom,X=1'), NAME, at('/subject/distinguishedName', 'character 13')],
    ['a comma at the end', name('CN=mailroom,'), NAME, at('/subject/distinguishedName', 'character 13')],
    ['an attribute without a value', name('CN=,O=Example'), NAME, at('/subject/distinguishedName', 'CN has no value')],
    ['a semicolon that is not escaped', name('CN=a;b'), NAME, at('/subject/distinguishedName', 'escaped')],
    ['an object identifier that there cannot be', name('CN=mailroom,0.99=x'), NAME, at('/subject/distinguishedName', 'character 13')],
    ['a country of three letters', name('CN=mailroom,C=DEU'), NAME, at('/subject/distinguishedName', 'country code')],
    ['a common name of 65 characters in a name', name(`CN=${'m'.repeat(65)}`), NAME, at('/subject/distinguishedName', '64')],
    ['a URL', { dnsNames: ['https://mailroom.example.com'] }, DNS, at('/dnsNames/0', 'host name')],
    ['a port', { dnsNames: ['ok.example.com', 'mailroom.example.com:25'] }, DNS, at('/dnsNames/1')],
    ['an IP address as a name', { dnsNames: ['192.0.2.25'] }, DNS, at('/dnsNames/0')],
    ['an empty name', { dnsNames: [''] }, DNS, at('/dnsNames/0')],
    ['a lone wildcard', { dnsNames: ['*'] }, DNS, at('/dnsNames/0')],
    ['two wildcards', { dnsNames: ['*.*.example.com'] }, DNS, at('/dnsNames/0')],
    ['a wildcard within', { dnsNames: ['a.*.example.com'] }, DNS, at('/dnsNames/0')],
    ['a label of 64 characters', { dnsNames: [`${'a'.repeat(64)}.example.com`] }, DNS, at('/dnsNames/0')],
    ['101 names', { dnsNames: Array.from({ length: 101 }, (_, n) => `m${n}.example.com`) }, SHAPE, at('/dnsNames', '100')],
    ['names that are no list', { dnsNames: 'mailroom.example.com' }, SHAPE, at('/dnsNames')],
    ['a name that is a number', { dnsNames: [1] }, SHAPE, at('/dnsNames/0')],
    ['a host name as an address', { ipAddresses: ['mailroom.example.com'] }, IP, at('/ipAddresses/0', 'IPv4')],
    ['an address out of range', { ipAddresses: ['192.0.2.1', '192.0.2.256'] }, IP, at('/ipAddresses/1')],
    ['a network', { ipAddresses: ['192.0.2.0/24'] }, IP, at('/ipAddresses/0')],
    ['an address with a zone', { ipAddresses: ['fe80::1%eth0'] }, IP, at('/ipAddresses/0')],
    ['101 addresses', { ipAddresses: Array.from({ length: 101 }, (_, n) => `192.0.2.${n}`) }, SHAPE, at('/ipAddresses', '100')],
    ['an unknown key type', { keyType: 'rsa1024' }, SHAPE, at('/keyType', 'rsa2048')],
    ['a misspelt property', { dnsName: ['mailroom.example.com'] }, SHAPE, at('/dnsName', 'is not a known property')],
    ['a private key of the caller', { privateKey: 'x' }, SHAPE, at('/privateKey', 'is not a known property')],
  ])('%s', async (_name, overrides, code, errors) => {
    const before = [await requests().count(), (await auditOf(mailroom, 'certificateRequest')).length];
    expectProblem(await mailroom.as().post(PATH, { subject: SUBJECT, ...overrides }), 400, code, errors);
    expect([await requests().count(), (await auditOf(mailroom, 'certificateRequest')).length]).toEqual(before);
  });
});

test('the list is newest first, in pages', async () => {
  await requests().deleteMany();
  const made = [await create(), await create(), await create()].reverse();
  const first = (await mailroom.as().get(`${PATH}?limit=2`).expect(200)).body as { items: Body[]; nextCursor: string };
  expect(first.items).toEqual(made.slice(0, 2));
  expect((await mailroom.as().get(`${PATH}?limit=2&cursor=${first.nextCursor}`).expect(200)).body).toEqual({ items: made.slice(2), nextCursor: null });
  expectProblem(await mailroom.as().get(`${PATH}?limit=0`), 400, 'VALIDATION_FAILED', [{ parameter: 'limit' }]);
  expectProblem(await mailroom.as().get(`${PATH}?cursor=x`), 400, 'CURSOR_INVALID');
});

test.each<['get' | 'delete']>([['get'], ['delete']])('%s of none there is: 404; of no id: 400', async (method) => {
  const problem = expectProblem(await mailroom.as()[method](`${PATH}/${NOBODY}`), 404, 'NOT_FOUND');
  expect(problem.detail).toBe(`There is no certificate request ${NOBODY}.`);
  expectProblem(await mailroom.as()[method](`${PATH}/x`), 400, 'VALIDATION_FAILED', [{ parameter: 'id' }]);
});

describe('delete', () => {
  test('removes it with its key, and leaves a trace in the audit log', async () => {
    const { id, subject } = await create({ dnsNames: ['mailroom.example.com'] });
    await mailroom.as().delete(`${PATH}/${id}`).expect(204);
    expectProblem(await mailroom.as().get(`${PATH}/${id}`), 404, 'NOT_FOUND');
    expectProblem(await mailroom.as().delete(`${PATH}/${id}`), 404, 'NOT_FOUND');
    const value = { subject, dnsNames: ['mailroom.example.com'], ipAddresses: [], keyType: 'ecP256' };
    expect((await auditOf(mailroom, 'certificateRequest', id)).map(({ action, oldValue, newValue, actor }) => ({ action, oldValue, newValue, actor }))).toEqual([
      { action: 'create', oldValue: null, newValue: value, actor: 'MAILROOM_ADMIN_KEY' },
      { action: 'delete', oldValue: value, newValue: null, actor: 'MAILROOM_ADMIN_KEY' },
    ]);
  });

  test('honours If-Match', async () => {
    const { id } = await create();
    expectProblem(await mailroom.as().delete(`${PATH}/${id}`).set('If-Match', '"2"'), 412, 'PRECONDITION_FAILED', [{ parameter: 'If-Match' }]);
    await mailroom.as().get(`${PATH}/${id}`).expect(200);
    await mailroom.as().delete(`${PATH}/${id}`).set('If-Match', '"1"').expect(204);
  });

  test.each([['*'], ['"7", "1"']])('takes If-Match: %s', async (ifMatch) => {
    const { id } = await create();
    await mailroom.as().delete(`${PATH}/${id}`).set('If-Match', ifMatch).expect(204);
  });
});

describe('the private key', () => {
  test.each(['rsa2048', 'ecP384'])('of the type %s is encrypted in the database, for this request alone', async (keyType) => {
    const { id, pem } = await create({ keyType });
    const { privateKeyCiphertext } = await row(id);
    expect(privateKeyCiphertext).toMatch(/^v1\./);
    expect(privateKeyCiphertext).not.toMatch(/PRIVATE|BEGIN/);
    const opened = new KeyRing(['test-secret-key-of-32-characters']).open(privateKeyCiphertext, JSON.stringify(['certificate-request', 'private-key', id]));
    expect(createPublicKey(createPrivateKey(opened)).equals(publicKeyOf(pem))).toBe(true);
  });

  test('stands in no answer and in no audit row', async () => {
    const { id } = await create();
    const { privateKeyCiphertext } = await row(id);
    const answers = [
      await mailroom.as().get(PATH), await mailroom.as().get(`${PATH}/${id}`), await mailroom.as().get(`${PATH}/${id}`).set('Accept', 'application/x-pem-file').buffer(true),
      await mailroom.as().delete(`${PATH}/${id}`),
    ];
    const seen = JSON.stringify([answers.map(({ text, headers, body }) => [text, headers, body as unknown]), await auditOf(mailroom, 'certificateRequest')]);
    expect(seen).toContain('CERTIFICATE REQUEST');
    expect(seen).not.toContain('PRIVATE KEY');
    expect(seen).not.toMatch(/"privateKey|v1\./);
    expect(seen).not.toContain(privateKeyCiphertext.slice(10, 60));
  });
});
