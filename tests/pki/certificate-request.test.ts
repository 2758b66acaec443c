import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createHash, createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';
import { type CertificateRequest, createCertificateRequest, type NewRequest } from '../../src/pki/certificate-request.js';
import { certificateFacts } from '../../src/pki/certificate-facts.js';
import { formatDistinguishedName, parseDistinguishedName } from '../../src/pki/distinguished-name.js';
import { keyTypeOf, type KeyType, weaknessOf } from '../../src/pki/key-pair.js';
import { pemBlocks } from '../../src/pki/pem.js';
import { publicKeyDigestOf } from '../../src/pki/public-key.js';
import { missingTool, type ToolFolder, toolFolder } from '../setup/certificate-tools.js';
import { authority, type Issued } from './issue.js';

const KEY_TYPES: KeyType[] = ['rsa2048', 'rsa3072', 'rsa4096', 'ecP256', 'ecP384'];
const SUBJECT = 'CN=mailroom,O=Example\\, Ltd,C=DE';
const ADDRESSES = ['192.0.2.1', '2001:db8::1', '::ffff:192.0.2.2', '::', 'fe80:1:2:3:4:5:6:7'];
const missing = missingTool('openssl');

const create = (options: Partial<NewRequest> = {}): Promise<CertificateRequest> =>
  createCertificateRequest({ subject: parseDistinguishedName(SUBJECT), dnsNames: [], ipAddresses: [], keyType: 'ecP256', ...options });

const parsed = ({ pem }: CertificateRequest): pkijs.CertificationRequest => pkijs.CertificationRequest.fromBER(Uint8Array.from(pemBlocks(pem)[0]!.der));
const requested = (request: CertificateRequest): pkijs.Extension[] =>
  new pkijs.Extensions({ schema: parsed(request).attributes!.find(({ type }) => type === '1.2.840.113549.1.9.14')!.values[0] as asn1js.Sequence }).extensions;
const extensionOf = (request: CertificateRequest, oid: string): pkijs.Extension | undefined => requested(request).find(({ extnID }) => extnID === oid);

let root: Issued;
let folder: ToolFolder;
beforeAll(async () => {
  root = await authority('Root');
  folder = toolFolder();
});
afterAll(() => folder.remove());

/** What a certificate authority makes of it: subject, key and extensions are taken over. */
async function issueFor(request: CertificateRequest): Promise<X509Certificate> {
  const { subject, subjectPublicKeyInfo } = parsed(request);
  const certificate = new pkijs.Certificate({ version: 2, serialNumber: new asn1js.Integer({ value: 5 }), subject, subjectPublicKeyInfo, issuer: root.parsed.subject, extensions: requested(request) });
  certificate.notBefore.value = new Date(Date.now() - 60_000);
  certificate.notAfter.value = new Date(Date.now() + 60_000);
  await certificate.sign(root.keys.privateKey, 'SHA-256');
  return new X509Certificate(Buffer.from(certificate.toSchema(true).toBER(false)));
}

describe.each(KEY_TYPES)('a request with a key of the kind %s', (keyType) => {
  let request: CertificateRequest;
  beforeAll(async () => { request = await create({ keyType, dnsNames: ['mx.example.com', 'xn--mnchen-3ya.example'], ipAddresses: ADDRESSES }); }, 60_000);

  test('its signature is right', async () => {
    await expect(parsed(request).verify()).resolves.toBe(true);
  });

  test('the private key is that of the request, of this kind, and good enough', () => {
    const privateKey = createPrivateKey(request.privateKey);
    expect(request.privateKey).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    expect(createPublicKey(privateKey).export({ type: 'spki', format: 'der' })).toEqual(Buffer.from(parsed(request).subjectPublicKeyInfo.toSchema().toBER()));
    expect(keyTypeOf(privateKey)).toBe(keyType);
    expect(weaknessOf(privateKey)).toBeNull();
  });

  test('the certificate that is issued for it is found by the digest of its key, and says what was requested', async () => {
    const certificate = await issueFor(request);
    expect(publicKeyDigestOf(certificate)).toEqual(request.publicKeyDigest);
    expect(request.publicKeyDigest).toEqual(createHash('sha256').update(createPublicKey(request.privateKey).export({ type: 'spki', format: 'der' })).digest());
    expect(certificate.checkPrivateKey(createPrivateKey(request.privateKey))).toBe(true);
    expect(certificateFacts(certificate.raw)).toMatchObject({
      subject: SUBJECT, keyType, keyUsage: ['digitalSignature'], extendedKeyUsage: ['clientAuth'], isCertificateAuthority: false, isSelfSigned: false,
      subjectAltNames: ['DNS:mx.example.com', 'DNS:xn--mnchen-3ya.example', 'IP Address:192.0.2.1', 'IP Address:2001:db8::1', 'IP Address:::ffff:c000:202', 'IP Address:::', 'IP Address:fe80:1:2:3:4:5:6:7'],
    });
  });

  if (missing) test.skip(`OpenSSL verifies it: ${missing}`, () => undefined);
  else test('OpenSSL verifies it, and shows what is requested', () => {
    const said = folder.said('openssl', ['req', '-verify', '-noout', '-text', '-nameopt', 'RFC2253'], request.pem);
    expect(said).toMatch(/verify OK/);
    expect(said).toMatch(/X509v3 Key Usage: critical\n\s+Digital Signature\n/);
    expect(said).toMatch(/X509v3 Extended Key Usage: ?\n\s+TLS Web Client Authentication\n/);
    expect(said).toContain('DNS:mx.example.com, DNS:xn--mnchen-3ya.example, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1, ');
    expect(said).toContain(SUBJECT);
    expect(said).toMatch(new RegExp(`Signature Algorithm: ${keyType.startsWith('rsa') ? 'sha256WithRSAEncryption' : `ecdsa-with-SHA${keyType.slice(-3)}`}\\n`));
  });

  if (missing) test.skip(`OpenSSL refuses it when it was changed: ${missing}`, () => undefined);
  else test('OpenSSL refuses it when it was changed', () => {
    const der = Buffer.from(pemBlocks(request.pem)[0]!.der);
    der[der.indexOf('mailroom')] = 'M'.charCodeAt(0);
    // Old versions say so alone, new ones fail too.
    const said = (): string => { try { return folder.said('openssl', ['req', '-inform', 'DER', '-verify', '-noout'], der); } catch (error) { return String(error); } };
    expect(said()).toMatch(/verify failure/);
  });
});

describe('what is requested', () => {
  test('keyUsage is critical, digitalSignature alone, without bits that are not used', async () => {
    const extension = extensionOf(await create(), '2.5.29.15')!;
    expect([extension.critical, Buffer.from(extension.extnValue.valueBlock.valueHexView).toString('hex')]).toEqual([true, '03020780']);
  });

  test('extendedKeyUsage is clientAuth', async () => {
    const extension = extensionOf(await create(), '2.5.29.37')!;
    expect([extension.critical, Buffer.from(extension.extnValue.valueBlock.valueHexView).toString('hex')]).toEqual([false, '300a06082b06010505070302']);
  });

  test('no subjectAltName when there is no name', async () => {
    const request = await create();
    expect(requested(request).map(({ extnID }) => extnID)).toEqual(['2.5.29.15', '2.5.29.37']);
    expect(certificateFacts((await issueFor(request)).raw).subjectAltNames).toEqual([]);
  });

  test.each([
    ['192.0.2.1', 'c0000201'], ['0.0.0.0', '00000000'], ['255.255.255.255', 'ffffffff'], ['::1', '00000000000000000000000000000001'], ['2001:DB8::A', '20010db800000000000000000000000a'],
    ['2001:db8:0:0:1::', '20010db8000000000001000000000000'], ['::ffff:192.0.2.1', '00000000000000000000ffffc0000201'], ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['1::8', '00010000000000000000000000000008'], ['1:2:3:4:5:6:7::', '00010002000300040005000600070000'],
  ])('the address %s by its bytes', async (address, bytes) => {
    const { extnValue } = extensionOf(await create({ ipAddresses: [address] }), '2.5.29.17')!;
    expect(Buffer.from(extnValue.valueBlock.valueHexView).toString('hex').slice(8)).toBe(bytes);
  });

  test('the subject, as DER has it', async () => {
    const request = await create({ subject: parseDistinguishedName('OU=b+CN=päß€🔑,DC=example,C=de') });
    expect(formatDistinguishedName(new Uint8Array(parsed(request).subject.toSchema().toBER()))).toBe('OU=b+CN=päß€🔑,DC=example,C=DE');
  });

  test('two requests have different keys', async () => {
    const [one, other] = await Promise.all([create(), create()]);
    expect(one.publicKeyDigest).not.toEqual(other.publicKeyDigest);
  });

  test('PEM has lines of 64 characters', async () => {
    const { pem } = await create();
    expect(pem).toMatch(/^-----BEGIN CERTIFICATE REQUEST-----\n([A-Za-z0-9+/]{64}\n)+[A-Za-z0-9+/=]{1,64}\n-----END CERTIFICATE REQUEST-----\n$/);
  });
});
