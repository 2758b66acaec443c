import supertest from 'supertest';
import { readConfig } from '../../src/config.js';
import { type Container, createContainer } from '../../src/container.js';
import { createLogger, type Logger } from '../../src/logger.js';
import { KeyRing } from '../../src/secrets/key-ring.js';
import { createTestDatabase } from '../setup/database.js';
import { waitFor } from '../setup/wait.js';
import { bundlePlaces, databasePlaces, linesOf, logPlaces, recorded, redisPlaces } from './leak-places.js';
import { type Place, type Secret, textSecret } from './leaks.js';

export const ADMIN_KEY = 'the-administrator/s+distinctive=key';
export const SECRET_KEY = 'the distinctive key that encrypts+decrypts=32';

type Method = 'get' | 'post' | 'put' | 'delete';

/** A Mailroom that is watched: whatever it answers, logs, stores or queues can be searched. */
export interface LeakWorld {
  container: Container;
  logger: Logger;
  keys: KeyRing;
  databaseUrl: string;
  secrets: Secret[];
  /** As the administrator, unless the headers say otherwise. */
  send(method: Method, path: string, body?: object, headers?: Record<string, string>): supertest.Test;
  /** Forgets the one answer that shows a key, in which it stands once. */
  forgive(shown: string): Promise<void>;
  /** A form with a file, as people upload it. */
  upload(path: string, file: Buffer, fields: Record<string, string>): supertest.Test;
  logLines: string[];
  places(): Promise<Place[]>;
  close(): Promise<void>;
}

/** @param redisUrl of a Redis of the test's own; the queues are in Postgres when it is left out */
export async function openWorld(redisUrl?: string): Promise<LeakWorld> {
  const database = await createTestDatabase();
  const secretEnv = { DATABASE_URL: database.url, MAILROOM_ADMIN_KEY: ADMIN_KEY, MAILROOM_SECRET_KEY: SECRET_KEY, ...(redisUrl && { REDIS_URL: redisUrl }) };
  const env = { ...secretEnv, MAILROOM_LOG_LEVEL: 'trace', MAILROOM_RETRY_BASE_MS: '3600000' };
  const config = readConfig(env, false);
  const logger = createLogger({ level: config.logLevel, format: 'json' });
  const logLines = linesOf(logger);
  const keys = new KeyRing([SECRET_KEY]);
  const container = await createContainer({ config, databaseUrl: database.url, keys, logger });
  await container.apiKeys.ensureAdministrator(ADMIN_KEY);
  await container.startWorkers();
  const answers: Place[] = [];
  const app = recorded(container.app, answers);
  const request = (method: Method, path: string) => supertest(app)[method](path).set('Authorization', `Bearer ${ADMIN_KEY}`);
  const send: LeakWorld['send'] = (method, path, body, headers = {}) => {
    const made = request(method, path).set(headers);
    return body === undefined ? made : made.send(body);
  };
  return {
    container, logger, keys, send, logLines,
    databaseUrl: database.url,
    secrets: [
      textSecret('the administrator key', ADMIN_KEY), textSecret('MAILROOM_SECRET_KEY', SECRET_KEY),
      ...passwordOf('the database password', database.url), ...passwordOf('the Redis password', redisUrl),
    ],
    forgive: async (shown) => {
      const [answer] = await waitFor(() => answers.filter(({ text }) => text.includes(shown)), (found) => found.length === 1);
      answer!.text = answer!.text.replace(shown, '');
    },
    upload: (path, file, fields) => {
      const form = request('post', path).attach('file', file, 'mailroom.p12');
      return Object.entries(fields).reduce((filled, [name, value]) => filled.field(name, value), form);
    },
    places: async () => {
      const bundle = await request('get', '/v1/support-bundle').responseType('blob').expect(200);
      return [...answers, ...logPlaces(logLines), ...(await bundlePlaces(bundle.body as Buffer)), ...(await databasePlaces(database.url)), ...(redisUrl ? await redisPlaces(redisUrl) : [])];
    },
    close: async () => {
      await container.close(5_000);
      await database.drop();
    },
  };
}

/** A database of the tester's own may have none. */
function passwordOf(name: string, url: string | undefined): Secret[] {
  const password = url === undefined ? '' : decodeURIComponent(new URL(url).password);
  return password === '' ? [] : [textSecret(name, password)];
}
