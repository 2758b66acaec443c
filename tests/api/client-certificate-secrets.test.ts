import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { KeyRing, SecretError } from '../../src/secrets/key-ring.js';
import { createAuthority, derOf, type FreshKeyType, type TestAuthority } from '../factories/issue-certificate.js';
import { packPkcs12 } from '../factories/pack-certificate.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { auditOf } from './audit.js';

const PATH = '/v1/client-certificates';
const PASSPHRASE = 'geheim-päß-distinctive';
const bindingOf = (owner: string, id: string): string => JSON.stringify([owner, 'private-key', id]);

let mailroom: TestMailroom;
let authority: TestAuthority;

beforeAll(async () => {
  [mailroom, authority] = await Promise.all([startMailroom({ workers: false }), createAuthority()]);
});
afterAll(async () => {
  await mailroom.close();
});

/** Every row of every table, as text. */
async function everyRow(): Promise<string> {
  const client = new pg.Client({ connectionString: mailroom.databaseUrl });
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ name: string }>(`
      SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
      WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')`);
    const texts: string[] = [];
    for (const { name } of tables) texts.push(...(await client.query<{ row: string }>(`SELECT to_jsonb(t)::text AS row FROM ${name} t`)).rows.map(({ row }) => row));
    return texts.join('\n');
  } finally {
    await client.end();
  }
}

/** The forms in which a private key might have been written down. */
function formsOf(key: string): string[] {
  const der = derOf(key);
  const secret = Buffer.from(createPrivateKey(key).export({ format: 'jwk' }).d!, 'base64url');
  return [
    der.toString('base64'), key.split('\n').slice(1, -2).join('\\n'), der.toString('hex'), der.toString('base64url'),
    secret.toString('base64').slice(0, 40), secret.toString('hex').slice(0, 60), secret.toString('base64url').slice(0, 40),
  ];
}

function expectNone(text: string, secrets: string[]): void {
  for (const secret of secrets) expect(text.includes(secret)).toBe(false);
}

describe.each<[FreshKeyType]>([['rsa2048'], ['ecP256']])('a key of the type %s with its passphrase', (keyType) => {
  let key: string;
  let id: string;
  const answers: string[] = [];

  beforeAll(async () => {
    const issued = await authority.issue({ keyType });
    key = issued.key;
    const file = await packPkcs12({ keys: [key], certificates: [issued.certificate, authority.intermediate], passphrase: PASSPHRASE });
    const sent = [
      await mailroom.as().post(PATH, { certificate: file.toString('base64'), passphrase: `${PASSPHRASE}-wrong` }),
      await mailroom.as().post(PATH, { certificate: file.toString('base64'), passphrase: PASSPHRASE }),
      await mailroom.as().post(`${PATH}/upload`).attach('file', file, 'mailroom.p12').field('passphrase', PASSPHRASE),
      await mailroom.as().post(PATH, { certificate: issued.chain + key }),
      await mailroom.as().post(PATH, { certificate: key, passphrase: PASSPHRASE }),
      await mailroom.as().post('/v1/trusted-certificates', { certificate: authority.root + key }),
    ];
    expect(sent.map(({ status }) => status)).toEqual([400, 201, 200, 200, 400, 400]);
    id = sent[1]!.body.id as string;
    const read = [await mailroom.as().get(PATH), await mailroom.as().get(`${PATH}/${id}`), await mailroom.as().post(`${PATH}/${id}/activate`), await mailroom.as().get('/v1/smtp-settings')];
    answers.push(...[...sent, ...read].map(({ text, headers }) => `${text} ${JSON.stringify(headers)}`));
  });

  test('stands in no row of the database', async () => {
    const all = await everyRow();
    expect(all).toContain(id);
    expect(all).not.toContain('PRIVATE KEY');
    expectNone(all, [PASSPHRASE, Buffer.from(PASSPHRASE).toString('base64'), Buffer.from(PASSPHRASE).toString('hex'), ...formsOf(key)]);
  });

  test('stands in no answer', () => {
    const all = answers.join('\n');
    expect(all).toContain(id);
    expectNone(all, [PASSPHRASE, 'PRIVATE KEY', 'rivateKey', '"v1.', ...formsOf(key)]);
  });

  test('stands in no audit row, not even encrypted', async () => {
    const all = JSON.stringify(await auditOf(mailroom, 'clientCertificate'));
    expect(all).toContain(id);
    expectNone(all, [PASSPHRASE, 'PRIVATE KEY', 'rivateKey', '"v1.', ...formsOf(key)]);
  });

  test('is encrypted for this certificate alone', async () => {
    const { privateKeyCiphertext, pem } = await mailroom.container.database.prisma.clientCertificate.findUniqueOrThrow({ where: { id } });
    const ring = new KeyRing(['test-secret-key-of-32-characters']);
    expect(privateKeyCiphertext).toMatch(/^v1\./);
    const opened = createPublicKey(ring.open(privateKeyCiphertext, bindingOf('client-certificate', id)));
    expect(opened.equals(new X509Certificate(pem).publicKey)).toBe(true);
    for (const binding of [bindingOf('certificate-request', id), bindingOf('client-certificate', '01900000-0000-7000-8000-000000000000'), '']) {
      expect(() => ring.open(privateKeyCiphertext, binding)).toThrow(SecretError);
    }
  });
});

test('the key of a request is encrypted anew for the certificate', async () => {
  const { body } = await mailroom.as().post('/v1/certificate-requests', { subject: { commonName: 'mailroom' }, keyType: 'ecP256' }).expect(201);
  const { chain } = await authority.issue({ csr: body.pem as string });
  const { id } = (await mailroom.as().post(PATH, { certificate: chain }).expect(201)).body as { id: string };
  const prisma = mailroom.container.database.prisma;
  const ofRequest = (await prisma.certificateRequest.findUniqueOrThrow({ where: { id: body.id as string } })).privateKeyCiphertext;
  const ofCertificate = (await prisma.clientCertificate.findUniqueOrThrow({ where: { id } })).privateKeyCiphertext;
  const ring = new KeyRing(['test-secret-key-of-32-characters']);
  const key = ring.open(ofRequest, bindingOf('certificate-request', body.id as string));
  expect(ring.open(ofCertificate, bindingOf('client-certificate', id))).toBe(key);
  expect(ofCertificate).not.toBe(ofRequest);
  const all = await everyRow();
  expect(all).not.toContain('PRIVATE KEY');
  expectNone(all, formsOf(key));
});

test('of a deleted certificate no key is left', async () => {
  const { key, chain } = await authority.issue();
  const { id } = (await mailroom.as().post(PATH, { certificate: chain + key }).expect(201)).body as { id: string };
  const { privateKeyCiphertext } = await mailroom.container.database.prisma.clientCertificate.findUniqueOrThrow({ where: { id } });
  expect(await everyRow()).toContain(privateKeyCiphertext);
  await mailroom.as().delete(`${PATH}/${id}`).expect(204);
  expect(await everyRow()).not.toContain(privateKeyCiphertext);
});
