import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import type { Email } from '../../src/emails/emails.contract.js';
import { insertEmail } from '../factories/insert-email.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { expectProblem } from './expect-problem.js';

const PATH = '/v1/emails';

let mailroom: TestMailroom;
const ids: Record<string, string> = {};
let publisher: { id: string; key: string };
let sharedEvent: string;

/** Makes the e-mails that the filters below find, oldest first. */
beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
  const { database } = mailroom.container;
  publisher = (await mailroom.as().post('/v1/api-keys', { name: 'p', role: 'publisher' }).expect(201)).body as { id: string; key: string };
  const queued = await insertEmail(database, { toAddress: 'Alice@Example.com', createdAt: new Date('2026-01-01T00:00:00Z'), publisherKeyId: publisher.id });
  sharedEvent = queued.eventId;
  ids['queued'] = queued.id;
  ids['sent'] = (await insertEmail(database, { eventId: sharedEvent, toAddress: 'bob@example.com', status: 'sent', createdAt: new Date('2026-01-02T00:00:00Z') })).id;
  ids['failed'] = (await insertEmail(database, { toAddress: 'alice@example.com', status: 'failed', createdAt: new Date('2026-01-03T00:00:00Z') })).id;
  ids['deferred'] = (await insertEmail(database, { toAddress: 'Carol@bücher.example', status: 'deferred', createdAt: new Date('2026-01-04T00:00:00Z') })).id;
});
afterAll(async () => {
  await mailroom.close();
});

const found = async (query: string, key?: string): Promise<string[]> => {
  const { body } = await mailroom.as(key).get(`${PATH}?${query}`).expect(200);
  return (body.items as Email[]).map(({ id }) => Object.keys(ids).find((name) => ids[name] === id)!);
};

describe('filters', () => {
  test.each([
    ['', ['deferred', 'failed', 'sent', 'queued']],
    ['status=sent', ['sent']],
    ['status=cancelled', []],
    ['to=ALICE@example.COM', ['failed', 'queued']],
    ['to=alice@example.com&status=failed', ['failed']],
    [`to=${encodeURIComponent('Carol@BÜCHER.example')}`, ['deferred']],
    ['to=carol@xn--bcher-kva.example', ['deferred']],
    ['to=alice', []],
    ['to=%25', []],
    ['from=2026-01-02T00:00:00Z', ['deferred', 'failed', 'sent']],
    ['until=2026-01-02T00:00:00Z', ['queued']],
    [`from=${encodeURIComponent('2026-01-02T01:00:00+01:00')}&until=2026-01-04T00:00:00.000Z`, ['failed', 'sent']],
    ['from=2026-01-04T00:00:00Z&until=2026-01-01T00:00:00Z', []],
  ])('%s', async (query, names) => {
    expect(await found(query)).toEqual(names);
  });

  test('eventId', async () => {
    expect(await found(`eventId=${sharedEvent}`)).toEqual(['sent', 'queued']);
    expect(await found(`eventId=${sharedEvent.toUpperCase()}`)).toEqual(['sent', 'queued']);
    expect(await found(`eventId=${uuidv7()}`)).toEqual([]);
  });

  test.each([
    ['status=Sent', 'status'], ['eventId=1', 'eventId'], ['from=2026-01-02', 'from'], [`to=${'a'.repeat(321)}`, 'to'], ['subject=x', 'subject'],
  ])('%s is refused', async (query, parameter) => {
    expectProblem(await mailroom.as().get(`${PATH}?${query}`), 400, 'VALIDATION_FAILED', [{ parameter }]);
  });

  test('a time that does not exist is refused', async () => {
    expectProblem(await mailroom.as().get(`${PATH}?from=2026-13-01T00:00:00Z`), 400, 'TIME_INVALID', [{ parameter: 'from' }]);
  });

  test.each(['0000-01-01T00:00:00Z', '2026-02-30T00:00:00Z', '2026-01-01T24:00:00Z'])('%s is refused too', async (time) => {
    expectProblem(await mailroom.as().get(`${PATH}?from=${time}`), 400, 'TIME_INVALID', [{ parameter: 'from' }]);
  });
});

describe('one e-mail', () => {
  test('tells its event, its state and its attempts, oldest first', async () => {
    const { database } = mailroom.container;
    const email = await insertEmail(database, {
      toAddress: 'Dora@Example.com', status: 'sent', attemptCount: 2, sentAt: new Date('2026-01-01T00:01:00Z'), serverReply: '250 2.0.0 OK', serverQueueId: 'Q1',
    });
    const attempt = { durationMs: 12, worker: 'host:1', address: '192.0.2.25', port: 25 };
    const deferred = { outcome: 'deferred', stage: 'rcptTo', code: 'RECIPIENT_DEFERRED', reply: '450 busy', enhancedCode: '4.2.0', message: 'later', hint: 'wait' };
    const sent = { outcome: 'sent', stage: 'data', code: null, reply: '250 2.0.0 OK', enhancedCode: null, message: null, hint: null };
    await database.prisma.emailAttempt.createMany({
      data: [
        { ...attempt, ...sent, emailId: email.id, number: 2, startedAt: new Date('2026-01-01T00:01:00Z') },
        { ...attempt, ...deferred, emailId: email.id, number: 1, startedAt: new Date('2026-01-01T00:00:00Z') },
      ],
    });
    const { body, headers } = await mailroom.as().get(`${PATH}/${email.id}`).expect(200);
    expect(body).toEqual({
      id: email.id, eventId: email.eventId, eventType: 'PasswordCheckFailed', subscriptionId: null, userId: null, deliveryPolicy: 'atLeastOnce', to: 'Dora@Example.com', subject: 'Password Check Failed',
      status: 'sent', reason: null, attemptCount: 2, nextAttemptAt: null, messageId: email.messageId, warnings: [],
      createdAt: email.createdAt.toISOString(), updatedAt: email.updatedAt.toISOString(), sentAt: '2026-01-01T00:01:00.000Z',
      serverReply: '250 2.0.0 OK', serverQueueId: 'Q1',
      attempts: [
        { number: 1, startedAt: '2026-01-01T00:00:00.000Z', ...attempt, ...deferred },
        { number: 2, startedAt: '2026-01-01T00:01:00.000Z', ...attempt, ...sent },
      ],
    });
    expect(headers['etag']).toMatch(/^"[\w-]+"$/);
    await database.prisma.email.delete({ where: { id: email.id } });
  });

  test('says why it is what it is', async () => {
    const { id } = await insertEmail(mailroom.container.database, { status: 'failed', reasonCode: 'RECIPIENT_REFUSED', reason: 'No such user.' });
    const { body } = await mailroom.as().get(`${PATH}/${id}`).expect(200);
    expect(body).toMatchObject({ status: 'failed', reason: { code: 'RECIPIENT_REFUSED', message: 'No such user.' } });
    await mailroom.container.database.prisma.email.delete({ where: { id } });
  });

  test('that is not there is 404', async () => {
    expectProblem(await mailroom.as().get(`${PATH}/${uuidv7()}`), 404, 'NOT_FOUND');
  });
});

describe('a publisher', () => {
  test('sees the e-mails of its own events alone, whatever it asks for', async () => {
    expect(await found('', publisher.key)).toEqual(['sent', 'queued']);
    expect(await found('status=failed', publisher.key)).toEqual([]);
    await mailroom.as(publisher.key).get(`${PATH}/${ids['sent']}`).expect(200);
    expectProblem(await mailroom.as(publisher.key).get(`${PATH}/${ids['failed']}`), 404, 'NOT_FOUND');
    expect(await found('', await mailroom.keyOf('publisher'))).toEqual([]);
  });
});
