import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { KeyRing } from '../../src/secrets/key-ring.js';
import { TlsMaterialRepository } from '../../src/tls-material/tls-material.repository.js';
import { TlsMaterialService } from '../../src/tls-material/tls-material.service.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { createPki, type TestPki } from '../setup/pki.js';

let mailroom: TestMailroom;
let pki: TestPki;
/** As another process has it: with the same key, on the same database. */
let material: TlsMaterialService;

beforeAll(async () => {
  [mailroom, pki] = await Promise.all([startMailroom({ workers: false }), createPki()]);
});
beforeEach(() => {
  material = new TlsMaterialService(new TlsMaterialRepository(mailroom.container.database), new KeyRing(['test-secret-key-of-32-characters']), null);
});
afterAll(() => mailroom.close());

const current = async (presented: boolean) => material.current(await material.version(), presented);

const install = async (commonName: string): Promise<string> => {
  const { key, chain } = await pki.issue({ commonName, usage: 'client' });
  await mailroom.as().post('/v1/client-certificates', { certificate: chain + key }).expect(201);
  return chain;
};

test('without certificates there is nothing to add, and no client certificate to present', async () => {
  expect(await current(false)).toEqual({ trustedCertificates: [], clientCertificate: null });
  expect(await current(true)).toBeNull();
});

test('it is the same object as long as nothing changes, and another one after each change, in another process too', async () => {
  const chain = await install('mailroom-a');
  const before = await current(true);
  expect(before!.clientCertificate!.cert).toBe(chain);
  expect(await current(true)).toBe(before);
  expect(await current(false)).toBe(await current(false));

  await mailroom.as().post('/v1/trusted-certificates', { certificate: pki.root }).expect(201);
  const trusting = await current(true);
  expect(trusting).not.toBe(before);
  expect(trusting!.trustedCertificates).toEqual([pki.root]);
  await mailroom.as().post('/v1/trusted-certificates', { certificate: pki.root }).expect(200);
  expect(await current(true)).toBe(trusting);

  const newer = await install('mailroom-b');
  expect((await current(true))!.clientCertificate!.cert).toBe(newer);
});

test('many connections that need a new version at once get one object', async () => {
  await install('mailroom-c');
  const all = await Promise.all(Array.from({ length: 20 }, () => current(true)));
  expect(new Set(all).size).toBe(1);
  expect(all[0]!.clientCertificate).not.toBeNull();
});
