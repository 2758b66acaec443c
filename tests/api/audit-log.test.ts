import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { AuditEntry, AuditEntryPage } from '../../src/audit-log/audit-log.contract.js';
import { AuditLogRepository } from '../../src/audit-log/audit-log.repository.js';
import { AuditLogService } from '../../src/audit-log/audit-log.service.js';
import { buildSettings } from '../factories/build-settings.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { forgetAudit } from './audit.js';
import { expectProblem } from './expect-problem.js';

const PATH = '/v1/audit-log';
const DAY_MS = 86_400_000;
let mailroom: TestMailroom;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
});
beforeEach(() => forgetAudit(mailroom));
afterAll(() => mailroom.close());

const list = async (query: Record<string, string> = {}): Promise<AuditEntry[]> => ((await mailroom.as().get(`${PATH}?${new URLSearchParams(query).toString()}`).expect(200)).body as AuditEntryPage).items;
const makeUser = async (name: string, key?: string): Promise<string> => ((await mailroom.as(key).post('/v1/users', { name, emailAddress: 'dana@example.com' }).expect(201)).body as { id: string }).id;
const sql = (text: string) => mailroom.container.database.prisma.$executeRawUnsafe(text);
/** Entries that old, as they would be when time has passed: the guard refuses to change them. */
const age = (days: number) => mailroom.container.database.prisma.$transaction([
  mailroom.container.database.prisma.$executeRaw`ALTER TABLE audit_log DISABLE TRIGGER USER`,
  mailroom.container.database.prisma.$executeRaw`UPDATE audit_log SET at = at - make_interval(days => ${days})`,
  mailroom.container.database.prisma.$executeRaw`ALTER TABLE audit_log ENABLE TRIGGER USER`,
]);

describe('an entry', () => {
  test('says who changed what, from where, in which request, and what it was and became', async () => {
    const id = await makeUser('Dana');
    const response = await mailroom.as().put(`/v1/users/${id}`, { name: 'Dana W', emailAddress: 'dana@example.com', enabled: false }).expect(200);
    const [update, create] = await list({ resourceType: 'user' });
    expect(create).toMatchObject({ action: 'create', resourceId: id, oldValue: null, newValue: { name: 'Dana', enabled: true } });
    expect(update).toEqual({
      id: expect.any(String), at: expect.stringMatching(/Z$/), actor: 'MAILROOM_ADMIN_KEY', actorKeyId: expect.any(String), remoteAddress: expect.stringMatching(/127\.0\.0\.1|::1/),
      requestId: response.headers['x-request-id'], action: 'update', resourceType: 'user', resourceId: id,
      oldValue: expect.objectContaining({ name: 'Dana', enabled: true }), newValue: expect.objectContaining({ name: 'Dana W', enabled: false }), changed: ['enabled', 'name'],
    });
  });

  test('holds no secret, only that there was one', async () => {
    const password = 'correct-horse-battery';
    await mailroom.as().put('/v1/smtp-settings', buildSettings({ authentication: { type: 'password', accountName: 'svc', password } })).expect(200);
    const entries = await list({ resourceType: 'smtpSettings' });
    expect(JSON.stringify(entries)).not.toContain(password);
    expect(entries[0]!.newValue).toMatchObject({ authentication: { hasPassword: true } });
    expect(entries[0]!.changed).toContain('authentication');
  });

  test('is not made by a request that is refused, or that changes nothing', async () => {
    await mailroom.as().post('/v1/users', { name: '', emailAddress: 'x' }).expect(400);
    await mailroom.as().get('/v1/users').expect(200);
    expect(await list()).toEqual([]);
  });
});

describe('the list', () => {
  test('is newest first, and in pages', async () => {
    for (const name of ['a', 'b', 'c']) await makeUser(name);
    const first = (await mailroom.as().get(`${PATH}?limit=2`).expect(200)).body as AuditEntryPage;
    const second = (await mailroom.as().get(`${PATH}?limit=2&cursor=${first.nextCursor}`).expect(200)).body as AuditEntryPage;
    expect([...first.items, ...second.items].map(({ newValue }) => newValue!['name'])).toEqual(['c', 'b', 'a']);
    expect(second.nextCursor).toBeNull();
  });

  test('is narrowed by type, resource, action, actor, key, request and time, alone and together', async () => {
    const { id: keyId, key } = (await mailroom.as().post('/v1/api-keys', { name: 'ops', role: 'administrator' }).expect(201)).body as { id: string; key: string };
    const user = await makeUser('by ops', key);
    await mailroom.as().delete(`/v1/users/${user}`).expect(204);
    const all = await list();
    expect(all.map(({ action, resourceType }) => `${action} ${resourceType}`)).toEqual(['delete user', 'create user', 'create apiKey']);
    const [deletion, creation, ofKey] = all as [AuditEntry, AuditEntry, AuditEntry];
    const ids = async (query: Record<string, string>) => (await list(query)).map(({ id }) => id);
    expect(await ids({ resourceType: 'user' })).toEqual([deletion.id, creation.id]);
    expect(await ids({ resourceType: 'apiKey', resourceId: keyId })).toEqual([ofKey.id]);
    expect(await ids({ action: 'delete' })).toEqual([deletion.id]);
    expect(await ids({ actor: 'ops' })).toEqual([creation.id]);
    expect(await ids({ actorKeyId: keyId, resourceType: 'apiKey' })).toEqual([]);
    expect(await ids({ actorKeyId: keyId })).toEqual([creation.id]);
    expect(await ids({ requestId: deletion.requestId! })).toEqual([deletion.id]);
    expect(await ids({ from: creation.at, until: new Date(Date.parse(deletion.at) + 1).toISOString() })).toEqual(expect.arrayContaining([deletion.id, creation.id]));
    expect(await ids({ until: ofKey.at })).toEqual([]);
  });

  test.each([['resourceType=nothing', 'VALIDATION_FAILED'], ['from=yesterday', 'VALIDATION_FAILED'], ['from=2026-02-30T00:00:00Z', 'TIME_INVALID'], ['cursor=x', 'CURSOR_INVALID'], ['action=read', 'VALIDATION_FAILED']])('%s is refused', async (query, code) => {
    expectProblem(await mailroom.as().get(`${PATH}?${query}`), 400, code);
  });
});

describe('the database', () => {
  test.each([
    ["UPDATE audit_log SET actor = 'nobody'"], ['DELETE FROM audit_log'], ['TRUNCATE audit_log'],
    ["WITH x AS (SELECT set_config('mailroom.purges_audit_log', 'yes', true)) DELETE FROM audit_log USING x"], // young entries stay, whoever says so
  ])('refuses %s to the account that Mailroom itself uses', async (statement) => {
    await makeUser('kept');
    await expect(sql(statement)).rejects.toThrow('the audit log is append-only');
    expect(await list()).toHaveLength(1);
  });

  test('refuses to change old entries too, and to delete them other than by a purge', async () => {
    await makeUser('kept');
    await age(400);
    for (const statement of ["UPDATE audit_log SET actor = 'nobody'", 'DELETE FROM audit_log', 'TRUNCATE audit_log']) await expect(sql(statement)).rejects.toThrow('append-only');
    expect(await list()).toHaveLength(1);
  });
});

describe('retention', () => {
  const repository = () => new AuditLogRepository(mailroom.container.database);

  test('keeps everything when no number of days is set', async () => {
    await makeUser('old');
    await age(4_000);
    expect(await new AuditLogService(repository(), null).purge()).toBe(true);
    expect(await list()).toHaveLength(1);
  });

  test('deletes what is older, in steps, and each step is an entry of its own', async () => {
    for (const name of ['a', 'b', 'c']) await makeUser(name);
    await age(100);
    await makeUser('young');
    expect(await repository().purge(90, 2)).toBe(2);
    expect(await new AuditLogService(repository(), 90).purge()).toBe(true);
    const entries = await list();
    expect(entries.map(({ resourceType, action, oldValue }) => [resourceType, action, (oldValue ?? {})['entries']])).toEqual([['auditLog', 'delete', 1], ['auditLog', 'delete', 2], ['user', 'create', undefined]]);
    const { from, until } = entries[1]!.oldValue as { from: string; until: string };
    expect(Date.parse(until)).toBeGreaterThanOrEqual(Date.parse(from));
    expect(Math.abs(Date.now() - 100 * DAY_MS - Date.parse(from))).toBeLessThan(DAY_MS);
    expect(entries[0]).toMatchObject({ actor: 'Mailroom', actorKeyId: null, remoteAddress: null, requestId: null });
  });

  test('never deletes what is younger than 30 days, whatever it is asked', async () => {
    await makeUser('young');
    await age(20);
    await expect(repository().purge(1, 100)).rejects.toThrow('append-only');
    expect(await list()).toHaveLength(1);
  });

  test('says nothing when there was nothing to delete', async () => {
    await makeUser('young');
    expect(await repository().purge(90, 100)).toBe(0);
    expect(await list()).toHaveLength(1);
  });
});
