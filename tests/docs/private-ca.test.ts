import { expect } from '@jest/globals';
import { createPki } from '../setup/pki.js';
import { runPage } from './page.js';
import { knowNames, pageTest, startMailServer, startService } from './service.js';

const PAGE = 'docs/private-ca.md';

pageTest(`${PAGE}: a server that is refused until its authority is trusted`, async () => {
  const [pki, service] = [await createPki(), await startService()];
  const { key, chain } = await pki.issue({ dnsNames: ['smtp.example.com'] });
  const server = await startMailServer({ tls: { key, cert: chain } });
  await knowNames(service, 'smtp.example.com');
  await runPage(PAGE, {
    files: { 'ca.pem': pki.root },
    replace: service.replace.set('587', String(server.port)),
    fillIn: { ID: (answer) => (answer as { items: { id: string }[] }).items[0]!.id },
  });
  expect(server.mails.map(({ to }) => to[0])).toEqual(['you@example.com']);
  const { body } = await service.mailroom.as().post('/v1/smtp-tests', { sendTo: 'you@example.com' }).set('Prefer', 'wait=30').expect(202);
  expect(body).toMatchObject({ status: 'failed' }); // refused again, as the page ends
});
