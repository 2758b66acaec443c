import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { createAuthority } from '../factories/issue-certificate.js';
import { packPkcs12 } from '../factories/pack-certificate.js';
import { createPki } from '../setup/pki.js';
import { runPage } from './page.js';
import { knowNames, pageTest, startMailServer, startService } from './service.js';

const PAGE = 'docs/client-certificate.md';
const NAME = `${PAGE}: a certificate for a request, one with its key, and a server that demands one`;

pageTest(NAME, async () => {
  const [servers, authority, service] = [await createPki(), await createAuthority(), await startService()];
  const { key, chain } = await servers.issue({ dnsNames: ['smtp.example.com'] });
  const server = await startMailServer({ tls: { key, cert: chain, ca: authority.root, requestCert: true, rejectUnauthorized: true } });
  await knowNames(service, 'smtp.example.com');
  await service.mailroom.as().post('/v1/trusted-certificates', { certificate: servers.root }).expect(201);
  const other = await authority.issue({ commonName: 'with its key', purposes: ['clientAuth'] });

  await runPage(PAGE, {
    files: { 'mailroom.p12': await packPkcs12({ keys: [other.key], certificates: [other.certificate, authority.intermediate], passphrase: 'correct horse' }) },
    replace: service.replace.set('587', String(server.port)),
    fillIn: {
      ID: (answer) => (answer as { id: string }).id,
      OLD: (answer) => (answer as { items: { id: string; active: boolean }[] }).items.find(({ active }) => !active)!.id,
    },
    after: {
      // the authority answers
      'Issued for a request 3': async ({ stdout }, { folder }) => {
        expect(stdout).toMatch(/CN ?= ?mailroom\.example\.com/);
        const issued = await authority.issue({ csr: readFileSync(join(folder, 'mailroom.csr'), 'utf8'), purposes: ['clientAuth'] });
        writeFileSync(join(folder, 'mailroom.crt'), issued.chain);
      },
    },
  });
  expect(server.mails.map(({ clientCertificate }) => clientCertificate)).toEqual(['with its key']);
  const { body } = await service.mailroom.as().post('/v1/smtp-tests', { sendTo: 'you@example.com' }).set('Prefer', 'wait=30').expect(202);
  expect(body).toMatchObject({ status: 'passed' });
  expect(server.mails.at(-1)).toMatchObject({ clientCertificate: 'mailroom.example.com' });
}, ['openssl']);
