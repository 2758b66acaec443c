import { test } from '@jest/globals';
import { findRedis, hasRedis, NO_REDIS, redisServer, startRedis } from '../setup/redis.js';
import { describeRoles } from './roles.js';

/** Mailroom's keys have one prefix, so in a Redis of somebody else these processes keep to a logical database of their own. */
const OWN_DATABASE = '/13';

if (hasRedis()) {
  describeRoles('queue in Redis', async () => {
    if (redisServer() !== null) return startRedisAsBackEnd();
    const { url, stop } = (await findRedis())!;
    return { redisUrl: new URL(OWN_DATABASE, url).href, stop };
  });
} else {
  test.skip(`processes of different roles, queue in Redis: ${NO_REDIS}`, () => undefined);
}

async function startRedisAsBackEnd(): Promise<{ redisUrl: string; stop(): Promise<void> }> {
  const { url, stop } = await startRedis();
  return { redisUrl: url, stop };
}
