import { expect } from '@jest/globals';
import { useRelay } from '../process/mailroom-process.js';
import { runPage } from './page.js';
import { allDone, pageTest, startMailServer, startService } from './service.js';

const PAGE = 'docs/event-types.md';

pageTest(`${PAGE}: every command`, async () => {
  const service = await startService();
  const server = await startMailServer();
  await useRelay(service.mailroom.as(), server.port);
  await runPage(PAGE, {
    replace: service.replace,
    before: { 'Let somebody have it 1': () => allDone(service), 'Let somebody have it 2': () => allDone(service) },
  });
  await allDone(service);
  expect(server.mails.map(({ to }) => to[0])).toEqual(['billing@example.com']);
});
