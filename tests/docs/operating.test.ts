import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { atEnd, makeDataFolder } from '../process/mailroom-process.js';
import { createTestDatabase } from '../setup/database.js';
import { startDnsServer } from '../setup/dns-server.js';
import { NO_REDIS_SERVER, redisServer, startRedis } from '../setup/redis.js';
import { runPage } from './page.js';
import { pageTest } from './service.js';
import type { Ran } from './shell.js';

const PAGE = 'docs/operating.md';

/** One API and two workers, started as the page says. */
async function runWith(redisUrl: string): Promise<void> {
  const [database, dns] = [await createTestDatabase(), await startDnsServer()];
  atEnd(() => Promise.all([database.drop(), dns.close()]));
  const replace = new Map([['MAILROOM_ROLE=api', 'MAILROOM_ROLE=api PORT=0'], ['PORT=8081', 'PORT=0'], ['10.0.0.53', dns.address]]);
  const listensAt = (onPage: string) => ({ stdout }: Ran): unknown => replace.set(onPage, /http:\/\/127\.0\.0\.1:\d+/.exec(stdout)![0]);
  const fillIn = { DATABASE_URL: database.url, REDIS_URL: redisUrl, MAILROOM_SECRET_KEY: randomBytes(32).toString('base64'), MAILROOM_ADMIN_KEY: randomBytes(32).toString('hex') };
  const shell = await runPage(PAGE, {
    env: { MAILROOM_DATA_DIR: await makeDataFolder() },
    replace,
    fillIn: Object.fromEntries(Object.entries(fillIn).map(([name, value]) => [name, () => value])),
    keepRunning: { 'Start 1': /Swagger UI .*\n/, 'Start 3': /ready: a worker\. .*\n/, 'Start 5': /ready: a worker\.\n/ },
    after: { 'Start 1': listensAt('http://127.0.0.1:8080'), 'Start 3': listensAt('http://127.0.0.1:8081') },
  });
  expect(readdirSync(shell.folder).filter((name) => name.endsWith('.zip'))).toHaveLength(1);
  const { statuses } = await shell.run('curl -i "$MAILROOM/dns-settings" -H "$AUTH" > answer; grep -i "^ratelimit-policy:.*q=50" answer\n');
  expect(statuses).toEqual([200]);
  await shell.close();
  expect(existsSync(shell.folder)).toBe(false);
}

pageTest(`${PAGE}: API and workers with their queue in Postgres`, () => runWith(''));

if (redisServer() === null) test.skip(`${PAGE}: API and workers with their queue in Redis: ${NO_REDIS_SERVER}`, () => undefined);
else {
  pageTest(`${PAGE}: API and workers with their queue in Redis`, async () => {
    const redis = await startRedis();
    atEnd(() => redis.stop());
    await runWith(redis.url);
  });
}
