import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ApiKeysRepository } from '../../src/api-keys/api-keys.repository.js';
import { ApiKeysService } from '../../src/api-keys/api-keys.service.js';
import { connectDatabase, type Database } from '../../src/db/client.js';
import { createLogger } from '../../src/logger.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';

const ACTOR = { keyId: '01900000-0000-7000-8000-000000000000', name: 'a test', role: 'administrator', remoteAddress: null, requestId: 'r' } as const;

let testDatabase: TestDatabase;
let database: Database;
let keys: ApiKeysService;

beforeEach(async () => {
  testDatabase = await createTestDatabase();
  database = connectDatabase(testDatabase.url, createLogger({ level: 'silent', format: 'json' }), 2);
  keys = new ApiKeysService(database, new ApiKeysRepository(database));
});
afterEach(async () => {
  await database.close();
  await testDatabase.drop();
});

const rows = () => database.prisma.apiKey.findMany({ orderBy: { id: 'asc' } });

describe('without MAILROOM_ADMIN_KEY', () => {
  test('the first start makes an administrator and tells its key, the next ones do not', async () => {
    const key = await keys.ensureAdministrator(null);
    expect(await keys.holderOf(key!)).toMatchObject({ name: 'First administrator', role: 'administrator' });
    expect(await keys.ensureAdministrator(null)).toBeNull();
    expect(await rows()).toEqual([expect.objectContaining({ origin: 'start', role: 'administrator', createdBy: 'Mailroom' })]);
  });

  test('an administrator that somebody made is enough', async () => {
    await keys.create(ACTOR, { name: 'ops', role: 'administrator' });
    expect(await keys.ensureAdministrator(null)).toBeNull();
    expect(await rows()).toHaveLength(1);
  });

  test('keys of other roles are not enough', async () => {
    await keys.create(ACTOR, { name: 'reader', role: 'auditor' });
    expect(await keys.ensureAdministrator(null)).toMatch(/^mr_/);
  });

  test('the key of an earlier variable is gone, and another one is made', async () => {
    await keys.ensureAdministrator('given-by-environment');
    const key = await keys.ensureAdministrator(null);
    expect(await keys.holderOf('given-by-environment')).toBeNull();
    expect(await keys.holderOf(key!)).toMatchObject({ role: 'administrator' });
  });
});

describe('the audit log', () => {
  const entries = async () => (await database.prisma.auditEntry.findMany({ where: { actor: 'Mailroom' }, orderBy: { id: 'asc' } })).map(({ action, resourceType, oldValue, newValue }) => [action, resourceType, (newValue ?? oldValue) as object]);

  test('tells of each key that a start makes, takes over and forgets', async () => {
    await keys.ensureAdministrator(null);
    await keys.ensureAdministrator('given-by-environment');
    await keys.ensureAdministrator('given-by-environment');
    await keys.ensureAdministrator('changed-in-environment');
    const key = (name: string) => expect.objectContaining({ name, role: 'administrator' });
    expect(await entries()).toEqual([
      ['create', 'apiKey', key('First administrator')], ['create', 'apiKey', key('MAILROOM_ADMIN_KEY')],
      ['delete', 'apiKey', key('MAILROOM_ADMIN_KEY')], ['create', 'apiKey', key('MAILROOM_ADMIN_KEY')],
    ]);
  });

  test('processes that start at once make one first key', async () => {
    const made = await Promise.all([keys.ensureAdministrator(null), keys.ensureAdministrator(null)]);
    expect(made.filter((key) => key !== null)).toHaveLength(1);
    expect(await rows()).toHaveLength(1);
  });

  test('an administrator whose key has expired is not enough', async () => {
    await keys.ensureAdministrator(null);
    await database.prisma.apiKey.updateMany({ data: { expiresAt: new Date() } });
    expect(await keys.ensureAdministrator(null)).toMatch(/^mr_/);
  });
});

describe('with MAILROOM_ADMIN_KEY', () => {
  test('that key is an administrator, and is not told', async () => {
    expect(await keys.ensureAdministrator('given-by-environment')).toBeNull();
    expect(await keys.holderOf('given-by-environment')).toMatchObject({ name: 'MAILROOM_ADMIN_KEY', role: 'administrator' });
  });

  test('the same value keeps its id over starts, so the audit log stays readable', async () => {
    await keys.ensureAdministrator('given-by-environment');
    const before = await rows();
    await keys.ensureAdministrator('given-by-environment');
    expect(await rows()).toEqual(before);
  });

  test('another value replaces it, and touches no other key', async () => {
    const { key } = await keys.create(ACTOR, { name: 'ops', role: 'administrator' });
    await keys.ensureAdministrator('given-by-environment');
    await keys.ensureAdministrator('changed-in-environment');
    expect(await keys.holderOf('given-by-environment')).toBeNull();
    expect(await keys.holderOf('changed-in-environment')).toMatchObject({ role: 'administrator' });
    expect(await keys.holderOf(key)).toMatchObject({ name: 'ops' });
    expect((await rows()).map(({ origin }) => origin).sort()).toEqual(['api', 'environment']);
  });

  test('a value that is a key already makes that key the environment\'s, as administrator', async () => {
    const { id, key } = await keys.create(ACTOR, { name: 'reader', role: 'auditor' });
    await keys.ensureAdministrator(key);
    expect(await keys.holderOf(key)).toMatchObject({ keyId: id, role: 'administrator' });
    expect(await rows()).toEqual([expect.objectContaining({ id, origin: 'environment' })]);
  });
});
