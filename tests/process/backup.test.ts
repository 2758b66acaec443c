import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { findPostgresTools, NO_POSTGRES_TOOLS, OwnPostgres, sql } from '../setup/own-postgres.js';
import { NO_REDIS_SERVER, redisServer, startRedis } from '../setup/redis.js';
import { type SmtpSink, startSmtpSink } from '../setup/smtp-servers.js';
import { atRest, emailOf, jobsIn, LATE, LOGIN, makeScene, rowsIn, type Scene, type State, stateOf, SUBJECT, TYPES, waitingOf } from './backup-scene.js';
import { allSent, atEnd, copiesById, makeDataFolder, type MailroomProcess, processTest, publish, SHARED, startProcess } from './mailroom-process.js';

/** What docs/backup.md tells people to type is what is run here. */
const PAGE = readFileSync('docs/backup.md', 'utf8');
const lineOf = (program: string): string => PAGE.split('\n').map((line) => line.trim()).find((line) => line.startsWith(`${program} `))!;
const CANCEL_ALL = /```sql\n([^`]*)```/.exec(PAGE)![1]!;

const LIMIT_MS = 150_000;
const tools = findPostgresTools();

/** How the first service ends after its backup. */
const ENDINGS: Record<string, (scene: Scene) => Promise<unknown>> = {
  killed: ({ api, worker }) => Promise.all([api.kill(), worker.kill()]),
  stopped: ({ api, worker }) => {
    process.kill(worker.pid, 'SIGCONT');
    return Promise.all([api.stop(), worker.stop()]);
  },
};

function describeBackups(postgres: () => OwnPostgres): void {
  /** Backs a service up, ends it, and loads the backup into an empty database. */
  const backUpAndRestore = async (scene: Scene, end: (scene: Scene) => Promise<unknown>): Promise<string> => {
    await postgres().shell(lineOf('pg_dump'), { DATABASE_URL: scene.databaseUrl });
    await end(scene);
    const restored = await postgres().createDatabase();
    await postgres().shell(lineOf('pg_restore'), { DATABASE_URL: restored });
    expect(await rowsIn(restored)).toEqual({ sent: 2, failed: 1, cancelled: 1, sending: 1, queued: 2, deferred: 2, unmatched: 1 });
    return restored;
  };
  /** Of a service on the restored database: only the database and the secret key are those of before. */
  const environment = async (databaseUrl: string, queue: Record<string, string>): Promise<Record<string, string>> =>
    ({ ...SHARED, ...queue, DATABASE_URL: databaseUrl, MAILROOM_DATA_DIR: await makeDataFolder() });

  const restoreTest = (how: string, queueBefore: () => Promise<Record<string, string>>, queueAfter: (before: Record<string, string>) => Promise<Record<string, string>>): void =>
    processTest(`the service is ${how} after its backup: what was sent is not sent again, and what waited goes out once`, async () => {
      const queue = await queueBefore();
      const scene = await makeScene(await postgres().createDatabase(), queue);
      const before = await stateOf(scene.api.as(), scene.databaseUrl);
      const databaseUrl = await backUpAndRestore(scene, ENDINGS[how]!);
      if (Object.keys(queue).length === 0) expect(await jobsIn(databaseUrl)).toMatchObject({ active: expect.any(Number), waiting: expect.any(Number) });

      const relay = await startRelay(scene);
      await checkWithApiAlone(await environment(databaseUrl, {}), before, relay);
      const next = await startProcess(await environment(databaseUrl, await queueAfter(queue))).ready();
      await allSent(next.as(), [scene.unmatchedEvent], 1, 60_000);
      await atRest(next);
      expectEachOnce(relay, before, scene);
      await expectHistory(next, before);
    }, LIMIT_MS);

  describe('queue in Postgres', () => {
    const inPostgres = () => Promise.resolve({});
    for (const how of Object.keys(ENDINGS)) restoreTest(how, inPostgres, inPostgres);

    processTest('what waits can be cancelled before the start, as the page says: nothing of it goes out, unless somebody asks for it', async () => {
      const scene = await makeScene(await postgres().createDatabase(), {});
      const before = await stateOf(scene.api.as(), scene.databaseUrl);
      const databaseUrl = await backUpAndRestore(scene, ENDINGS['killed']!);
      await sql(databaseUrl, CANCEL_ALL);
      expect(await rowsIn(databaseUrl)).toEqual({ sent: 2, failed: 1, cancelled: 6, unmatched: 0 });

      const relay = await startRelay(scene);
      const next = await startProcess(await environment(databaseUrl, {})).ready();
      await atRest(next);
      await allSent(next.as(), [await publish(next.as(), TYPES.unmatched)], 1);
      expect(relay.mails.map(({ to }) => to[0])).toEqual([LATE]);
      const { id, to } = inTheMiddle(before);
      await next.as().post(`/v1/emails/${id}/retry`).expect(202);
      await atRest(next);
      expect(relay.mails.map((mail) => mail.to[0])).toEqual([LATE, to]);
    }, LIMIT_MS);
  });

  if (redisServer() === null) test.skip(`queue in Redis: ${NO_REDIS_SERVER}`, () => undefined);
  else {
    describe('queue in Redis, which is empty after the restore', () => restoreTest('killed', useRedis, useRedis));
    describe('queue in Redis, which is as it was left', () => restoreTest('stopped', useRedis, (before) => Promise.resolve(before)));
  }
}

async function useRedis(): Promise<Record<string, string>> {
  const redis = await startRedis();
  atEnd(() => redis.stop());
  return { REDIS_URL: redis.url };
}

/** The mail server that the backup names is back, on the port where nobody listened. */
async function startRelay({ relayPort }: Scene): Promise<SmtpSink> {
  const relay = await startSmtpSink({ port: relayPort, auth: { ...LOGIN, required: true } });
  atEnd(() => relay.close());
  return relay;
}

/** As the page tells people to look at a backup. */
async function checkWithApiAlone(env: Record<string, string>, before: State, relay: SmtpSink): Promise<void> {
  const api = await startProcess({ ...env, MAILROOM_ROLE: 'api' }).ready();
  expect(await stateOf(api.as(), env['DATABASE_URL']!)).toEqual(before);
  expect((await api.stop()).code).toBe(0);
  expect(relay.connections).toBe(0);
}

function expectEachOnce(relay: SmtpSink, before: State, { sink, silent }: Scene): void {
  const waiting = waitingOf(before);
  expect(relay.mails.map(({ to }) => to[0]).sort()).toEqual([LATE, ...waiting.map(({ to }) => to)].sort());
  expect([...copiesById(relay.mails).values()]).toEqual(relay.mails.map(() => 1));
  expect([...copiesById(relay.mails).keys()]).toEqual(expect.arrayContaining(waiting.map(({ messageId }) => messageId)));
  expect(new Set(relay.mails.map(({ user }) => user))).toEqual(new Set([LOGIN.user]));
  expect(relay.mails.find(({ to }) => to[0] === LATE)!.raw).toContain(`Subject: ${SUBJECT}`);
  // The mail servers of before got nothing more; the one in the middle of its attempt is there as well, under the same Message-ID.
  expect(sink.mails).toHaveLength(2);
  expect(silent.lines.filter((line) => line.includes('Message-ID:'))).toEqual([expect.stringContaining(inTheMiddle(before).messageId)]);
}

async function expectHistory(next: MailroomProcess, before: State): Promise<void> {
  const finished = before.emails.filter((email) => !waitingOf(before).includes(email));
  for (const email of finished) expect(await emailOf(next.as(), email.id)).toEqual(email);
  const { attempts } = await emailOf(next.as(), inTheMiddle(before).id);
  expect(attempts.map(({ outcome, code }) => [outcome, code])).toEqual([['unconfirmed', 'WORKER_LOST'], ['sent', null]]);
}

const inTheMiddle = ({ emails }: State) => emails.find(({ status }) => status === 'sending')!;

if (tools === null) test.skip(`backup and restore with pg_dump and pg_restore: ${NO_POSTGRES_TOOLS}`, () => undefined);
else {
  describe('backup and restore with pg_dump and pg_restore', () => {
    let postgres: OwnPostgres;
    beforeAll(async () => {
      postgres = await OwnPostgres.start(tools);
    }, 60_000);
    afterAll(() => postgres?.stop());
    describeBackups(() => postgres);
  });
}
