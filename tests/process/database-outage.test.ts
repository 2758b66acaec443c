import { expect } from '@jest/globals';
import { startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';
import { allSent, atEnd, copiesById, makeDataFolder, type MailroomProcess, postmasterOf, processTest, startProcess, STOP_LIMIT_MS, subscribe, useRelay } from './mailroom-process.js';

const CONNECTIONS = 3;

interface Answer {
  status: number;
  code: string | undefined;
  type: string;
}

/** Publishes in several requests at once until `enough`; keeps the ids of what was accepted, and every other answer. */
async function publishUntil(mailroom: MailroomProcess, key: string, enough: () => boolean): Promise<{ accepted: string[]; others: Answer[] }> {
  const [accepted, others]: [string[], Answer[]] = [[], []];
  const one = async (): Promise<void> => {
    while (!enough()) {
      const { status, body, type } = await mailroom.as(key).post('/v1/events', { type: 'ApplianceSick' });
      if (status === 202) accepted.push(body.id as string);
      else others.push({ status, code: body.code as string | undefined, type });
    }
  };
  await Promise.all([one(), one()]);
  return { accepted, others };
}

processTest('the embedded Postgres is killed: it comes back, requests meanwhile are told so, and nothing accepted is lost', async () => {
  const dataDir = await makeDataFolder();
  const sink = await startSmtpSink({ delayMs: 20 });
  atEnd(() => sink.close());
  const mailroom = await startProcess({ MAILROOM_DATA_DIR: dataDir, PORT: '0', MAILROOM_RETRY_BASE_MS: '300', MAILROOM_LOG_LEVEL: 'debug' }).ready();
  const key = mailroom.printedKey!;
  await useRelay(mailroom.as(key), sink.port, { maxConnections: CONNECTIONS });
  await subscribe(mailroom.as(key), 'ApplianceSick');
  const killed = await postmasterOf(dataDir);

  let enough = false;
  const publishing = publishUntil(mailroom, key, () => enough);
  await sink.waitForMails(10);
  process.kill(killed, 'SIGKILL');
  await waitFor(() => postmasterOf(dataDir).catch(() => killed), (pid) => pid !== killed && pid > 0);
  await waitFor(async () => (await mailroom.as(key).get('/health/ready')).status, (status) => status === 200);
  const before = sink.mails.length;
  await sink.waitForMails(before + 10, 25_000);
  enough = true;
  const { accepted, others } = await publishing;

  expect(mailroom.running).toBe(true);
  expect(others.length).toBeGreaterThan(0);
  for (const other of others) expect(other).toEqual({ status: 503, code: 'DATABASE_UNAVAILABLE', type: 'application/problem+json' });
  await allSent(mailroom.as(key), accepted, 1, 40_000);
  const repeated = [...copiesById(sink.mails).values()].filter((count) => count > 1);
  expect(repeated.length).toBeLessThanOrEqual(CONNECTIONS);
}, 90_000);

processTest('a stop while the embedded Postgres starts again is in time, and leaves nothing running', async () => {
  const dataDir = await makeDataFolder();
  const mailroom = await startProcess({ MAILROOM_DATA_DIR: dataDir, PORT: '0' }).ready();
  const killed = await postmasterOf(dataDir);
  process.kill(killed, 'SIGKILL');
  await waitFor(() => mailroom.stdout, (text) => text.includes('The embedded Postgres ended by itself'));
  const { code, ms } = await mailroom.stop();
  expect(code).toBe(0);
  expect(ms).toBeLessThan(STOP_LIMIT_MS);
});
