import { expect } from '@jest/globals';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { simpleParser } from 'mailparser';
import { startSmtpSink } from '../setup/smtp-servers.js';
import { allSent, atEnd, makeDataFolder, processTest, publish, startProcess, subscribe, useRelay } from './mailroom-process.js';

processTest('with nothing but a data folder it runs, prints its key once, and finds everything again at the next start', async () => {
  const env = { MAILROOM_DATA_DIR: await makeDataFolder(), PORT: '0' };
  const sink = await startSmtpSink();
  atEnd(() => sink.close());

  const first = await startProcess(env).ready();
  expect(first.stdout).toMatch(/^ {2}Swagger UI {3}http:\/\/(localhost|127\.0\.0\.1):\d+\/docs$/m);
  expect(first.stderr).toBe('');
  const key = first.printedKey!;
  expect(key).toMatch(/^mr_[\w-]{43}$/);
  expect(first.stdout.split(key)).toHaveLength(2);

  const docs = await first.as().get('/docs/').expect(200);
  expect(docs.text).toContain('swagger-ui');
  await first.as('mr_another').get('/v1/smtp-settings').expect(401);
  await useRelay(first.as(key), sink.port);
  await subscribe(first.as(key), 'ApplianceSick');
  const before = await publish(first.as(key), 'ApplianceSick');
  await allSent(first.as(key), [before], 1);
  const parsed = await simpleParser((await sink.waitForMails(1))[0]!.raw);
  expect(parsed.to).toMatchObject({ text: '1@example.com' });
  expect(await first.stop()).toMatchObject({ code: 0, signal: null });

  const second = await startProcess(env).ready();
  expect(second.printedKey).toBeNull();
  expect(second.stdout).not.toContain('API key');
  const event = await second.as(key).get(`/v1/events/${before}`).expect(200);
  expect(event.body.emails.sent).toBe(1);
  const settings = await second.as(key).get('/v1/smtp-settings').expect(200);
  expect(settings.body).toMatchObject({ serverAddress: '127.0.0.1', port: sink.port, enabled: true });
  await allSent(second.as(key), [await publish(second.as(key), 'ApplianceSick')], 1);
  expect(sink.mails).toHaveLength(2);
});

processTest('a second Mailroom on the same data folder is refused, and the first goes on', async () => {
  const env = { MAILROOM_DATA_DIR: await makeDataFolder(), PORT: '0' };
  const first = await startProcess(env).ready();
  const second = startProcess(env);
  expect(await second.ended).toEqual({ code: 1, signal: null });
  expect(second.stderr).toBe(`Mailroom cannot start: Another Mailroom (process ${first.pid}) already uses the data folder ${env.MAILROOM_DATA_DIR}; stop it, or set MAILROOM_DATA_DIR.\n`);
  await first.as(first.printedKey!).get('/health/ready').expect(200);
});

processTest('what it keeps in the data folder is for its own account alone', async () => {
  const dataDir = await makeDataFolder();
  const mailroom = await startProcess({ MAILROOM_DATA_DIR: dataDir, PORT: '0' }).ready();
  const modes = await Promise.all(['secret-key', 'postgres-password', 'postgres'].map(async (name) => (await stat(join(dataDir, name))).mode & 0o777));
  expect(modes).toEqual([0o600, 0o600, 0o700]);
  expect((await mailroom.stop('SIGINT')).code).toBe(0);
});
