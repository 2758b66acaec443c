import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import type { Actor } from '../../src/contract/actor.js';
import type { EmailStatus } from '../../src/emails/emails.contract.js';
import { EmailsRepository } from '../../src/emails/emails.repository.js';
import { EmailsService } from '../../src/emails/emails.service.js';
import { insertEmail } from '../factories/insert-email.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { auditOf } from './audit.js';
import { expectProblem } from './expect-problem.js';
import { meetAtLock } from './race.js';

const PATH = '/v1/emails';
const STATUSES: EmailStatus[] = ['queued', 'sending', 'sent', 'deferred', 'failed', 'unconfirmed', 'skipped', 'cancelled'];
const RETRYABLE: EmailStatus[] = ['failed', 'unconfirmed', 'skipped', 'cancelled'];
const CANCELLABLE: EmailStatus[] = ['queued', 'deferred', 'unconfirmed'];
const THREE_DAYS_MS = 3 * 86_400_000;

let mailroom: TestMailroom;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
});
beforeEach(async () => {
  await mailroom.container.database.prisma.email.deleteMany();
});
afterAll(async () => {
  await mailroom.close();
});

/** An e-mail as it is after some attempts. */
const used = (status: EmailStatus, overrides = {}) => insertEmail(mailroom.container.database, {
  status, reasonCode: 'OLD', reason: 'An old reason.', attemptCount: 7, tries: 7, giveUpAt: new Date('2026-01-01T00:00:00Z'), leaseId: uuidv7(), ...overrides,
});
const rowOf = (id: string) => mailroom.container.database.prisma.email.findUniqueOrThrow({ where: { id } });

describe('retry', () => {
  test.each(RETRYABLE)('a %s e-mail is queued again, with a new window of three days', async (status) => {
    const { id, messageId } = await used(status);
    const response = await mailroom.as().post(`${PATH}/${id}/retry`).expect(202);
    expect(response.body).toMatchObject({ id, status: 'queued', reason: null, attemptCount: 7, messageId, attempts: [] });
    expect(response.headers['location']).toBe(`${PATH}/${id}`);
    const row = await rowOf(id);
    expect(row).toMatchObject({ status: 'queued', tries: 0, attemptCount: 7, leaseId: null, reasonCode: null, reason: null });
    expect(Math.abs(row.giveUpAt.getTime() - Date.now() - THREE_DAYS_MS)).toBeLessThan(10_000);
    expect(Math.abs(row.nextAttemptAt!.getTime() - Date.now())).toBeLessThan(10_000);
    expect(row.nudgeAt!.getTime()).toBeGreaterThan(Date.now());
    const [entry, ...others] = await auditOf(mailroom, 'email', id);
    expect(entry).toMatchObject({ action: 'update', actor: 'MAILROOM_ADMIN_KEY', oldValue: { status }, newValue: { status: 'queued' } });
    expect(others).toEqual([]);
  });

  test.each(STATUSES.filter((status) => !RETRYABLE.includes(status)))('a %s e-mail is 409 and stays as it is', async (status) => {
    const before = await used(status);
    const { detail } = expectProblem(await mailroom.as().post(`${PATH}/${before.id}/retry`), 409, 'EMAIL_NOT_RETRYABLE');
    expect(detail).toContain(`is ${status}`);
    expect(await rowOf(before.id)).toEqual(before);
    expect(await auditOf(mailroom, 'email', before.id)).toEqual([]);
  });

  test('twice at once queues it once', async () => {
    const { id } = await used('failed');
    const retry = () => mailroom.as().post(`${PATH}/${id}/retry`);
    const answers = await meetAtLock(mailroom, 'SELECT 1 FROM emails FOR UPDATE', [retry, retry, retry]);
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409, 409]);
    expect(await auditOf(mailroom, 'email', id)).toHaveLength(1);
  });
});

describe('cancel', () => {
  test.each(CANCELLABLE)('a %s e-mail is not sent any more', async (status) => {
    const { id } = await used(status, { nextAttemptAt: new Date(), nudgeAt: new Date() });
    const { body } = await mailroom.as().post(`${PATH}/${id}/cancel`).expect(200);
    expect(body).toMatchObject({ status: 'cancelled', reason: { code: 'CANCELLED', message: 'Cancelled by MAILROOM_ADMIN_KEY.' }, nextAttemptAt: null });
    expect(await rowOf(id)).toMatchObject({ status: 'cancelled', nextAttemptAt: null, nudgeAt: null, leaseId: null });
    expect(await auditOf(mailroom, 'email', id)).toMatchObject([{ oldValue: { status }, newValue: { status: 'cancelled' } }]);
    expect((await mailroom.as().post(`${PATH}/${id}/retry`).expect(202)).body).toMatchObject({ status: 'queued' });
  });

  test.each(STATUSES.filter((status) => !CANCELLABLE.includes(status)))('a %s e-mail is 409 and stays as it is', async (status) => {
    const before = await used(status);
    expectProblem(await mailroom.as().post(`${PATH}/${before.id}/cancel`), 409, 'EMAIL_NOT_CANCELLABLE');
    expect(await rowOf(before.id)).toEqual(before);
    expect(await auditOf(mailroom, 'email', before.id)).toEqual([]);
  });
});

test.each(['retry', 'cancel'])('%s of what is not there is 404', async (verb) => {
  expectProblem(await mailroom.as().post(`${PATH}/${uuidv7()}/${verb}`), 404, 'NOT_FOUND');
});

describe('retry by filter', () => {
  const names: Record<string, string> = {};

  beforeEach(async () => {
    const shared = await used('failed', { toAddress: 'Alice@Example.com', createdAt: new Date('2026-01-01T00:00:00Z') });
    names['failed'] = shared.id;
    names['skipped'] = (await used('skipped', { eventId: shared.eventId, toAddress: 'bob@example.com', createdAt: new Date('2026-01-02T00:00:00Z') })).id;
    names['cancelled'] = (await used('cancelled', { toAddress: 'alice@example.com', createdAt: new Date('2026-01-03T00:00:00Z') })).id;
    names['unconfirmed'] = (await used('unconfirmed', { createdAt: new Date('2026-01-04T00:00:00Z') })).id;
    for (const status of ['sent', 'sending', 'deferred', 'queued'] as const) names[status] = (await used(status, { createdAt: new Date('2026-01-01T12:00:00Z') })).id;
    names['event'] = shared.eventId;
  });

  test.each<[Record<string, string>, string[]]>([
    [{ status: 'failed' }, ['failed']],
    [{ to: 'ALICE@example.com' }, ['cancelled', 'failed']],
    [{ from: '2026-01-03T00:00:00Z' }, ['cancelled', 'unconfirmed']],
    [{ until: '2026-01-03T00:00:00Z' }, ['failed', 'skipped']],
    [{ from: '2000-01-01T00:00:00Z' }, ['cancelled', 'failed', 'skipped', 'unconfirmed']],
    [{ eventId: 'event' }, ['failed', 'skipped']],
    [{ eventId: 'event', status: 'skipped' }, ['skipped']],
    [{ status: 'failed', to: 'nobody@example.com' }, []],
  ])('%j', async (filter, expected) => {
    const body = { ...filter, ...(filter['eventId'] && { eventId: names[filter['eventId']]! }) };
    const before = await mailroom.container.database.prisma.email.findMany({ where: { tries: 7 } });
    const { body: answer } = await mailroom.as().post(`${PATH}/retry`, body).expect(202);
    expect(answer).toEqual({ retried: expected.length, more: false });
    const requeued = await mailroom.container.database.prisma.email.findMany({ where: { status: 'queued', tries: 0 } });
    expect(requeued.map(({ id }) => Object.keys(names).find((name) => names[name] === id)).sort()).toEqual(expected);
    const untouched = before.filter(({ id }) => !requeued.some((row) => row.id === id));
    expect(await mailroom.container.database.prisma.email.findMany({ where: { tries: 7 } })).toEqual(expect.arrayContaining(untouched));
    for (const { nudgeAt } of requeued) expect(nudgeAt!.getTime()).toBeLessThanOrEqual(Date.now()); // the sweeper comes for them
    const newValue = { ...body, retried: expected.length, more: false };
    expect((await auditOf(mailroom, 'emails')).at(-1)).toMatchObject({ action: 'update', actor: 'MAILROOM_ADMIN_KEY', oldValue: body, newValue });
  });

  test.each<[object, string, string]>([
    [{}, 'RETRY_FILTER_EMPTY', ''],
    [{ status: 'sent' }, 'VALIDATION_FAILED', '/status'],
    [{ status: null }, 'VALIDATION_FAILED', '/status'],
    [{ eventId: 'x' }, 'VALIDATION_FAILED', '/eventId'],
    [{ from: 'yesterday' }, 'VALIDATION_FAILED', '/from'],
    [{ subject: 'x' }, 'VALIDATION_FAILED', '/subject'],
  ])('%j is refused, and nothing is queued', async (body, code, pointer) => {
    expectProblem(await mailroom.as().post(`${PATH}/retry`, body), 400, code, [{ pointer }]);
    expect(await mailroom.container.database.prisma.email.count({ where: { tries: 0 } })).toBe(0);
  });
});

describe('retry of many', () => {
  const ADMIN: Actor = { keyId: uuidv7(), name: 'an administrator', role: 'administrator', remoteAddress: null, requestId: 'r' };
  const parts = () => {
    const { database } = mailroom.container;
    const repository = new EmailsRepository(database);
    return { repository, emails: new EmailsService(database, repository, null as never, () => Promise.reject(new Error('nudged')), { step: 2, request: 4 }) };
  };
  const failed = async (count: number): Promise<string[]> => {
    const ids = [];
    for (let n = 0; n < count; n += 1) ids.push((await used('failed')).id);
    return ids;
  };
  const queued = async (): Promise<string[]> =>
    (await mailroom.container.database.prisma.email.findMany({ where: { status: 'queued' }, orderBy: { id: 'asc' } })).map(({ id }) => id);

  test('goes up to the bound of a request, oldest first, and tells that there is more', async () => {
    const ids = await failed(7);
    const { emails } = parts();
    expect(await emails.retryMany(ADMIN, { status: 'failed' })).toEqual({ retried: 4, more: true });
    expect(await queued()).toEqual(ids.slice(0, 4));
    expect(await emails.retryMany(ADMIN, { status: 'failed' })).toEqual({ retried: 3, more: false });
    expect(await queued()).toEqual(ids);
    expect((await auditOf(mailroom, 'emails')).slice(-2)).toMatchObject([{ newValue: { retried: 4, more: true } }, { newValue: { retried: 3, more: false } }]);
  });

  test('takes each once, also one that has failed again meanwhile', async () => {
    const ids = await failed(3);
    const { emails, repository } = parts();
    const next = repository.requeueNext.bind(repository);
    jest.spyOn(repository, 'requeueNext').mockImplementationOnce(async (...args) => {
      const step = await next(...args);
      await mailroom.container.database.prisma.email.update({ where: { id: ids[0]! }, data: { status: 'failed' } });
      return step;
    });
    expect(await emails.retryMany(ADMIN, { status: 'failed' })).toEqual({ retried: 3, more: false });
    expect(await queued()).toEqual(ids.slice(1));
  });

  test('that fails on the way has on record what was done', async () => {
    const ids = await failed(3);
    const { emails, repository } = parts();
    const next = repository.requeueNext.bind(repository);
    jest.spyOn(repository, 'requeueNext').mockImplementationOnce(next).mockRejectedValueOnce(new Error('the database is gone'));
    await expect(emails.retryMany(ADMIN, { status: 'failed' })).rejects.toThrow('the database is gone');
    expect(await queued()).toEqual(ids.slice(0, 2));
    expect((await auditOf(mailroom, 'emails')).at(-1)).toMatchObject({ action: 'update', newValue: { status: 'failed', retried: 2, more: true } });
  });

  test('does not wait for an e-mail that somebody else is changing', async () => {
    const ids = await failed(3);
    await mailroom.container.database.prisma.$transaction(async (tx) => {
      await tx.$executeRaw`SELECT 1 FROM emails WHERE id = ${ids[1]}::uuid FOR UPDATE`;
      expect(await parts().emails.retryMany(ADMIN, { status: 'failed' })).toEqual({ retried: 2, more: false });
    });
    expect(await queued()).toEqual([ids[0], ids[2]]);
  });

  test('12,345 in one request', async () => {
    const { eventId } = await used('sent');
    await mailroom.container.database.prisma.$executeRaw`
      INSERT INTO emails (id, event_id, event_type, publisher_key_id, to_address, to_key, match_key, message_id, status, give_up_at)
      SELECT uuid_v7(), ${eventId}::uuid, 'PasswordCheckFailed', uuid_v7(), 'a' || n || '@example.com', 'a' || n || '@example.com', 'a' || n || '@example.com', '<m>', 'skipped', now()
      FROM generate_series(1, 12345) n`;
    expect((await mailroom.as().post(`${PATH}/retry`, { eventId }).expect(202)).body).toEqual({ retried: 12_345, more: false });
    expect(await queued()).toHaveLength(12_345);
  });
});
