import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Event } from '../../src/events/events.contract.js';
import { buildEvent } from '../factories/build-event.js';
import { insertEmail } from '../factories/insert-email.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { expectProblem } from './expect-problem.js';

const PATH = '/v1/events';
const NO_EMAILS = { queued: 0, sending: 0, sent: 0, deferred: 0, failed: 0, unconfirmed: 0, skipped: 0, cancelled: 0 };

let mailroom: TestMailroom;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
});
afterAll(async () => {
  await mailroom.close();
});

const publish = async (body: object, key?: string): Promise<Event> => (await mailroom.as(key).post(PATH, body).expect(202)).body as Event;
const rowOf = (id: string) => mailroom.container.database.prisma.event.findUniqueOrThrow({ where: { id } });
const count = () => mailroom.container.database.prisma.event.count();

describe('publish', () => {
  test('answers 202 with the event, which is in the database by then', async () => {
    const response = await mailroom.as().post(PATH, buildEvent({ objectId: '42', occurredAt: '2026-03-01T10:30:00.123+01:00' })).expect(202);
    const { id, acceptedAt } = response.body as Event;
    expect(response.body).toEqual({
      id, type: 'PasswordCheckFailed', properties: { AccountName: 'svc-backup', AssetName: 'db-prod-01' }, objectId: '42', occurredAt: '2026-03-01T09:30:00.123Z',
      acceptedAt, publishedBy: 'MAILROOM_ADMIN_KEY', isTest: false, matchedAt: null, emails: NO_EMAILS,
    });
    expect(response.headers['location']).toBe(`${PATH}/${id}`);
    const stored = { type: 'PasswordCheckFailed', objectId: '42', occurredAt: new Date('2026-03-01T09:30:00.123Z') };
    expect(await rowOf(id)).toMatchObject({ ...stored, clientEnabled: false, matchedAt: null });

    const read = await mailroom.as().get(response.headers['location']!).expect(200);
    expect(read.body).toEqual(response.body);
    expect(read.headers['etag']).toBe(response.headers['etag']);
  });

  test('what is left out, or null, takes its default', async () => {
    for (const body of [{ type: 'ApplianceHealthy' }, { type: 'ApplianceHealthy', objectId: null, occurredAt: null }]) {
      const event = await publish(body);
      expect(event).toMatchObject({ properties: {}, objectId: null });
      expect(Math.abs(Date.parse(event.occurredAt) - Date.now())).toBeLessThan(5_000);
    }
  });

  test('keeps each kind of value as it is', async () => {
    const properties = { Text: '1', Empty: '', Integer: 1, Negative: -0.5, Large: 1e300, Yes: true, No: false, Nothing: null, longest: 'x'.repeat(8_192) };
    const { id } = await publish(buildEvent({ properties }));
    expect((await rowOf(id)).properties).toEqual(properties);
  });

  test('takes 100 properties with names of up to 64 characters, declared or not', async () => {
    const properties = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`N${index}_`.padEnd(64, 'x'), index]));
    expect((await publish(buildEvent({ properties }))).properties).toEqual(properties);
  });

  test('a publisher is named as such', async () => {
    const key = (await mailroom.as().post('/v1/api-keys', { name: 'access-request service', role: 'publisher' }).expect(201)).body.key as string;
    expect(await publish(buildEvent(), key)).toMatchObject({ publishedBy: 'access-request service' });
  });
});

describe('requests that come at the same time share statements, and nothing else', () => {
  test('each gets its own event under its own name, and one that is refused costs no other', async () => {
    const keys = await Promise.all(['one', 'two'].map(async (name) => (await mailroom.as().post('/v1/api-keys', { name, role: 'publisher' }).expect(201)).body.key as string));
    const responses = await Promise.all(Array.from({ length: 120 }, (_, index) => {
      const key = index % 10 === 9 ? 'unknown-key-0123456789' : keys[index % 2]!;
      const body = index % 10 === 8 ? { type: 'NoSuchType' } : buildEvent({ properties: { AccountName: `account ${index}` }, objectId: String(index) });
      return mailroom.as(key).post(PATH, body);
    }));
    responses.forEach((response, index) => {
      if (index % 10 === 9) expectProblem(response, 401, 'API_KEY_UNKNOWN');
      else if (index % 10 === 8) expectProblem(response, 400, 'EVENT_TYPE_UNKNOWN');
      else expect(response.body).toMatchObject({ objectId: String(index), properties: { AccountName: `account ${index}` }, publishedBy: ['one', 'two'][index % 2] });
    });
    const accepted = responses.filter(({ status }) => status === 202).map(({ body }) => body as Event);
    expect(accepted.length).toBe(96);
    expect(new Set(accepted.map(({ id }) => id)).size).toBe(accepted.length);
    for (const { id, objectId, publishedBy } of accepted) expect(await rowOf(id)).toMatchObject({ objectId, publishedBy });
  });
});

describe('batch', () => {
  test('answers all events in the order of the request', async () => {
    const types = ['ApplianceHealthy', 'PasswordCheckFailed', 'ApplianceHealthy'];
    const { body } = await mailroom.as().post(`${PATH}/batch`, { events: types.map((type, index) => ({ type, properties: { Index: index } })) }).expect(202);
    expect((body.items as Event[]).map(({ type, properties }) => [type, properties['Index']])).toEqual(types.map((type, index) => [type, index]));
    for (const { id } of body.items as Event[]) await rowOf(id);
  });

  test('takes 1,000 at once', async () => {
    const before = await count();
    await mailroom.as().post(`${PATH}/batch`, { events: Array.from({ length: 1_000 }, () => ({ type: 'ApplianceHealthy' })) }).expect(202);
    expect(await count()).toBe(before + 1_000);
  });

  const good = buildEvent();
  test.each<[string, object[], string, string[]]>([
    ['no events', [], 'VALIDATION_FAILED', ['/events']],
    ['1,001 events', Array<object>(1_001).fill(good), 'VALIDATION_FAILED', ['/events']],
    ['unknown types', [good, { type: 'NoSuchType' }, good, { type: 'Neither' }], 'EVENT_TYPE_UNKNOWN', ['/events/1/type', '/events/3/type']],
    ['bad properties', [good, { ...good, properties: { '1st': 'x' } }], 'EVENT_INVALID', ['/events/1/properties/1st']],
    ['a wrong type of value', [good, good, { ...good, objectId: 5 }], 'VALIDATION_FAILED', ['/events/2/objectId']],
  ])('with %s none is stored', async (_name, events, code, pointers) => {
    const before = await count();
    expectProblem(await mailroom.as().post(`${PATH}/batch`, { events }), 400, code, pointers.map((pointer) => ({ pointer })));
    expect(await count()).toBe(before);
  });
});

describe('refused, and nothing is stored', () => {
  const tooMany = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`N${index}`, index]));

  test.each<[string, object, string, string]>([
    ['an unknown type', { type: 'NoSuchType' }, 'EVENT_TYPE_UNKNOWN', '/type'],
    ['a type in another case', { type: 'passwordCheckFailed' }, 'EVENT_TYPE_UNKNOWN', '/type'],
    ['an empty type', { type: '' }, 'VALIDATION_FAILED', '/type'],
    ['a type of 101 characters', { type: 'T'.repeat(101) }, 'VALIDATION_FAILED', '/type'],
    ['101 properties', { properties: tooMany }, 'EVENT_INVALID', '/properties'],
    ['a text of 8,193 characters', { properties: { Long: 'x'.repeat(8_193) } }, 'EVENT_INVALID', '/properties/Long'],
    ['a name of 65 characters', { properties: { ['n'.repeat(65)]: 1 } }, 'EVENT_INVALID', `/properties/${'n'.repeat(65)}`],
    ['an empty name', { properties: { '': 1 } }, 'EVENT_INVALID', '/properties/'],
    ['a name that starts with a digit', { properties: { '1st': 1 } }, 'EVENT_INVALID', '/properties/1st'],
    ['a name with a dot', { properties: { 'a.b': 1 } }, 'EVENT_INVALID', '/properties/a.b'],
    ['a name with a slash and a tilde', { properties: { 'a/b~': 1 } }, 'EVENT_INVALID', '/properties/a~1b~0'],
    ['a name that is not ASCII', { properties: { Größe: 1 } }, 'EVENT_INVALID', '/properties/Größe'],
    ['an empty object id', { objectId: '' }, 'VALIDATION_FAILED', '/objectId'],
    ['an object id of 256 characters', { objectId: 'o'.repeat(256) }, 'VALIDATION_FAILED', '/objectId'],
    ['a date alone', { occurredAt: '2026-03-01' }, 'VALIDATION_FAILED', '/occurredAt'],
    ['a time without offset', { occurredAt: '2026-03-01T09:30:00' }, 'VALIDATION_FAILED', '/occurredAt'],
    ['a time in words', { occurredAt: 'yesterday' }, 'VALIDATION_FAILED', '/occurredAt'],
    ['month 13', { occurredAt: '2026-13-01T00:00:00Z' }, 'EVENT_INVALID', '/occurredAt'],
    ['30 February', { occurredAt: '2026-02-30T00:00:00Z' }, 'EVENT_INVALID', '/occurredAt'],
    ['24 hours', { occurredAt: '2026-03-01T24:00:00Z' }, 'EVENT_INVALID', '/occurredAt'],
    ['the year 0', { occurredAt: '0000-01-01T00:00:00Z' }, 'EVENT_INVALID', '/occurredAt'],
    ['a year before 1 in UTC', { occurredAt: '0001-01-01T00:00:00+01:00' }, 'EVENT_INVALID', '/occurredAt'],
    ['a year after 9999 in UTC', { occurredAt: '9999-12-31T23:59:59-01:00' }, 'EVENT_INVALID', '/occurredAt'],
  ])('%s', async (_name, overrides, code, pointer) => {
    const before = await count();
    expectProblem(await mailroom.as().post(PATH, buildEvent(overrides)), 400, code, [{ pointer }]);
    expect(await count()).toBe(before);
  });

  test.each(['1e400', '-1e400'])('the number %s, which no number can be', async (number) => {
    const before = await count();
    const json = `{"type":"PasswordCheckFailed","properties":{"Large":${number}}}`;
    expectProblem(await mailroom.as().post(PATH).set('Content-Type', 'application/json').send(json), 400, 'NUMBER_TOO_LARGE', [{ pointer: '/properties/Large' }]);
    expect(await count()).toBe(before);
  });
});

describe('what a publisher sees', () => {
  test('its own events and nothing of others; readers see everything', async () => {
    const [one, other, auditor] = [await mailroom.keyOf('publisher'), await mailroom.keyOf('publisher'), await mailroom.keyOf('auditor')];
    const [own, foreign] = [await publish(buildEvent(), one), await publish(buildEvent(), other)];
    expect((await mailroom.as(one).get(PATH).expect(200)).body).toEqual({ items: [own], nextCursor: null });
    await mailroom.as(one).get(`${PATH}/${own.id}`).expect(200);
    expectProblem(await mailroom.as(one).get(`${PATH}/${foreign.id}`), 404, 'NOT_FOUND');
    for (const key of [auditor, undefined]) {
      const { items } = (await mailroom.as(key).get(`${PATH}?limit=2`).expect(200)).body as { items: Event[] };
      expect(items.map(({ id }) => id)).toEqual([foreign.id, own.id]);
    }
  });
});

describe('read', () => {
  test('counts the e-mails of an event by their status', async () => {
    const { eventId } = await insertEmail(mailroom.container.database, { status: 'sent' });
    for (const status of ['sent', 'failed', 'deferred'] as const) await insertEmail(mailroom.container.database, { eventId, status });
    const emails = { ...NO_EMAILS, sent: 2, failed: 1, deferred: 1 };
    expect((await mailroom.as().get(`${PATH}/${eventId}`).expect(200)).body).toMatchObject({ id: eventId, emails });
    const { items } = (await mailroom.as().get(`${PATH}?limit=1`).expect(200)).body as { items: Event[] };
    expect(items[0]).toMatchObject({ id: eventId, emails });
  });

  test('only events of one type', async () => {
    const { id } = await publish({ type: 'ApplianceBackupFailed' });
    expect(((await mailroom.as().get(`${PATH}?type=ApplianceBackupFailed`).expect(200)).body as { items: Event[] }).items.map((event) => event.id)).toEqual([id]);
    expect((await mailroom.as().get(`${PATH}?type=NoSuchType`).expect(200)).body).toEqual({ items: [], nextCursor: null });
  });
});
