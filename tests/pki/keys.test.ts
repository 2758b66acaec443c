import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { readCertificateFile } from '../../src/pki/certificate-file.js';
import { canSign, excessOf } from '../../src/pki/key-pair.js';
import { TrustStore } from '../../src/pki/trust-store.js';
import { faultOf } from './fault.js';
import { authority, issue, pkcs8 } from './issue.js';

/** A number of so many bits that looks like a modulus. */
function modulus(bits: number): string {
  const bytes = randomBytes(bits / 8);
  bytes[0]! |= 0x80;
  bytes[bytes.length - 1]! |= 1;
  return bytes.toString('base64url');
}
const rsa = (bits: number, exponent: Buffer) => createPublicKey({ key: { kty: 'RSA', n: modulus(bits), e: exponent.toString('base64url') }, format: 'jwk' });
const F4 = Buffer.of(1, 0, 1);

describe('a key that would take for ever, or proves nothing', () => {
  test.each([
    ['RSA of 16384 bits', rsa(16_384, F4), /16384 bits; 8192 are the most/],
    ['an exponent of 3070 bits', rsa(3072, randomBytes(383)), /exponent/],
    ['the exponent 1', rsa(2048, Buffer.of(1)), /exponent/],
  ])('%s', (_name, key, message) => {
    expect(excessOf(key)).toMatch(message);
  });

  test.each([['RSA of 8192 bits', rsa(8192, F4)], ['the exponent 3', rsa(2048, Buffer.of(3))], ['EC', generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey]])('%s is none', (_name, key) => {
    expect(excessOf(key)).toBeNull();
  });
});

describe('a private key', () => {
  test.each([
    ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['EC', generateKeyPairSync('ec', { namedCurve: 'P-384' })],
    ['Ed25519', generateKeyPairSync('ed25519')],
  ])('of the kind %s can sign', (_name, { privateKey }) => {
    expect(canSign(privateKey)).toBe(true);
  });

  test('whose numbers do not belong together cannot', async () => {
    const [one, other] = [0, 1].map(() => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }));
    const broken = createPrivateKey({ key: { ...one!, d: other!.d, p: other!.p, q: other!.q, dp: other!.dp, dq: other!.dq, qi: other!.qi } as never, format: 'jwk' });
    expect(canSign(broken)).toBe(false);
    const { pem } = await issue();
    expect(faultOf(() => readCertificateFile(Buffer.from(pem + pkcs8(broken)), null))).toMatchObject({ code: 'CERTIFICATE_UNUSABLE', message: expect.stringContaining('cannot sign') });
  });
});

test('a block within the headers of another one is not passed on to OpenSSL', async () => {
  const { pem, privateKey } = await issue();
  const hidden = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'right' }) as string;
  const smuggled = `-----BEGIN RSA PRIVATE KEY-----X: y\n${hidden}\nAAAA\n-----END RSA PRIVATE KEY-----\n`;
  expect(faultOf(() => readCertificateFile(Buffer.from(pem + smuggled), 'right'))).toMatchObject({ code: 'CERTIFICATE_UNREADABLE' });
});

test('very many authorities of one name cost no more than a few', async () => {
  const root = await authority('Root');
  const decoys = await Promise.all(Array.from({ length: 60 }, () => authority('Issuing CA', root)));
  const issuing = await authority('Issuing CA', root);
  const leaf = await issue({ subject: 'mailroom', issuer: issuing });
  const others = decoys.map(({ x509 }) => x509);
  expect(new TrustStore([root.pem]).leadsToTrusted(leaf.x509, others)).toBe(false);
  expect(new TrustStore([root.pem]).leadsToTrusted(leaf.x509, [issuing.x509, ...others])).toBe(true);
});
