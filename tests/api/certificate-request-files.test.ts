import { createPublicKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as pkijs from 'pkijs';
import supertest from 'supertest';
import { derOf } from '../factories/issue-certificate.js';
import { ADMIN_KEY, startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { expectProblem } from './expect-problem.js';

const [JSON_TYPE, PEM_TYPE, DER_TYPE] = ['application/json', 'application/x-pem-file', 'application/pkcs10'] as const;

let mailroom: TestMailroom;
let id: string;
let pem: string;
const path = (): string => `/v1/certificate-requests/${id}`;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
  const subject = { commonName: 'mailroom.example.com', locality: 'München' };
  ({ id, pem } = (await mailroom.as().post('/v1/certificate-requests', { subject, keyType: 'ecP256' }).expect(201)).body as { id: string; pem: string });
});
afterAll(async () => {
  await mailroom.close();
});

/** Without supertest's own reading of the body: bytes are compared. */
const download = (accept: string) =>
  mailroom.as().get(path()).set('Accept', accept).buffer(true).parse((response, done) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(Buffer.from(chunk)));
    response.on('end', () => done(null, Buffer.concat(chunks)));
  });

test.each([
  [PEM_TYPE, 'pem', () => Buffer.from(pem)],
  [DER_TYPE, 'p10', () => derOf(pem)],
])('as %s it is a file', async (type, ending, expected) => {
  const response = await download(type).expect(200);
  expect(response.headers).toMatchObject({
    'content-type': expect.stringMatching(new RegExp(`^${type}(;|$)`)), 'content-disposition': `attachment; filename="mailroom-${id}.${ending}"`,
    'content-length': String(expected().length), vary: expect.stringContaining('Accept'), 'cache-control': 'no-store',
  });
  expect(response.headers['etag']).toBeUndefined(); // that of the resource is for its JSON
  expect(response.body).toEqual(expected());
});

test('the DER file can be read, and is of the same key', async () => {
  const { body } = await download(DER_TYPE).expect(200);
  const request = pkijs.CertificationRequest.fromBER(Uint8Array.from(body as Buffer).buffer);
  expect(await request.verify()).toBe(true);
  expect(createPublicKey({ key: Buffer.from(request.subjectPublicKeyInfo.toSchema().toBER()), format: 'der', type: 'spki' }).asymmetricKeyDetails!.namedCurve).toBe('prime256v1');
});

test('the PEM file has lines of 64 characters and ends with one', async () => {
  const lines = ((await download(PEM_TYPE)).body as Buffer).toString().split('\n');
  expect([lines[0], lines.at(-2), lines.at(-1)]).toEqual(['-----BEGIN CERTIFICATE REQUEST-----', '-----END CERTIFICATE REQUEST-----', '']);
  expect(lines.slice(1, -3).every((line) => line.length === 64)).toBe(true);
});

describe('which form is answered', () => {
  test.each([
    ['nothing special', '*/*', JSON_TYPE],
    ['any application type', 'application/*', JSON_TYPE],
    ['JSON', JSON_TYPE, JSON_TYPE],
    ['what is not there', 'text/html', JSON_TYPE],
    ['PEM before JSON', `${PEM_TYPE}, ${JSON_TYPE};q=0.5`, PEM_TYPE],
    ['JSON before PEM', `${PEM_TYPE};q=0.4, ${JSON_TYPE};q=0.5`, JSON_TYPE],
    ['DER before PEM', `${PEM_TYPE};q=0.8, ${DER_TYPE};q=0.9, */*;q=0.1`, DER_TYPE],
    ['PEM, and anything else if need be', `${PEM_TYPE}, */*;q=0.1`, PEM_TYPE],
    ['anything but JSON and PEM', `${JSON_TYPE};q=0, ${PEM_TYPE};q=0, */*`, DER_TYPE],
    ['DER in capital letters', DER_TYPE.toUpperCase(), DER_TYPE],
    ['a browser', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', JSON_TYPE],
  ])('to one who accepts %s', async (_name, accept, type) => {
    const { headers } = await download(accept).expect(200);
    expect(headers['content-type']).toMatch(new RegExp(`^${type}(;|$)`));
    expect(headers['vary']).toContain('Accept');
    expect('content-disposition' in headers).toBe(type !== JSON_TYPE);
  });

  test.each([JSON_TYPE, PEM_TYPE, DER_TYPE])('HEAD for %s has the same headers and no body', async (type) => {
    const { headers: expected } = await download(type);
    const response = await supertest(mailroom.container.app).head(path()).set('Authorization', `Bearer ${ADMIN_KEY}`).set('Accept', type).expect(200);
    for (const header of ['content-type', 'content-length', 'content-disposition', 'etag', 'vary']) expect([header, response.headers[header]]).toEqual([header, expected[header]]);
    expect(response.text).toBeUndefined();
  });
});

test.each([PEM_TYPE, DER_TYPE])('a problem stays JSON for one who accepts %s', async (type) => {
  expectProblem(await mailroom.as().get('/v1/certificate-requests/01900000-0000-7000-8000-000000000000').set('Accept', type), 404, 'NOT_FOUND');
});
