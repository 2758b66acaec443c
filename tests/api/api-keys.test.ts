import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import supertest from 'supertest';
import { readConfig } from '../../src/config.js';
import { createContainer } from '../../src/container.js';
import { createLogger } from '../../src/logger.js';
import { KeyRing } from '../../src/secrets/key-ring.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { auditOf } from './audit.js';
import { expectProblem } from './expect-problem.js';
import { waitFor } from '../setup/wait.js';
import { meetAtLock } from './race.js';

let mailroom: TestMailroom;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
});
afterAll(async () => {
  await mailroom.close();
});

const create = async (role: string, name = `a ${role}`) => (await mailroom.as().post('/v1/api-keys', { name, role }).expect(201)).body as { id: string; key: string };
const rows = () => mailroom.container.database.prisma.apiKey.findMany({ orderBy: { id: 'asc' } });

describe('create', () => {
  test('answers the key this once; the database has its hash, the audit log its name', async () => {
    const response = await mailroom.as().post('/v1/api-keys', { name: 'access-request service', role: 'publisher' }).expect(201);
    const { id, key, ...told } = response.body as { id: string; key: string };
    expect(key).toMatch(/^mr_[\w-]{43}$/);
    expect(told).toEqual({ name: 'access-request service', role: 'publisher', createdAt: expect.any(String), createdBy: 'MAILROOM_ADMIN_KEY', expiresAt: null, lastUsedAt: null });
    expect(response.headers['location']).toBe(`/v1/api-keys/${id}`);
    expect(response.headers['etag']).toMatch(/^".+"$/);

    const row = (await rows()).find((one) => one.id === id)!;
    expect(Buffer.from(row.keyHash)).toEqual(createHash('sha256').update(key).digest());
    expect(JSON.stringify(row)).not.toContain(key);
    const [entry] = await auditOf(mailroom, 'apiKey', id);
    expect(entry).toMatchObject({ action: 'create', actor: 'MAILROOM_ADMIN_KEY', oldValue: null, newValue: { name: 'access-request service', role: 'publisher' } });
    expect(entry!.requestId).toBe(response.headers['x-request-id']);
    expect(entry!.remoteAddress).toMatch(/127\.0\.0\.1|::1/);

    for (const path of ['/v1/api-keys', `/v1/api-keys/${id}`]) {
      const { text } = await mailroom.as().get(path).expect(200);
      expect(text).toContain(id);
      expect(text).not.toContain(key);
      expect(text).not.toMatch(/hash/i);
    }
  });

  test('the key works at once, with its role', async () => {
    const { id, key } = await create('auditor');
    expect((await mailroom.as(key).get(`/v1/api-keys/${id}`).expect(200)).body).toMatchObject({ id, role: 'auditor' });
    await mailroom.as(key).post('/v1/api-keys', { name: 'x', role: 'administrator' }).expect(403);
  });

  test('no two keys are alike, also of one name', async () => {
    const made = [await create('publisher', 'same'), await create('publisher', 'same')];
    expect(new Set(made.map(({ key }) => key)).size).toBe(2);
  });

  test.each([
    ['no name', { role: 'auditor' }, '/name'],
    ['an empty name', { name: '', role: 'auditor' }, '/name'],
    ['a name of 101 characters', { name: 'n'.repeat(101), role: 'auditor' }, '/name'],
    ['no role', { name: 'x' }, '/role'],
    ['another role', { name: 'x', role: 'root' }, '/role'],
    ['a key of one\'s own', { name: 'x', role: 'auditor', key: 'chosen-by-me' }, '/key'],
    ['an id of one\'s own', { name: 'x', role: 'auditor', id: '01900000-0000-7000-8000-000000000000' }, '/id'],
  ])('%s is refused', async (_name, body, pointer) => {
    const before = await rows();
    expectProblem(await mailroom.as().post('/v1/api-keys', body), 400, 'VALIDATION_FAILED', [{ pointer }]);
    expect(await rows()).toEqual(before);
  });
});

describe('expiry and last use', () => {
  const rowOf = (id: string) => mailroom.container.database.prisma.apiKey.findUniqueOrThrow({ where: { id } });

  test('a key is good until it expires, and is refused from then on', async () => {
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const { body } = await mailroom.as().post('/v1/api-keys', { name: 'guest', role: 'auditor', expiresAt }).expect(201);
    expect(body).toMatchObject({ expiresAt });
    await mailroom.as(body.key).get('/v1/events').expect(200);
    await mailroom.container.database.prisma.apiKey.update({ where: { id: body.id }, data: { expiresAt: new Date() } });
    expectProblem(await mailroom.as(body.key).get('/v1/events'), 401, 'API_KEY_EXPIRED');
    expect((await auditOf(mailroom, 'apiKey', body.id))[0]!.newValue).toMatchObject({ expiresAt });
  });

  test.each([
    ['the past', new Date(Date.now() - 1_000).toISOString(), 'EXPIRY_PAST'],
    ['no time that exists', '2027-02-30T00:00:00Z', 'TIME_INVALID'],
    ['no time', 'tomorrow', 'VALIDATION_FAILED'],
  ])('%s is refused as expiry', async (_name, expiresAt, code) => {
    const before = await rows();
    expectProblem(await mailroom.as().post('/v1/api-keys', { name: 'guest', role: 'auditor', expiresAt }), 400, code, [{ pointer: '/expiresAt' }]);
    expect(await rows()).toEqual(before);
  });

  test('an administrator whose key has expired does not count: the last one that has not stays', async () => {
    const expired = await create('administrator', 'expired');
    await mailroom.container.database.prisma.apiKey.update({ where: { id: expired.id }, data: { expiresAt: new Date() } });
    const others = (await rows()).filter(({ role, id, origin }) => role === 'administrator' && id !== expired.id && origin !== 'environment');
    for (const { id } of others) await mailroom.as().delete(`/v1/api-keys/${id}`).expect(204);
    const { id: last } = (await rows()).find(({ origin }) => origin === 'environment')!;
    await mailroom.container.database.prisma.apiKey.update({ where: { id: last }, data: { origin: 'api' } });
    expectProblem(await mailroom.as().delete(`/v1/api-keys/${last}`), 409, 'LAST_ADMINISTRATOR_KEY');
    await mailroom.as().delete(`/v1/api-keys/${expired.id}`).expect(204);
    await mailroom.container.database.prisma.apiKey.update({ where: { id: last }, data: { origin: 'environment' } });
  });

  test('when it was used last is written some seconds later, and makes no copy of the key stale', async () => {
    const { id, key } = await create('publisher', 'busy');
    const { etag } = (await mailroom.as().get(`/v1/api-keys/${id}`).expect(200)).headers;
    expect((await rowOf(id)).lastUsedAt).toBeNull();
    const before = Date.now();
    await Promise.all(Array.from({ length: 20 }, () => mailroom.as(key).get('/v1/events').expect(200)));
    const { lastUsedAt } = await waitFor(() => rowOf(id), (row) => row.lastUsedAt !== null);
    expect(lastUsedAt!.getTime()).toBeGreaterThanOrEqual(before);
    const { body, headers } = await mailroom.as().get(`/v1/api-keys/${id}`).expect(200);
    expect(body).toMatchObject({ lastUsedAt: lastUsedAt!.toISOString() });
    expect(headers['etag']).not.toBe(etag);
    await mailroom.as().delete(`/v1/api-keys/${id}`).set('If-Match', etag!).expect(204);
  });
});

describe('delete', () => {
  test('is known at once to every process', async () => {
    const config = readConfig({ DATABASE_URL: mailroom.databaseUrl, MAILROOM_SECRET_KEY: 'test-secret-key-of-32-characters', MAILROOM_LOG_LEVEL: 'silent', MAILROOM_ROLE: 'api' }, false);
    const other = await createContainer({ config, databaseUrl: mailroom.databaseUrl, keys: new KeyRing(['test-secret-key-of-32-characters']), logger: createLogger({ level: 'silent', format: 'json' }) });
    try {
      const { id, key } = await create('publisher', 'used everywhere');
      const askOther = () => supertest(other.app).get('/v1/events').set('Authorization', `Bearer ${key}`);
      await askOther().expect(200);
      await mailroom.as().delete(`/v1/api-keys/${id}`).expect(204);
      expectProblem(await askOther(), 401, 'API_KEY_UNKNOWN');
    } finally {
      await other.close(0);
    }
  });

  test('refuses the key from its next request on', async () => {
    const { id, key } = await create('publisher', 'short-lived');
    await mailroom.as(key).get('/v1/events').expect(200);
    expect((await mailroom.as().delete(`/v1/api-keys/${id}`).expect(204)).text).toBe('');
    expectProblem(await mailroom.as(key).get('/v1/events'), 401, 'API_KEY_UNKNOWN');
    expectProblem(await mailroom.as().get(`/v1/api-keys/${id}`), 404, 'NOT_FOUND');
    expect((await auditOf(mailroom, 'apiKey', id)).at(-1)).toMatchObject({ action: 'delete', oldValue: { name: 'short-lived', role: 'publisher' }, newValue: null });
  });

  test('twice is 404', async () => {
    const { id } = await create('auditor');
    await mailroom.as().delete(`/v1/api-keys/${id}`).expect(204);
    expectProblem(await mailroom.as().delete(`/v1/api-keys/${id}`), 404, 'NOT_FOUND');
  });

  test.each([['another ETag', '"another"'], ['a weak one', 'W/TAG'], ['none', '']])('with %s in If-Match is 412, and the key still works', async (_name, given) => {
    const { id, key } = await create('publisher');
    const etag = (await mailroom.as().get(`/v1/api-keys/${id}`)).headers['etag']!;
    const { errors } = expectProblem(await mailroom.as().delete(`/v1/api-keys/${id}`).set('If-Match', given.replace('TAG', etag)), 412, 'PRECONDITION_FAILED');
    expect(errors).toEqual([{ parameter: 'If-Match', message: expect.stringContaining('at "1"') }]);
    await mailroom.as(key).get('/v1/events').expect(200);
    expect((await auditOf(mailroom, 'apiKey', id)).map(({ action }) => action)).toEqual(['create']);
  });

  test.each([['that a read gave', 'TAG'], ['among others', '"another", TAG'], ['that matches all', '*']])('with an ETag %s in If-Match', async (_name, given) => {
    const { id } = await create('publisher');
    const etag = (await mailroom.as().get(`/v1/api-keys/${id}`)).headers['etag']!;
    await mailroom.as().delete(`/v1/api-keys/${id}`).set('If-Match', given.replace('TAG', etag)).expect(204);
  });

  test('with the ETag that its creation gave', async () => {
    const { body, headers } = await mailroom.as().post('/v1/api-keys', { name: 'fresh', role: 'publisher' }).expect(201);
    await mailroom.as().delete(`/v1/api-keys/${(body as { id: string }).id}`).set('If-Match', headers['etag']!).expect(204);
  });

  test('twice at once is once 204 and once 404', async () => {
    const { id } = await create('auditor');
    const send = () => mailroom.as().delete(`/v1/api-keys/${id}`);
    const answers = await meetAtLock(mailroom, `SELECT 1 FROM api_keys WHERE id = '${id}' FOR UPDATE`, [send, send]);
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 404]);
  });

  test('of the key that the environment gives is 409', async () => {
    const { id } = (await rows()).find(({ origin }) => origin === 'environment')!;
    expectProblem(await mailroom.as().delete(`/v1/api-keys/${id}`), 409, 'API_KEY_FROM_ENVIRONMENT');
    await mailroom.as().get('/v1/events').expect(200);
    expect((await auditOf(mailroom, 'apiKey', id)).map(({ action }) => action)).toEqual(['create']);
  });
});

describe('the last administrator', () => {
  /** Leaves these keys as the only administrators. */
  async function leaveOnly(ids: string[]): Promise<void> {
    await mailroom.container.database.prisma.apiKey.deleteMany({ where: { role: 'administrator', id: { notIn: ids } } });
  }

  test('cannot be deleted, by itself neither; of two at once one stays', async () => {
    const [one, other] = [await create('administrator'), await create('administrator')];
    await leaveOnly([one.id, other.id]);
    try {
      const answers = await meetAtLock(mailroom, 'SELECT 1 FROM api_keys ORDER BY id FOR UPDATE', [
        () => mailroom.as(one.key).delete(`/v1/api-keys/${other.id}`),
        () => mailroom.as(other.key).delete(`/v1/api-keys/${one.id}`),
      ]);
      expect(answers.map(({ status }) => status).sort()).toEqual([204, 409]);
      const [left] = (await rows()).filter(({ role }) => role === 'administrator');
      const last = [one, other].find(({ id }) => id === left!.id)!;
      expectProblem(await mailroom.as(last.key).delete(`/v1/api-keys/${last.id}`), 409, 'LAST_ADMINISTRATOR_KEY');
      const { body: reader } = await mailroom.as(last.key).post('/v1/api-keys', { name: 'r', role: 'auditor' }).expect(201);
      await mailroom.as(last.key).delete(`/v1/api-keys/${(reader as { id: string }).id}`).expect(204);
    } finally {
      await mailroom.container.apiKeys.ensureAdministrator('test-administrator-key');
    }
  });
});
