import { expect } from '@jest/globals';
import { makeDataFolder, startProcess } from '../process/mailroom-process.js';
import { runPage } from './page.js';
import { missingLines } from './shown.js';
import { allDone, KEY_ON_PAGE, pageTest, startMailServer, URL_ON_PAGE } from './service.js';

const PAGE = 'README.md';

pageTest(`${PAGE}: from the first start to the answer that tells what became of the mail`, async () => {
  const catcher = await startMailServer();
  const mailroom = await startProcess({ MAILROOM_DATA_DIR: await makeDataFolder(), PORT: '0' }).ready();
  const replace = new Map([[URL_ON_PAGE, mailroom.url], [KEY_ON_PAGE, mailroom.printedKey!], ['"localhost", "port": 1025', `"127.0.0.1", "port": ${catcher.port}`]]);
  const shell = await runPage(PAGE, {
    replace,
    handle: { 'Run it 2': (text) => expect(missingLines(text, mailroom.stdout)).toEqual([]) }, // what the first start of this service has said
  });
  await allDone({ mailroom, replace }, mailroom.printedKey!);
  expect(catcher.mails.map(({ to }) => to[0]).sort()).toEqual(['alice@example.com', 'you@example.com']);
  const { stdout } = await shell.run(`curl ${mailroom.url}/v1/emails -H "Authorization: Bearer $KEY"\n`);
  expect(JSON.parse(stdout)).toMatchObject({ items: [{ to: 'alice@example.com', status: 'sent', serverReply: expect.stringMatching(/^250 OK: queued as \d$/) }] });
});
