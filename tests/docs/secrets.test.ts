import { expect } from '@jest/globals';
import { atEnd, makeDataFolder, type MailroomProcess, publish, SECRET_KEY, SHARED, startProcess, subscribe, useRelay, allSent } from '../process/mailroom-process.js';
import { createTestDatabase } from '../setup/database.js';
import { runPage } from './page.js';
import { pageTest, startMailServer } from './service.js';

const PAGE = 'docs/secrets.md';
const NAME = `${PAGE}: a new key, in the data folder and in the environment, while mail is sent with the old password`;
const LOGIN = { user: 'mailroom', password: 'correct horse' };

pageTest(NAME, async () => {
  const { MAILROOM_SECRET_KEY: _inTheFolder, ...shared } = SHARED;
  const server = await startMailServer({ auth: { ...LOGIN, required: true } });
  /** A service that has a password to keep, and sends with it. */
  const startWith = async (env: Record<string, string>): Promise<{ env: Record<string, string>; mailroom: MailroomProcess }> => {
    const database = await createTestDatabase();
    atEnd(() => database.drop());
    const all = { ...shared, DATABASE_URL: database.url, ...env };
    const mailroom = await startProcess(all).ready();
    await useRelay(mailroom.as(), server.port, { authentication: { type: 'password', accountName: LOGIN.user, password: LOGIN.password } });
    await subscribe(mailroom.as(), 'ApplianceSick');
    return { env: all, mailroom };
  };
  const sends = async (mailroom: MailroomProcess): Promise<void> => allSent(mailroom.as(), [await publish(mailroom.as(), 'ApplianceSick')], 1);
  const [folder, variable] = [await startWith({ MAILROOM_DATA_DIR: await makeDataFolder() }), await startWith({ MAILROOM_SECRET_KEY: SECRET_KEY })];
  let keys = '';

  await runPage(PAGE, {
    env: { MAILROOM_DATA_DIR: folder.env['MAILROOM_DATA_DIR']!, DATABASE_URL: folder.env['DATABASE_URL']! },
    fillIn: { OLD: () => SECRET_KEY },
    after: {
      'Change the key 1': () => sends(folder.mailroom),
      'Change the key 3': async (_ran, shell) => {
        keys = (await shell.run(`export DATABASE_URL='${variable.env['DATABASE_URL']}'; echo "$MAILROOM_SECRET_KEY"\n`)).stdout.trim();
        await variable.mailroom.stop();
        await sends(await startProcess({ ...variable.env, MAILROOM_SECRET_KEY: keys }).ready());
      },
    },
  });
  const [newKey, oldKey] = keys.split(',');
  expect([newKey!.length, oldKey]).toEqual([44, SECRET_KEY]);
  await sends(await startProcess({ ...variable.env, MAILROOM_SECRET_KEY: newKey! }).ready()); // the old one is no longer needed
}, ['openssl']);
