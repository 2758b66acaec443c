import { describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { createTestDatabase } from '../setup/database.js';
import { NO_REDIS_SERVER, redisServer, startRedis } from '../setup/redis.js';
import { startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';
import { allSent, atEnd, copiesById, type MailroomProcess, processTest, publish, SHARED, startProcess, STOP_LIMIT_MS, subscribe, useRelay } from './mailroom-process.js';

/** A request that publishes never waits for the queue. */
const QUICK_MS = 1_500;

type TestRedisServer = Awaited<ReturnType<typeof startRedis>>;

async function useRedis(port = 0): Promise<TestRedisServer> {
  const redis = await startRedis([], port);
  atEnd(() => redis.stop());
  return redis;
}

async function environment(redis: TestRedisServer): Promise<Record<string, string>> {
  const database = await createTestDatabase();
  atEnd(() => database.drop());
  return { ...SHARED, DATABASE_URL: database.url, REDIS_URL: redis.url };
}

/** Jobs of both kinds that wait in a Redis of our own. */
const waitingJobs = (redis: TestRedisServer): Promise<number> => withClient(redis, async (client) => {
  const queues = await client.keys('mailroom-*:wait');
  const lengths = await Promise.all(queues.map((queue) => client.llen(queue)));
  return lengths.reduce((sum, length) => sum + length, 0);
});

async function withClient<T>({ url }: TestRedisServer, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url);
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}

async function publishQuickly(mailroom: MailroomProcess): Promise<string> {
  const began = Date.now();
  const id = await publish(mailroom.as(), 'ApplianceSick');
  expect(Date.now() - began).toBeLessThan(QUICK_MS);
  return id;
}

const isReady = async (mailroom: MailroomProcess): Promise<{ status: number; body: { parts: object } }> => mailroom.as().get('/health/ready');

if (!redisServer()) test.skip(`an outage of Redis: ${NO_REDIS_SERVER}`, () => undefined);
else describe('an outage of Redis', () => {
  processTest('flushed while events wait: everything is delivered, once', async () => {
    const redis = await useRedis();
    const env = await environment(redis);
    const sink = await startSmtpSink();
    atEnd(() => sink.close());
    const api = await startProcess({ ...env, MAILROOM_ROLE: 'api' }).ready();
    await useRelay(api.as(), sink.port);
    await subscribe(api.as(), 'ApplianceSick', 2);
    const events = [];
    for (let n = 0; n < 10; n += 1) events.push(await publish(api.as(), 'ApplianceSick'));
    expect(await waitingJobs(redis)).toBeGreaterThan(0);
    await withClient(redis, (client) => client.flushall());
    expect(await waitingJobs(redis)).toBe(0);

    await startProcess({ ...env, MAILROOM_ROLE: 'worker' }).ready();
    await allSent(api.as(), events, 2);
    expect([...copiesById(sink.mails).values()]).toEqual(Array<number>(20).fill(1));
  });

  processTest('stopped while e-mails wait and are being sent: publishing goes on, readiness says so, and with an empty Redis everything is delivered, once', async () => {
    const redis = await useRedis();
    const sink = await startSmtpSink({ delayMs: 300 });
    atEnd(() => sink.close());
    const mailroom = await startProcess(await environment(redis)).ready();
    await useRelay(mailroom.as(), sink.port, { maxConnections: 2 });
    await subscribe(mailroom.as(), 'ApplianceSick', 10);
    const events = [];
    for (let n = 0; n < 5; n += 1) events.push(await publish(mailroom.as(), 'ApplianceSick'));
    await sink.waitForMails(3);
    expect(await waitingJobs(redis)).toBeGreaterThan(0);

    await redis.stop();
    const down = await waitFor(() => isReady(mailroom), ({ status }) => status === 503);
    expect(down.body).toMatchObject({ status: 'down', parts: { database: { status: 'up' }, queue: { status: 'down' } } });
    for (let n = 0; n < 5; n += 1) events.push(await publishQuickly(mailroom));
    await mailroom.as().get('/metrics').expect(200);

    await useRedis(redis.port);
    await waitFor(() => isReady(mailroom), ({ status }) => status === 200);
    await allSent(mailroom.as(), events, 10, 60_000);
    expect([...copiesById(sink.mails).values()]).toEqual(Array<number>(100).fill(1));
  }, 90_000);

  processTest('there is none at the start: it starts all the same, and stops in time', async () => {
    const redis = await useRedis();
    await redis.stop();
    const mailroom = await startProcess(await environment(redis)).ready();
    expect((await isReady(mailroom)).body.parts).toMatchObject({ queue: { status: 'down' } });
    await subscribe(mailroom.as(), 'ApplianceSick');
    await publishQuickly(mailroom);
    const { code, ms } = await mailroom.stop();
    expect(code).toBe(0);
    expect(ms).toBeLessThan(STOP_LIMIT_MS);
  });
});
