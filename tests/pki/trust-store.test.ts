import { beforeAll, describe, expect, test } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { chainOf, isValidAt, TrustStore } from '../../src/pki/trust-store.js';
import { authority, type CertificateOptions, DAY, daysFromNow, issue, type Issued, newKeys } from './issue.js';

const EXPIRED: CertificateOptions = { notBefore: daysFromNow(-30), notAfter: daysFromNow(-1) };
const FUTURE: CertificateOptions = { notBefore: daysFromNow(1), notAfter: daysFromNow(30) };

let root: Issued;
let intermediate: Issued;
let leaf: Issued;
let stranger: Issued;
beforeAll(async () => {
  root = await authority('Root');
  intermediate = await authority('Issuing CA', root);
  leaf = await issue({ subject: 'mailroom', issuer: intermediate });
  stranger = await authority('Stranger');
});

const trusting = (...anchors: Issued[]): TrustStore => new TrustStore(anchors.map(({ pem }) => pem));
const leads = (store: TrustStore, certificate: Issued, ...others: Issued[]): boolean => store.leadsToTrusted(certificate.x509, others.map(({ x509 }) => x509));

describe('a certificate leads to a trusted one', () => {
  test('that issued it', async () => {
    expect(leads(trusting(root), await issue({ issuer: root }))).toBe(true);
  });

  test('over an intermediate that was given', () => {
    expect(leads(trusting(root), leaf, intermediate)).toBe(true);
    expect(leads(trusting(stranger, root), leaf, stranger, leaf, intermediate)).toBe(true);
  });

  test('over an intermediate that is trusted, without its root', () => {
    expect(leads(trusting(intermediate), leaf)).toBe(true);
  });

  test('when it is trusted itself', async () => {
    const selfSigned = await issue({ subject: 'appliance' });
    expect([leads(trusting(root), root), leads(trusting(selfSigned), selfSigned), leads(trusting(leaf), leaf)]).toEqual([true, true, true]);
  });

  test('a public root, which Node.js trusts', () => {
    const store = new TrustStore([]);
    const valid = rootCertificates.map((pem) => new X509Certificate(pem)).filter((certificate) => isValidAt(certificate, Date.now()));
    expect(valid.length).toBeGreaterThan(50);
    expect(valid.filter((certificate) => !store.leadsToTrusted(certificate))).toEqual([]);
  });

  test('over nine others, and no more', async () => {
    const chain = [root];
    for (let level = 1; level <= 11; level += 1) chain.push(await authority(`Level ${level}`, chain.at(-1)));
    const store = trusting(root);
    expect(leads(store, chain[10]!, ...chain.slice(1, 10))).toBe(true);
    expect(leads(store, chain[11]!, ...chain.slice(1, 11))).toBe(false);
  });

  test('although another authority has the same name', async () => {
    const impostors = await Promise.all(Array.from({ length: 5 }, () => authority('Root')));
    expect(leads(trusting(...impostors, root), await issue({ issuer: root }))).toBe(true);
    expect(leads(trusting(root), leaf, ...await Promise.all(Array.from({ length: 5 }, () => authority('Issuing CA', root))), intermediate)).toBe(true);
  });

  test('although one way leads to an authority that has expired', async () => {
    const keys = await newKeys();
    const old = await authority('Renewed CA', root, { keys, ...EXPIRED });
    const renewed = await authority('Renewed CA', root, { keys });
    const certificate = await issue({ issuer: renewed });
    expect([leads(trusting(root), certificate, old, renewed), leads(trusting(root), certificate, renewed, old), leads(trusting(root), certificate, old)]).toEqual([true, true, false]);
  });

  test('when it has expired itself: that is told apart', async () => {
    expect(leads(trusting(root), await issue({ issuer: root, ...EXPIRED }))).toBe(true);
  });
});

describe('a certificate does not lead to a trusted one', () => {
  test('when nothing is trusted but the public roots', () => {
    expect([leads(new TrustStore([]), leaf, intermediate, root), leads(new TrustStore([]), root)]).toEqual([false, false]);
  });

  test('when the intermediate is missing', () => {
    expect([leads(trusting(root), leaf), leads(trusting(root), leaf, stranger)]).toEqual([false, false]);
  });

  test('because a certificate that it issued is trusted', () => {
    expect(leads(trusting(leaf), intermediate)).toBe(false);
  });

  test('when an authority of the same name is trusted, with another key', async () => {
    expect(leads(trusting(await authority('Root')), await issue({ issuer: root }))).toBe(false);
    expect(leads(trusting(root), leaf, await authority('Issuing CA', root))).toBe(false);
  });

  test('when it was given among the others alone', async () => {
    const selfSigned = await issue({ subject: 'appliance' });
    expect(leads(trusting(root), selfSigned, selfSigned, root)).toBe(false);
  });

  test.each([['has expired', EXPIRED], ['is not valid yet', FUTURE]])('when an authority in between %s', async (_name, validity) => {
    const between = await authority('Between', root, validity);
    expect(leads(trusting(root), await issue({ issuer: between }), between)).toBe(false);
  });

  test.each([['has expired', EXPIRED], ['is not valid yet', FUTURE]])('when the trusted one %s', async (_name, validity) => {
    const anchor = await authority('Anchor', undefined, validity);
    expect([leads(trusting(anchor), await issue({ issuer: anchor })), leads(trusting(anchor), anchor)]).toEqual([false, false]);
  });

  test('when the moment is another', async () => {
    const { x509 } = await issue({ issuer: root });
    const store = trusting(root);
    expect([-2, 0, 29, 31].map((days) => store.leadsToTrusted(x509, [], Date.now() + days * DAY))).toEqual([false, true, true, false]);
  });

  test.each<[string, CertificateOptions]>([
    ['that says so', { isAuthority: false, keyUsage: null }],
    ['whose key may not sign certificates', { isAuthority: true, keyUsage: [0x80] }],
  ])('over a certificate of no authority: one %s', async (_name, options) => {
    const server = await issue({ subject: 'server', issuer: root, ...options });
    expect(leads(trusting(root), await issue({ issuer: server }), server)).toBe(false);
  });

  test('when its signature was changed', async () => {
    const der = Buffer.from((await issue({ issuer: root })).der);
    der[der.length - 1]! ^= 1;
    expect(trusting(root).leadsToTrusted(new X509Certificate(der))).toBe(false);
  });

  test('when authorities certify each other in a circle', async () => {
    const [ofA, ofB] = await Promise.all([newKeys(), newKeys()]);
    const a = await authority('A', undefined, { keys: ofA });
    const b = await authority('B', undefined, { keys: ofB });
    const [aByB, bByA] = [await authority('A', b, { keys: ofA }), await authority('B', a, { keys: ofB })];
    const certificate = await issue({ issuer: a });
    expect(leads(trusting(root), certificate, a, b, aByB, bByA)).toBe(false);
    expect(leads(trusting(b), certificate, aByB, bByA)).toBe(true);
  });

  test('when very many authorities of one name and key certify each other', async () => {
    const keys = await newKeys();
    const first = await authority('Same', undefined, { keys });
    const all = await Promise.all(Array.from({ length: 60 }, () => authority('Same', first, { keys })));
    expect(leads(trusting(root), await issue({ issuer: first }), ...all)).toBe(false);
  });
});

describe('the chain of a certificate', () => {
  const chain = (certificate: Issued, ...others: Issued[]): string[] => chainOf(certificate.x509, others.map(({ x509 }) => x509)).map(({ subject }) => subject);

  test.each<[string, () => Issued[]]>([
    ['in their order', () => [leaf, intermediate, root]],
    ['the other way round', () => [root, intermediate, leaf]],
    ['with others among them', () => [stranger, root, leaf, intermediate, stranger]],
    ['without the root', () => [intermediate]],
    ['each twice', () => [intermediate, intermediate, root, root]],
  ])('has the intermediate alone, since servers have the root: given %s', (_name, others) => {
    expect(chain(leaf, ...others())).toEqual(['CN=Issuing CA']);
  });

  test('has several intermediates, the nearest first', async () => {
    const second = await authority('Second', intermediate);
    const third = await authority('Third', second);
    expect(chain(await issue({ issuer: third }), root, intermediate, stranger, second, third)).toEqual(['CN=Third', 'CN=Second', 'CN=Issuing CA']);
  });

  test('ends where an intermediate is missing', async () => {
    const second = await authority('Second', intermediate);
    expect(chain(await issue({ issuer: second }), root, second)).toEqual(['CN=Second']);
  });

  test.each<[string, () => Issued[]]>([['no others', () => []], ['a stranger', () => [stranger]], ['the root alone', () => [root]]])('is empty: %s', (_name, others) => {
    expect(chain(leaf, ...others())).toEqual([]);
  });

  test('is empty when the root issued it, and for a self-signed one', async () => {
    const selfSigned = await issue({ subject: 'appliance' });
    expect([chain(await issue({ issuer: root }), root), chain(selfSigned, selfSigned), chain(root, root, intermediate)]).toEqual([[], [], []]);
  });

  test('leaves out an authority that has the name alone', async () => {
    const impostor = await authority('Issuing CA', root);
    const found = chainOf(leaf.x509, [impostor.x509, intermediate.x509, root.x509]);
    expect(found.map(({ fingerprint256 }) => fingerprint256)).toEqual([intermediate.x509.fingerprint256]);
  });

  test('ends when authorities certify each other', async () => {
    const [ofA, ofB] = await Promise.all([newKeys(), newKeys()]);
    const a = await authority('A', undefined, { keys: ofA });
    const b = await authority('B', undefined, { keys: ofB });
    const [aByB, bByA] = [await authority('A', b, { keys: ofA }), await authority('B', a, { keys: ofB })];
    expect(chain(await issue({ issuer: a }), aByB, bByA)).toEqual(['CN=A', 'CN=B']);
  });

  test('has ten at most', async () => {
    const all = [root];
    for (let level = 1; level <= 13; level += 1) all.push(await authority(`Level ${level}`, all.at(-1)));
    expect(chain(all[13]!, ...all)).toEqual(Array.from({ length: 10 }, (_, index) => `CN=Level ${12 - index}`));
  });
});
