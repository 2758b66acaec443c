import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Prisma } from '../../src/db/client.js';
import { statement, Statements } from '../../src/db/statements.js';
import { textArray } from '../../src/db/text-array.js';
import { isDatabaseOutage } from '../../src/http/database-outage.js';
import { createLogger } from '../../src/logger.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';

const logger = createLogger({ level: 'silent', format: 'json' });
let database: TestDatabase;
let statements: Statements;

beforeAll(async () => {
  database = await createTestDatabase();
  statements = new Statements(database.url, logger);
});
afterAll(async () => {
  await statements.close();
  await database.drop();
});

describe('a statement', () => {
  const QUERY = statement('test-query', (a: number, b: string[]) => Prisma.sql`SELECT ${a}::int + ${10}::int AS sum, ${b}::text[] AS list, ${a}::int AS again`);

  test('has its arguments where they belong, beside values of its own', async () => {
    expect(QUERY(1, ['x', 'y'])).toMatchObject({ name: 'test-query', text: 'SELECT $1::int + $2::int AS sum, $3::text[] AS list, $4::int AS again', values: [1, 10, ['x', 'y'], 1] });
    expect(await statements.rows(QUERY(1, ['x', 'y']))).toEqual([{ sum: 11, list: ['x', 'y'], again: 1 }]);
    expect(await statements.rows(QUERY(2, []))).toEqual([{ sum: 12, list: [], again: 2 }]);
  });

  test('is planned by key, however small the table', async () => {
    const settings = await statements.rows<{ name: string; setting: string }>(statement('test-settings', () => Prisma.sql`
      SELECT name, setting FROM pg_settings WHERE name IN ('enable_seqscan', 'enable_hashjoin', 'enable_mergejoin', 'plan_cache_mode') ORDER BY name`)());
    expect(settings.map(({ setting }) => setting)).toEqual(['off', 'off', 'off', 'force_generic_plan']);
    const plan = await statements.rows<{ 'QUERY PLAN': string }>(statement('test-plan', () => Prisma.sql`EXPLAIN SELECT status FROM emails WHERE id = '00000000-0000-0000-0000-000000000000'`)());
    expect(plan[0]!['QUERY PLAN']).toContain('emails_pkey');
  });
});

describe('an array of texts in binary', () => {
  const ECHO = statement('test-text-array', (texts: Buffer) => Prisma.sql`SELECT ${texts}::text[] AS texts`);

  test.each([
    ['none', []],
    ['one', ['a']],
    ['nulls and blanks', [null, '', ' ', null]],
    ['what would have to be escaped', ['{"a",b}', 'NULL', '\\', "'", 'a\nb\r\n\tc', '\u0001']],
    ['characters of one to four bytes', ['aß密🔐', 'ü'.repeat(100_000)]],
  ])('%s', async (_name, texts) => {
    expect(await statements.rows(ECHO(textArray(texts)))).toEqual([{ texts }]);
  });

  test('half of a surrogate pair becomes U+FFFD, and NUL is refused', async () => {
    expect(await statements.rows(ECHO(textArray(['a\ud800b'])))).toEqual([{ texts: ['a\ufffdb'] }]);
    await expect(statements.rows(ECHO(textArray(['a\0b'])))).rejects.toThrow('invalid byte sequence');
  });
});

test('a server that does not answer is not waited for, and that counts as an outage', async () => {
  const sockets = new Set<Socket>();
  // Takes the log-in and says that it is ready, and then nothing more.
  const silent = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    socket.once('data', () => {
      socket.write(Buffer.from('520000000800000000', 'hex'));
      socket.write(Buffer.from('5a0000000549', 'hex'));
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => silent.once('listening', resolve));
  const hung = new Statements(`postgres://mailroom:x@127.0.0.1:${(silent.address() as AddressInfo).port}/mailroom`, logger, 200);
  const failure = await hung.rows(statement('test-hung', () => Prisma.sql`SELECT 1`)()).then(() => null, (error: unknown) => error);
  expect(isDatabaseOutage(failure)).toBe(true);
  sockets.forEach((socket) => socket.destroy());
  await hung.close();
  await new Promise((resolve) => silent.close(resolve));
});
