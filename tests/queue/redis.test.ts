import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { jobKind } from '../../src/queue/job-queue.js';
import { findRedis, hasRedis, NO_REDIS, NO_REDIS_SERVER, redisServer, startRedis, type TestRedis } from '../setup/redis.js';
import { Bench, eventually, idle, into, timed, type BackEndUnderTest } from './bench.js';
import { describeJobQueue } from './conformance.js';
import { relayed } from '../setup/tcp-relay.js';

const kind = jobKind<{ id: number }>('redis', 2);

/** Removes the keys of one prefix alone: the server may hold somebody's data. */
async function removeKeys(url: string, prefix: string): Promise<void> {
  const client = new Redis(url);
  try {
    for await (const keys of client.scanStream({ match: `${prefix}*`, count: 1_000 })) if (keys.length > 0) await client.del(...keys);
  } finally {
    client.disconnect();
  }
}

async function makeRedis(): Promise<BackEndUnderTest> {
  const redis = (await findRedis())!;
  const { relay, url } = await relayed(redis.url, 6379);
  return {
    backEnd: { type: 'redis', url },
    relay,
    loseData: (prefix) => removeKeys(redis.url, prefix),
    close: async () => {
      await relay.close();
      await removeKeys(redis.url, 'test-');
      await redis.stop();
    },
  };
}

// Said aloud too: of a file whose every test is skipped Jest prints no names.
if (!redisServer()) process.stderr.write(`Redis back end: ${hasRedis() ? `some tests ${NO_REDIS_SERVER}` : NO_REDIS}\n`);
if (hasRedis()) describeJobQueue('Redis back end', makeRedis);
else test.skip(`Redis back end: ${NO_REDIS}`, () => undefined);

const describeServer = redisServer() ? describe : describe.skip;
describeServer(redisServer() ? 'Redis server of our own' : `Redis server of our own: ${NO_REDIS_SERVER}`, () => {
  const servers: TestRedis[] = [];
  let bench: Bench;
  const start: typeof startRedis = async (...settings) => {
    const server = await startRedis(...settings);
    servers.push(server);
    return server;
  };

  beforeEach(() => {
    bench = new Bench({ type: 'redis', url: 'redis://127.0.0.1:1' });
  });
  afterEach(async () => {
    await bench.close();
    for (const server of servers.splice(0)) await server.stop();
  });

  test('a server that dies and comes back empty is worked with again', async () => {
    const first = await start();
    const queue = await bench.open({ type: 'redis', url: first.url });
    const handled: number[] = [];
    await queue.work(kind, into(handled));
    await queue.nudge(kind, [{ id: 1 }]);
    await eventually(() => handled.includes(1));
    await first.stop();
    expect(await queue.nudge(kind, [{ id: 2 }])).toBe(false);

    await start([], first.port);
    await eventually(() => queue.nudge(kind, [{ id: 3 }, { id: 4 }])); // in bulk, with scripts that the new server does not know
    await eventually(() => handled.includes(3) && handled.includes(4), 5_000);
  });

  test('FLUSHALL takes the waiting jobs and nothing else', async () => {
    const { url } = await start();
    const queue = await bench.open({ type: 'redis', url });
    await queue.nudge(kind, [{ id: 1 }, { id: 2 }]);
    const client = new Redis(url);
    await client.flushall();
    client.disconnect();
    expect(await queue.depth(kind)).toEqual({ waiting: 0, active: 0 });
    const handled: number[] = [];
    await queue.work(kind, into(handled));
    await queue.nudge(kind, [{ id: 3 }]);
    await eventually(() => handled.length > 0);
    expect(handled).toEqual([3]);
  });

  test('a queue may start before its server', async () => {
    const server = await start();
    await server.stop();
    const queue = await bench.open({ type: 'redis', url: server.url });
    const handled: number[] = [];
    await queue.work(kind, into(handled));
    const nudge = await timed(queue.nudge(kind, [{ id: 1 }]));
    expect(nudge.value).toBe(false);
    expect(nudge.ms).toBeLessThan(3_000);
    await expect(queue.ping()).rejects.toMatchObject({ code: 'QUEUE_UNREACHABLE' });

    await start([], server.port);
    await eventually(() => queue.nudge(kind, [{ id: 2 }]));
    await eventually(() => handled.length > 0);
    expect(handled).toEqual([2]); // what was refused does not come later
  });

  test('a queue that never reached its server closes in time', async () => {
    const queue = await bench.open();
    await queue.work(kind, idle);
    expect(await queue.nudge(kind, [{ id: 1 }])).toBe(false);
    expect((await timed(queue.close(300))).ms).toBeLessThan(2_300);
  });

  test('password and database number of the URL are used', async () => {
    const { port } = await start(['--requirepass', 'p@ss/wörd']);
    const url = `redis://:${encodeURIComponent('p@ss/wörd')}@127.0.0.1:${port}/3`;
    const queue = await bench.open({ type: 'redis', url });
    expect(await queue.nudge(kind, [{ id: 1 }])).toBe(true);
    const client = new Redis(url);
    expect(await client.info('keyspace')).toMatch(/db3:keys=[1-9]/);
    expect(await client.info('keyspace')).not.toContain('db0:');
    client.disconnect();
  });

  test('a wrong password makes the queue unreachable, and is not logged', async () => {
    const { port } = await start(['--requirepass', 'right']);
    const queue = await bench.open({ type: 'redis', url: `redis://:hidden-word@127.0.0.1:${port}` });
    await queue.work(kind, idle);
    expect(await queue.nudge(kind, [{ id: 1 }])).toBe(false);
    const refusal = await queue.ping().catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'QUEUE_UNREACHABLE', message: expect.stringContaining('WRONGPASS') });
    expect(JSON.stringify(bench.warnings)).toContain('WRONGPASS');
    expect(JSON.stringify(bench.log)).not.toContain('hidden-word');
    const { cause } = refusal as Error;
    expect(JSON.stringify([refusal, cause, Object.getOwnPropertyDescriptors(cause)])).not.toContain('hidden-word');
  });

  test('a server that may drop jobs is warned of once', async () => {
    const { url } = await start(['--maxmemory-policy', 'allkeys-lru']);
    const queue = await bench.open({ type: 'redis', url });
    await queue.work(kind, idle);
    await queue.ping();
    await eventually(() => bench.warnings.length > 0);
    expect(bench.warnings.map(({ msg }) => msg)).toEqual([expect.stringContaining('maxmemory-policy is allkeys-lru')]);
  });

  test('a server that refuses writes is no flood of errors', async () => {
    const { url } = await start(['--maxmemory', '1mb', '--maxmemory-policy', 'noeviction']);
    const queue = await bench.open({ type: 'redis', url });
    await queue.work(kind, idle);
    expect(await queue.nudge(kind, [{ id: 1 }])).toBe(false);
    const until = Date.now() + 2_500;
    await eventually(() => Date.now() > until);
    expect(bench.warnings.length).toBeLessThanOrEqual(4);
  });
});
