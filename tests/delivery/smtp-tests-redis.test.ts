import { test } from '@jest/globals';
import { findRedis, hasRedis, NO_REDIS } from '../setup/redis.js';
import { describeSmtpTests } from './smtp-tests.js';

if (hasRedis()) {
  describeSmtpTests('Redis back end', async () => {
    const redis = (await findRedis())!;
    return { redisUrl: redis.url, stop: () => redis.stop() };
  });
} else {
  test.skip(`SMTP tests over the Redis back end: ${NO_REDIS}`, () => undefined);
}
