import { createPublicKey, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, test } from '@jest/globals';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';
import { authority, extension } from '../pki/issue.js';
import { pkcs12Of, publicKeyPart } from '../pki/pkcs12-parts.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { expectProblem } from './expect-problem.js';

let mailroom: TestMailroom;
beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
});
afterAll(() => mailroom.close());

test('a certificate of more than 64 KiB is told', async () => {
  const padding = extension('1.3.6.1.4.1.99999.1', new asn1js.OctetString({ valueHex: new ArrayBuffer(70_000) }));
  const { pem } = await authority('Large', undefined, { extensions: [padding] });
  expectProblem(await mailroom.as().post('/v1/trusted-certificates', { certificate: pem }), 400, 'CERTIFICATE_TOO_LARGE', [{ pointer: '/certificate' }]);
});

test('a file that is encrypted for a public key is told', async () => {
  const certificate = pkcs12Of(publicKeyPart()).toString('base64');
  expectProblem(await mailroom.as().post('/v1/client-certificates', { certificate, passphrase: 'x' }), 400, 'CERTIFICATE_ENCRYPTION_UNSUPPORTED', [{ pointer: '/certificate' }]);
});

test('a certificate whose key is not safe to compute with is told', async () => {
  const n = Buffer.concat([Buffer.of(0xff), randomBytes(254), Buffer.of(1)]).toString('base64url');
  const key = createPublicKey({ key: { kty: 'RSA', n, e: randomBytes(200).toString('base64url') }, format: 'jwk' });
  const { parsed } = await authority('Odd');
  parsed.subjectPublicKeyInfo = pkijs.PublicKeyInfo.fromBER(Uint8Array.from(key.export({ type: 'spki', format: 'der' })).buffer);
  const certificate = Buffer.from(parsed.toSchema(true).toBER(false)).toString('base64');
  expectProblem(await mailroom.as().post('/v1/trusted-certificates', { certificate }), 400, 'CERTIFICATE_KEY_UNUSUAL', [{ pointer: '/certificate' }]);
});
