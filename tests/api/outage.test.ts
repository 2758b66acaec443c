import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import supertest, { type Response } from 'supertest';
import { readConfig } from '../../src/config.js';
import { type Container, createContainer } from '../../src/container.js';
import { createLogger } from '../../src/logger.js';
import { isDatabaseOutage } from '../../src/http/database-outage.js';
import { KeyRing } from '../../src/secrets/key-ring.js';
import { buildEvent } from '../factories/build-event.js';
import { relayed, type TcpRelay } from '../setup/tcp-relay.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { waitFor } from '../setup/wait.js';
import { expectProblem } from './expect-problem.js';

const KEY = 'a-test-administrator';
const POSTGRES_PORT = 5432;

let database: TestDatabase;
let relay: TcpRelay;
let container: Container;

beforeAll(async () => {
  database = await createTestDatabase();
  const through = await relayed(database.url, POSTGRES_PORT);
  relay = through.relay;
  const config = readConfig({ DATABASE_URL: through.url, MAILROOM_LOG_LEVEL: 'silent', MAILROOM_ROLE: 'api' }, false);
  const keys = new KeyRing(['a secret key for this test']);
  container = await createContainer({ config, databaseUrl: through.url, keys, logger: createLogger({ level: 'silent', format: 'json' }) });
  await container.apiKeys.ensureAdministrator(KEY);
});
afterAll(async () => {
  await container.close(2_000);
  await relay.close();
  await database.drop();
});

const get = async (path: string): Promise<Response> => supertest(container.app).get(path).set('Authorization', `Bearer ${KEY}`);
const publish = async (): Promise<Response> => supertest(container.app).post('/v1/events').set('Authorization', `Bearer ${KEY}`).send(buildEvent());

describe.each([
  ['refuses connections', () => relay.refuse(), () => relay.open()],
  ['is silent', () => Promise.resolve(relay.silence()), () => Promise.resolve(relay.speak())],
])('a database that %s', (_name, fail, recover) => {
  test('makes ready 503, and is told to callers as 503; both recover without a restart', async () => {
    await fail();
    const ready = await get('/health/ready');
    expect(ready.status).toBe(503);
    const down = { status: 'down', detail: expect.stringMatching(/\w/) };
    expect(ready.body).toEqual({ status: 'down', parts: { database: down, queue: down } });
    expect((await get('/health/live')).status).toBe(200);
    await recover();
    await waitFor(() => get('/health/ready'), ({ status }) => status === 200);
    expect((await publish()).status).toBe(202);
  });
});

test('whoever waits for a database that fell silent is told 503 after 15 s; the next one is served as soon as it speaks', async () => {
  expect((await publish()).status).toBe(202); // so that connections stand
  relay.silence();
  const told = await Promise.all([publish(), publish(), get('/v1/events')]);
  for (const response of told) expectProblem(response, 503, 'DATABASE_UNAVAILABLE');
  relay.speak();
  await waitFor(publish, ({ status }) => status === 202);
}, 40_000);

test('nobody waits for all those before it: of 3,000 that wait for a silent database each is told as soon as one is', async () => {
  const asked = performance.now();
  relay.silence();
  const told = await Promise.all(Array.from({ length: 3_000 }, (_, n) => container.apiKeys.holderOf(`key ${n}`).catch((error: unknown) => isDatabaseOutage(error))));
  expect(new Set(told)).toEqual(new Set([true]));
  expect(performance.now() - asked).toBeLessThan(45_000); // one after the other they would take twice as long
  relay.speak();
  await waitFor(() => container.apiKeys.holderOf(KEY).catch(() => null), (holder) => holder !== null);
});

test('a request that needs the database is 503 and not "unknown key", and leaves nothing behind', async () => {
  const before = await container.database.prisma.event.count();
  await relay.refuse();
  for (const response of [await get('/v1/events'), await publish()]) {
    const problem = expectProblem(response, 503, 'DATABASE_UNAVAILABLE');
    expect(problem.detail).not.toMatch(/127\.0\.0\.1|ECONN|prisma/i);
    expect(response.headers['retry-after']).toMatch(/^\d+$/);
  }
  expect((await get('/metrics')).text).toContain('mailroom_http_request_seconds');
  await relay.open();
  await waitFor(() => get('/v1/events'), ({ status }) => status === 200);
  expect(await container.database.prisma.event.count()).toBe(before);
});
