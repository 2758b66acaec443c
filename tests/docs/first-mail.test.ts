import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { makeDataFolder } from '../process/mailroom-process.js';
import { createPki } from '../setup/pki.js';
import { runPage } from './page.js';
import { allDone, KEY_ON_PAGE, knowNames, pageTest, startMailServer, startService } from './service.js';

pageTest('docs/first-mail.md: from nothing to a delivered mail', async () => {
  const [folder, pki] = [await makeDataFolder(), await createPki()];
  const { key, chain } = await pki.issue({ dnsNames: ['smtp.example.com'] });
  const server = await startMailServer({ tls: { key, cert: chain }, auth: { user: 'mailroom', password: 'correct horse', required: true } });
  writeFileSync(join(folder, 'ca.pem'), pki.root);
  const service = await startService({ NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') });
  await knowNames(service, 'smtp.example.com');
  const given: { publisher?: string; event?: string } = {};

  await runPage('docs/first-mail.md', {
    replace: service.replace.set('587', String(server.port)),
    fillIn: {
      PUBLISHER: (answer) => (given.publisher = (answer as { key: string }).key),
      EVENT: (answer) => (given.event = (answer as { id: string }).id),
    },
    before: {
      '5. What became of it 1': () => allDone(service),
      'A key for a publishing service 2': () => service.replace.delete(KEY_ON_PAGE),
      'Publish once, whatever happens 3': () => allDone(service),
    },
  });
  expect(server.mails.map(({ to }) => to[0])).toEqual(['you@example.com', 'alice@example.com', 'alice@example.com']);
  expect(server.mails.every(({ tls, user }) => tls && user === 'mailroom')).toBe(true);
});
