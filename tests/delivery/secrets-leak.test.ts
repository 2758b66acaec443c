import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { jobKind } from '../../src/queue/job-queue.js';
import { NO_REDIS_SERVER, redisServer, startRedis, type TestRedis } from '../setup/redis.js';
import { waitFor } from '../setup/wait.js';
import { logPlaces } from './leak-places.js';
import { LeakScenario } from './leak-scenario.js';
import { type LeakWorld, openWorld } from './leak-world.js';
import { formsOf, keysIn, leaksIn, textSecret } from './leaks.js';

const REDIS_PASSWORD = 'the-distinctive+password=of~Redis';
/** In place of every secret, for the proof that the search finds what is there. */
const PLANTED = textSecret('what was planted', 'a planted+pässword/that=must be found!');

const BACK_ENDS: [string, () => Promise<TestRedis | null>][] = [
  ['Postgres', () => Promise.resolve(null)],
  ['Redis', () => startRedis(['--requirepass', REDIS_PASSWORD])],
];

describe.each(BACK_ENDS.filter(([name]) => name !== 'Redis' || redisServer() !== null))('with the queues in %s', (name, startBackEnd) => {
  let redis: TestRedis | null;
  let world: LeakWorld;
  let scenario: LeakScenario;

  beforeAll(async () => {
    redis = await startBackEnd();
    world = await openWorld(redis?.url.replace('redis://', `redis://:${encodeURIComponent(REDIS_PASSWORD)}@`));
    scenario = new LeakScenario(world);
    await scenario.play();
  }, 120_000);
  afterAll(async () => {
    await scenario?.close();
    await world?.close();
    await redis?.stop();
  });

  test('no secret stands in an answer, a log line, the support bundle, a row, a job or a mail, in no form', async () => {
    const places = [...(await world.places()), ...scenario.mails()];
    expect([...new Set(places.map(({ kind }) => kind))].sort()).toEqual(['answer', 'file', 'job', 'log', 'mail', 'row']);
    expect(world.secrets.length).toBeGreaterThan(20);
    expect(leaksIn(places, world.secrets)).toEqual([]);
    expect(keysIn(places)).toEqual([]);
  });

  test('what was searched is what happened: each kind of place tells of the log-ins', async () => {
    const places = await world.places();
    const all = (kind: string): string => places.filter((place) => place.kind === kind).map(({ text }) => text).join('\n');
    for (const kind of ['answer', 'file', 'row']) {
      expect(all(kind)).toContain('AUTH PLAIN [redacted]');
      expect(all(kind)).toContain('I was sent AUTH PLAIN [redacted]');
      expect(all(kind)).toContain('([redacted]) is no secret of this client');
    }
    expect(all('log')).toContain('"path":"/v1/smtp-settings"');
    expect(all('job')).toContain('deliver-emails');
    expect(places.map(({ name: table }) => table)).toEqual(expect.arrayContaining(['public.audit_log', 'public.smtp_tests', 'public.idempotency_keys', 'public.client_certificates']));
  });

  describe('a value that was planted', () => {
    beforeAll(async () => {
      const forms = formsOf(PLANTED.value).map(([, text]) => text).join(' | ');
      await world.send('post', '/v1/events', { type: 'TestConnectionFailed', properties: { Comment: PLANTED.value.toString() } }).expect(202);
      const { body: settings } = await world.send('get', '/v1/smtp-settings').expect(200);
      await world.send('put', '/v1/smtp-settings', { ...settings, senderName: PLANTED.value.toString() }).expect(200);
      world.logger.trace({ deep: { down: { here: PLANTED.value.toString() } } }, 'planted');
      await waitFor(() => world.container.queue.nudge(jobKind<{ note: string }>('planted', 1), [{ note: PLANTED.value.toString() }]), (taken) => taken);
      await inDatabase(`CREATE SCHEMA other; CREATE TABLE other.planted (word text, bytes bytea)`);
      await inDatabase('INSERT INTO other.planted VALUES ($1, null), (null, $2), (null, $3)', [forms, PLANTED.value, Buffer.from(PLANTED.value.toString('base64'))]);
    });

    test('is found in each kind of place', async () => {
      const found = leaksIn(await world.places(), [PLANTED]).filter((leak) => leak.includes(' as plain text in '));
      for (const place of ['answer PUT /v1/smtp-settings', 'answer POST /v1/events', 'file settings.json', 'row public.audit_log', 'row public.events', 'row other.planted', 'log line', 'job ']) {
        expect(found).toContainEqual(expect.stringContaining(`in ${place}`));
      }
    });

    test('is found in each form, in bytes too', async () => {
      const places = (await world.places()).filter(({ name: table }) => table === 'other.planted');
      const found = places.map((place) => new Set(leaksIn([place], [PLANTED]).map((leak) => /planted as (.*) in row/.exec(leak)![1])));
      expect(found.map((forms) => forms.has('plain text'))).toEqual([true, true, false]);
      expect([...found[0]!].sort()).toEqual(['URL-encoded', 'a list of bytes', 'base64', 'base64url', 'hex', 'plain text']);
      expect(found[1]!.has('hex')).toBe(true);
      expect(found[2]!.has('base64')).toBe(true);
    });

    async function inDatabase(sql: string, values?: unknown[]): Promise<void> {
      const client = new pg.Client({ connectionString: world.databaseUrl });
      await client.connect();
      await client.query(sql, values).finally(() => client.end());
    }
  });

  // Last, since nothing works afterwards.
  test('no password of a back end is told when it goes away', async () => {
    const before = world.logLines.length;
    await redis?.stop();
    await world.container.database.prisma.$executeRaw`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()`;
    const told = name === 'Redis' ? 'the job queue lost its back end' : 'connection was lost';
    await waitFor(() => world.logLines.slice(before), (lines) => lines.some((line) => line.includes(told)));
    expect(leaksIn(logPlaces(world.logLines), world.secrets)).toEqual([]);
  });
});

if (redisServer() === null) test.skip(`no secret leaks with the queues in Redis: ${NO_REDIS_SERVER}`, () => undefined);

test.each<[string, string]>([
  ['SASL PLAIN', Buffer.from(`\0mailroom\0${PLANTED.value.toString()}`).toString('base64')],
  ['SASL LOGIN', PLANTED.value.toString('base64')],
  ['XOAUTH2', Buffer.from(`user=robot\x01auth=Bearer ${PLANTED.value.toString()}\x01\x01`).toString('base64url')],
  ['Basic', Buffer.from(`client:${PLANTED.value.toString()}`).toString('base64')],
  ['a folded PEM file', Buffer.from(`1${PLANTED.value.toString()}`).toString('base64').replace(/.{20}/g, '$&\\n')],
  ['a form', new URLSearchParams({ secret: PLANTED.value.toString() }).toString()],
])('the search finds a secret in the response of %s', (_name, text) => {
  expect(leaksIn([{ kind: 'log', name: 'line 1', text }], [PLANTED])).not.toEqual([]);
});
