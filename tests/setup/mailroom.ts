import supertest from 'supertest';
import { createMailroom, type Mailroom } from '../../openapi/client/src/index.js';
import { readConfig } from '../../src/config.js';
import { type Container, createContainer } from '../../src/container.js';
import type { Role } from '../../src/contract/actor.js';
import { listen } from '../../src/http/listen.js';
import { createLogger } from '../../src/logger.js';
import { KeyRing } from '../../src/secrets/key-ring.js';
import { createTestDatabase } from './database.js';

export const ADMIN_KEY = 'test-administrator-key';
const SECRET_KEY = 'test-secret-key-of-32-characters';

export interface MailroomOptions {
  /** Where the queues are; in Postgres when left out. */
  redisUrl?: string;
  /** Without workers nothing is matched or delivered. */
  workers?: boolean;
  env?: Record<string, string>;
}

/** A whole Mailroom in this process: real Postgres (a database of its own), real queue, a socket on loopback. */
export interface TestMailroom {
  container: Container;
  databaseUrl: string;
  url: string;
  /** What integrators use, with the administrator's key. It repeats nothing: what a test does not expect is to be seen. */
  sdk: Mailroom;
  /** A request with the administrator's key. */
  as(key?: string | null): Api;
  /** Makes a key of this role. */
  keyOf(role: Role): Promise<string>;
  close(): Promise<void>;
}

export interface Api {
  get(path: string): supertest.Test;
  post(path: string, body?: object): supertest.Test;
  put(path: string, body?: object): supertest.Test;
  delete(path: string): supertest.Test;
}

export async function startMailroom({ redisUrl, workers = true, env = {} }: MailroomOptions = {}): Promise<TestMailroom> {
  const database = await createTestDatabase();
  const config = readConfig({ DATABASE_URL: database.url, MAILROOM_ADMIN_KEY: ADMIN_KEY, MAILROOM_SECRET_KEY: SECRET_KEY, MAILROOM_LOG_LEVEL: 'silent', ...(redisUrl && { REDIS_URL: redisUrl }), ...env }, false);
  const logger = createLogger({ level: config.logLevel, format: 'json' });
  const container = await createContainer({ config, databaseUrl: database.url, keys: new KeyRing([SECRET_KEY]), logger });
  await container.apiKeys.ensureAdministrator(ADMIN_KEY);
  if (workers) await container.startWorkers();
  const listener = await listen(container.app, '127.0.0.1', 0);
  const as = (key: string | null = ADMIN_KEY): Api => apiOf(container, key);
  return {
    container,
    databaseUrl: database.url,
    url: listener.url,
    sdk: createMailroom({ baseUrl: listener.url, apiKey: ADMIN_KEY, retry: false }),
    as,
    keyOf: async (role) => (await as().post('/v1/api-keys', { name: `a ${role}`, role }).expect(201)).body.key as string,
    close: async () => {
      await listener.close(5_000);
      await container.close(5_000);
      await database.drop();
    },
  };
}

function apiOf({ app }: Container, key: string | null): Api {
  const send = (method: 'get' | 'post' | 'put' | 'delete', path: string, body?: object): supertest.Test => {
    const request = supertest(app)[method](path);
    if (key !== null) request.set('Authorization', `Bearer ${key}`);
    return body === undefined ? request : request.send(body);
  };
  return {
    get: (path) => send('get', path),
    post: (path, body) => send('post', path, body),
    put: (path, body) => send('put', path, body),
    delete: (path) => send('delete', path),
  };
}
