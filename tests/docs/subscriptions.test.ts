import { expect } from '@jest/globals';
import { publish, useRelay } from '../process/mailroom-process.js';
import { runPage } from './page.js';
import { allDone, pageTest, startMailServer, startService } from './service.js';

const PAGE = 'docs/subscriptions.md';

pageTest(`${PAGE}: every command`, async () => {
  const service = await startService();
  const server = await startMailServer();
  await useRelay(service.mailroom.as(), server.port);
  await runPage(PAGE, {
    replace: service.replace,
    fillIn: { ID: (answer) => (answer as { id: string }).id },
  });
  await publish(service.mailroom.as(), 'PasswordCheckFailed');
  await allDone(service);
  expect(server.mails.map(({ to }) => to[0]).sort()).toEqual(['assets@example.com', 'd.whitfield@example.com', 'ops@example.com']);
});
