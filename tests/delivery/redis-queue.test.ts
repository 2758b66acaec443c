import { test } from '@jest/globals';
import { findRedis, hasRedis, NO_REDIS } from '../setup/redis.js';
import { describeDelivery } from './flow.js';

if (hasRedis()) {
  describeDelivery('Redis back end', async () => {
    const redis = (await findRedis())!;
    return { redisUrl: redis.url, stop: () => redis.stop() };
  });
} else {
  test.skip(`delivery over the Redis back end: ${NO_REDIS}`, () => undefined);
}
