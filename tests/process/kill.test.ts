import { expect } from '@jest/globals';
import { lies, startScriptedServer, startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';
import {
  allSent, atEnd, copiesById, emailsOf, makeDataFolder, type MailroomProcess, postmasterOf, processesIn, processTest, publish, startProcess, STOP_LIMIT_MS, subscribe, useRelay,
} from './mailroom-process.js';

const CONNECTIONS = 5;

/** Publishes as fast as it is answered, in several requests at once, until the process is gone. Collects what was accepted. */
async function publishUntilGone(mailroom: MailroomProcess, key: string, accepted: string[]): Promise<void> {
  const one = async (): Promise<void> => {
    for (;;) {
      const answer = await mailroom.as(key).post('/v1/events', { type: 'ApplianceSick' }).catch(() => null);
      if (answer === null) return;
      expect(answer.status).toBe(202);
      accepted.push(answer.body.id as string);
    }
  };
  await Promise.all(Array.from({ length: 4 }, one));
}

processTest('SIGKILL: the database ends by itself, the next start finds everything, and what was accepted is delivered', async () => {
  const dataDir = await makeDataFolder();
  const env = { MAILROOM_DATA_DIR: dataDir, PORT: '0', MAILROOM_RETRY_BASE_MS: '300' };
  const sink = await startSmtpSink({ delayMs: 20 });
  atEnd(() => sink.close());
  const mailroom = await startProcess(env).ready();
  const key = mailroom.printedKey!;
  await useRelay(mailroom.as(key), sink.port, { maxConnections: CONNECTIONS });
  await subscribe(mailroom.as(key), 'ApplianceSick');

  const accepted: string[] = [];
  const publishing = publishUntilGone(mailroom, key, accepted);
  await waitFor(() => accepted.length, (count) => count >= 50);
  await mailroom.kill();
  await publishing;
  await waitFor(() => processesIn(dataDir), (left) => left.length === 0, 6_000);

  const next = await startProcess(env).ready();
  expect(next.printedKey).toBeNull();
  await allSent(next.as(key), accepted, 1);
  const copies = copiesById(sink.mails);
  const ids = (await Promise.all(accepted.map((id) => emailsOf(next.as(key), id)))).flatMap((emails) => emails.map(({ messageId }) => messageId));
  expect(ids.filter((id) => !copies.has(id))).toEqual([]);
  // Those in the middle of their mail at the kill may have come twice (RFC 1047), no other.
  expect([...copies.values()].filter((count) => count > 1).length).toBeLessThanOrEqual(CONNECTIONS);
}, 90_000);

processTest('SIGKILL, and a start at once, while the database of before still ends', async () => {
  const dataDir = await makeDataFolder();
  const env = { MAILROOM_DATA_DIR: dataDir, PORT: '0' };
  const mailroom = await startProcess(env).ready();
  const key = mailroom.printedKey!;
  await subscribe(mailroom.as(key), 'ApplianceSick');
  const before = await postmasterOf(dataDir);
  await mailroom.kill();

  const next = await startProcess(env).ready();
  expect(await postmasterOf(dataDir)).not.toBe(before);
  const { items } = (await next.as(key).get('/v1/subscriptions').expect(200)).body;
  expect(items).toEqual([expect.objectContaining({ emailAddress: '1@example.com' })]);
});

processTest('SIGKILL in the middle of the very first start: the next one is a first start, with a key', async () => {
  const env = { MAILROOM_DATA_DIR: await makeDataFolder(), PORT: '0' };
  const first = startProcess(env);
  await waitFor(() => processesIn(env.MAILROOM_DATA_DIR).some((line) => line.includes('initdb')), Boolean);
  await first.kill();
  const next = await startProcess(env).ready();
  await next.as(next.printedKey!).get('/v1/smtp-settings').expect(200);
});

processTest('SIGTERM in the middle of a start ends it, and leaves nothing running', async () => {
  const env = { MAILROOM_DATA_DIR: await makeDataFolder(), PORT: '0' };
  const first = startProcess(env);
  await waitFor(() => processesIn(env.MAILROOM_DATA_DIR).some((line) => line.includes('initdb')), Boolean);
  const { code, ms } = await first.stop();
  expect(code).toBe(1);
  expect(ms).toBeLessThan(STOP_LIMIT_MS);
  expect(first.stdout).not.toContain('Mailroom is ready');
  await waitFor(() => processesIn(env.MAILROOM_DATA_DIR), (left) => left.length === 0, 6_000);
});

processTest('a second Ctrl-C, when the first is a second old, does not wait for what is under way; the database ends by itself', async () => {
  const dataDir = await makeDataFolder();
  const mailroom = await startProcess({ MAILROOM_DATA_DIR: dataDir, PORT: '0' }).ready();
  const silent = await startScriptedServer(lies.silentAfterFinalDot);
  atEnd(() => silent.close());
  const api = mailroom.as(mailroom.printedKey!);
  await useRelay(api, silent.port);
  await subscribe(api, 'ApplianceSick');
  await publish(api, 'ApplianceSick');
  await waitFor(() => silent.lines.some((line) => line.includes('Message-ID:')), Boolean);
  const stopped = mailroom.stop('SIGINT');
  const again = setInterval(() => mailroom.running && process.kill(mailroom.pid, 'SIGINT'), 100);
  const { code, ms } = await stopped.finally(() => clearInterval(again));
  expect(code).toBe(1);
  expect(ms).toBeLessThan(3_000);
  await waitFor(() => processesIn(dataDir), (left) => left.length === 0, 6_000);
});
