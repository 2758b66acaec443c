import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type supertest from 'supertest';
import { buildEvent } from '../factories/build-event.js';
import { buildSubscription } from '../factories/build-subscription.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { expectProblem } from './expect-problem.js';

let mailroom: TestMailroom;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
});
afterAll(async () => {
  await mailroom.close();
});

const post = (path: string, json: string): supertest.Test => mailroom.as().post(path).set('Content-Type', 'application/json').send(json);
const rowCount = async (): Promise<number> => (await mailroom.container.database.prisma.event.count()) + (await mailroom.container.database.prisma.subscription.count());

describe('text that Postgres and e-mail cannot carry', () => {
  test.each([
    ['NUL in a value', '/v1/events', { ...buildEvent(), objectId: 'a\0b' }, '/objectId'],
    ['NUL in a property', '/v1/events', buildEvent({ properties: { A: 'x', B: '\0' } }), '/properties/B'],
    ['NUL in a name', '/v1/events', buildEvent({ properties: { 'a\0b': 'x' } }), '/properties/a\uFFFDb'],
    ['the first half of a pair', '/v1/events', buildEvent({ properties: { A: 'x\ud83d' } }), '/properties/A'],
    ['the second half of a pair', '/v1/events', buildEvent({ properties: { A: '\ude00x' } }), '/properties/A'],
    ['halves in the wrong order', '/v1/events', buildEvent({ properties: { A: '\ude00\ud83d' } }), '/properties/A'],
    ['half a pair in a name', '/v1/events', buildEvent({ properties: { '\ud800': 'x' } }), '/properties/\uFFFD'],
    ['NUL in a list of objects', '/v1/events/batch', { events: [buildEvent(), buildEvent({ properties: { A: '\0' } })] }, '/events/1/properties/A'],
    ['NUL in a list', '/v1/subscriptions', buildSubscription({ eventTypes: ['PasswordCheckFailed', '\0'] }), '/eventTypes/1'],
    ['NUL in what is not known', '/v1/events', { ...buildEvent(), 'a/b~': ['\0'] }, '/a~1b~0/0'],
    ['NUL in a description', '/v1/subscriptions', buildSubscription({ description: '\0' }), '/description'],
  ])('%s', async (_name, path, body, pointer) => {
    const before = await rowCount();
    expectProblem(await post(path, JSON.stringify(body)), 400, 'TEXT_INVALID', [{ pointer }]);
    expect(await rowCount()).toBe(before);
  });

  test('everything else arrives as it was sent', async () => {
    const properties = {
      Emoji: '😀👩‍👩‍👧', Hebrew: 'שלום', Control: '\u0001\u001f\u007f', Bom: '\uFEFFx', Lines: 'a\r\nb\u2028c', Nonchar: '\uFFFF', Escaped: '\\u0000', Empty: '',
    };
    const { body } = await post('/v1/events', JSON.stringify(buildEvent({ properties }))).expect(202);
    const row = await mailroom.container.database.prisma.event.findUniqueOrThrow({ where: { id: body.id } });
    expect(row.properties).toEqual(properties);
    expect(body.properties).toEqual(properties);
  });

  test.each([
    '/v1/event-types/a%00b', '/v1/event-types?q=a%00', '/v1/emails?to=%00', '/v1/events?cursor=%00', '/openapi.json?%00',
  ])('NUL in the URL: %s', async (path) => {
    expectProblem(await mailroom.as().get(path), 400, 'TEXT_INVALID');
  });

  test.each([
    '/v1/event-types/%ff', '/v1/event-types?q=%ff', '/v1/event-types?q=%ED%A0%80', '/v1/event-types/%', '/v1/emails?to=%c0%80',
  ])('no UTF-8 in the URL: %s', async (path) => {
    expectProblem(await mailroom.as().get(path), 400, 'REQUEST_INVALID');
  });

  test('an escaped percent sign before 00 is no NUL', async () => {
    expectProblem(await mailroom.as().get('/v1/event-types/a%2500b'), 404, 'NOT_FOUND');
    await mailroom.as().get('/v1/event-types?q=100%').expect(200);
  });
});

describe('depth', () => {
  const nested = (levels: number): string => `{"type":"PasswordCheckFailed","properties":${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}}`;

  test('what is nested within the bound is judged by its form', async () => {
    expectProblem(await post('/v1/events', nested(18)), 400, 'VALIDATION_FAILED');
  });

  test.each([20, 1_000, 100_000])('%d levels are too deep', async (levels) => {
    const { errors } = expectProblem(await post('/v1/events', nested(levels)), 400, 'JSON_TOO_DEEP');
    expect(errors![0]!.pointer).toMatch(/^\/properties(\/a)+$/);
  });

  test('500,000 opened lists', async () => {
    expectProblem(await post('/v1/events', `${'['.repeat(500_000)}${']'.repeat(500_000)}`), 400, 'JSON_TOO_DEEP');
  });
});

describe('names that objects inherit', () => {
  const bare = '{"type":"PasswordCheckFailed"';

  test.each([
    ['__proto__ at the root', `${bare},"__proto__":{"polluted":1}}`, 'VALIDATION_FAILED', '/__proto__'],
    ['constructor at the root', `${bare},"constructor":{"prototype":{"polluted":1}}}`, 'VALIDATION_FAILED', '/constructor'],
    ['toString at the root', `${bare},"toString":1}`, 'VALIDATION_FAILED', '/toString'],
    ['__proto__ among the properties', `${bare},"properties":{"__proto__":"x"}}`, 'EVENT_INVALID', '/properties/__proto__'],
    ['an object as __proto__ of the properties', `${bare},"properties":{"__proto__":{"polluted":1}}}`, 'EVENT_INVALID', '/properties/__proto__'],
  ])('%s', async (_name, json, code, pointer) => {
    const problem = expectProblem(await post('/v1/events', json), 400, code);
    expect(problem.errors).toEqual([expect.objectContaining({ pointer })]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test('constructor, toString and hasOwnProperty are properties like others', async () => {
    const properties = { constructor: 'a', toString: 'b', hasOwnProperty: true, valueOf: 1 };
    const { body } = await post('/v1/events', JSON.stringify({ ...buildEvent(), properties })).expect(202);
    expect((await mailroom.container.database.prisma.event.findUniqueOrThrow({ where: { id: body.id } })).properties).toEqual(properties);
  });

  test.each(['constructor', '__proto__', 'hasOwnProperty'])('%s is no event type', async (type) => {
    expectProblem(await mailroom.as().post('/v1/events', { type }), 400, 'EVENT_TYPE_UNKNOWN', [{ pointer: '/type' }]);
    expectProblem(await mailroom.as().get(`/v1/event-types/${type}`), 404, 'NOT_FOUND');
    expectProblem(await mailroom.as().get(`/v1/email-templates/${type}`), 404, 'NOT_FOUND');
  });
});
