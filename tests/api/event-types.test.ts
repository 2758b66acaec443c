import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { simpleParser } from 'mailparser';
import { builtInEventTypes, commonProperties } from '../../src/event-types/catalogue.js';
import type { EventPropertyWrite, EventTypeResource } from '../../src/event-types/event-types.contract.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { type SmtpSink, startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';
import { auditOf } from './audit.js';
import { expectProblem } from './expect-problem.js';
import { meetAtLock } from './race.js';

const PATH = '/v1/event-types';
const ONE_CHANGE_AT_A_TIME = `SELECT pg_advisory_xact_lock(hashtextextended('event-types', 5))`;
const INVOICE = {
  displayName: 'Invoice Was Paid', category: 'Billing', level: 'warning', description: 'A customer has paid.',
  properties: [{ name: 'InvoiceNumber', type: 'string', description: 'Its number.', required: true }, { name: 'Amount', type: 'number', description: '', required: false }],
};
const property = (name: string, type = 'string'): EventPropertyWrite => ({ name, type: type as 'string' });
const many = (count: number) => Array.from({ length: count }, (_, n) => property(`P${n}`));

let mailroom: TestMailroom;
let sink: SmtpSink | undefined;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
});
beforeEach(async () => {
  await mailroom.container.database.prisma.$executeRaw`TRUNCATE event_types, delivery_policies`;
});
afterAll(async () => {
  await mailroom.close();
  await sink?.close();
});

const put = (name: string, write: object = INVOICE, key?: string) => mailroom.as(key).put(`${PATH}/${encodeURIComponent(name)}`, write);
const make = async (name: string, write: object = INVOICE, key?: string) => (await put(name, write, key).expect(201)).body as EventTypeResource;
const rows = () => mailroom.container.database.prisma.eventType.findMany({ orderBy: { name: 'asc' } });
const state = async () => [await rows(), await mailroom.container.database.prisma.deliveryPolicy.findMany(), await auditOf(mailroom, 'eventType')];

describe('PUT', () => {
  test('makes the type the first time, and replaces it the next', async () => {
    const made = await put('InvoicePaid').expect(201);
    const { updatedAt } = made.body as EventTypeResource;
    const definition = { ...INVOICE, deliveryPolicy: 'atLeastOnce', properties: [...commonProperties, ...INVOICE.properties] };
    expect(made.body).toEqual({ kind: 'eventType', ...definition, name: 'InvoicePaid', builtIn: false, updatedAt, updatedBy: 'MAILROOM_ADMIN_KEY' });
    expect(made.headers['location']).toBe(`${PATH}/InvoicePaid`);
    const read = await mailroom.as().get(`${PATH}/InvoicePaid`).expect(200);
    expect(read.body).toEqual(made.body);
    expect(read.headers['etag']).toBe(made.headers['etag']);

    const replaced = await put('InvoicePaid', { category: 'Money' }).set('If-Match', made.headers['etag']!).expect(200);
    expect(replaced.body).toMatchObject({ displayName: 'Invoice Paid', category: 'Money', description: '', level: 'info', properties: commonProperties });
    expect(replaced.headers['etag']).not.toBe(made.headers['etag']);
    expect(replaced.headers['location']).toBeUndefined();
    expect(await rows()).toEqual([expect.objectContaining({ name: 'InvoicePaid', nameKey: 'invoicepaid', category: 'Money', properties: [] })]);
    expect(await auditOf(mailroom, 'eventType', 'InvoicePaid')).toMatchObject([
      { action: 'create', actor: 'MAILROOM_ADMIN_KEY', oldValue: null, newValue: definition },
      { action: 'update', oldValue: definition, newValue: { category: 'Money', displayName: 'Invoice Paid', properties: commonProperties } },
    ]);
  });

  test.each([
    ['InvoicePaid', 'Invoice Paid', 'info'], ['LedgerSyncFailed', 'Ledger Sync Failed', 'error'], ['QuotaWarning', 'Quota Warning', 'warning'],
    ['SshKeyLost', 'SSH Key Lost', 'warning'], ['billing.invoice-paid_2', 'billing invoice paid 2', 'info'], ['x', 'x', 'info'], ['constructor', 'constructor', 'info'],
  ])('what is left out of %s is told from its name', async (name, displayName, level) => {
    const common = commonProperties.map((one) => ({ ...one, required: false }));
    expect(await make(name, {})).toMatchObject({ name, displayName, level, category: 'Custom', description: '', properties: common });
  });

  test.each<[string, string, object]>([
    ['with nothing said', 'InvoicePaid', {}], ['in full', 'InvoicePaid', { ...INVOICE, deliveryPolicy: 'atMostOnce' }],
    ['with a property of every event that it requires', 'InvoicePaid', { properties: [{ ...property('EventUserName'), required: true }] }],
    ['with 100 properties', 'InvoicePaid', { properties: many(100) }], ['with a name of 100 characters', 'Ab'.repeat(50), {}],
  ])('a type %s can be sent back as it was read, and nothing changes', async (_kind, name, write) => {
    await make(name, write);
    const before = await state();
    const read = await mailroom.as().get(`${PATH}/${name}`).expect(200);
    const again = await put(name, read.body as object);
    expect({ status: again.status, detail: again.body.detail as unknown }).toEqual({ status: 200, detail: undefined });
    expect(again.body).toEqual(read.body);
    expect(again.headers['etag']).toBe(read.headers['etag']);
    expect(await state()).toEqual(before);
  });

  test('each built-in type can be sent back as it was listed, and stays built in', async () => {
    const before = await state();
    const listed = [];
    for (let next: string | null = ''; next !== null;) {
      const { body } = await mailroom.as().get(`${PATH}?builtIn=true&limit=200${next && `&cursor=${next}`}`).expect(200);
      listed.push(...(body.items as EventTypeResource[]));
      next = body.nextCursor as string | null;
    }
    expect(listed).toHaveLength(builtInEventTypes.size);
    for (const type of listed) expect(await put(type.name, type)).toMatchObject({ status: 200, body: type });
    const { body, headers } = await mailroom.as().get(`${PATH}/PasswordCheckFailed`).expect(200);
    expect((await put('PasswordCheckFailed', body as object).set('If-Match', headers['etag']!).expect(200)).headers['etag']).toBe(headers['etag']);
    expectProblem(await put('PasswordCheckFailed', body as object).set('If-Match', '"x"'), 412, 'PRECONDITION_FAILED');
    expect(await state()).toEqual(before);
  }, 60_000);

  test('the same definition again, however it is written and whoever sends it, changes nothing', async () => {
    await make('InvoicePaid');
    const before = await state();
    const [number, amount] = INVOICE.properties;
    const other = { ...INVOICE, displayName: ' Invoice Was Paid ', properties: [{ name: 'Amount', type: 'number' }, commonProperties[0], number], updatedBy: 'x', builtIn: true, name: 'x' };
    expect(amount).toMatchObject(other.properties[0]!);
    await put('InvoicePaid', other).expect(200);
    await put('InvoicePaid', INVOICE, await mailroom.keyOf('publisher')).expect(200);
    expect(await state()).toEqual(before);
  });

  test('of several processes that send one definition at once one makes the type, and the others change nothing', async () => {
    const before = (await auditOf(mailroom, 'eventType')).length;
    const answers = await meetAtLock(mailroom, ONE_CHANGE_AT_A_TIME, [1, 2, 3].map(() => () => put('InvoicePaid')));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 201]);
    expect(new Set(answers.map(({ headers }) => headers['etag'])).size).toBe(1);
    expect((await auditOf(mailroom, 'eventType')).slice(before).map(({ action }) => action)).toEqual(['create']);
  });
});

test('the delivery policy can be changed, also of a built-in type, and nothing else of it is', async () => {
  const { body: before } = await mailroom.as().get(`${PATH}/PasswordCheckFailed`).expect(200);
  const changed = await put('PasswordCheckFailed', { deliveryPolicy: 'atMostOnce' }).expect(200);
  expect(changed.body).toEqual({ ...before, deliveryPolicy: 'atMostOnce', updatedAt: expect.any(String), updatedBy: 'MAILROOM_ADMIN_KEY' });
  const { body, headers } = await mailroom.as().get(`${PATH}/PasswordCheckFailed`).expect(200);
  expect([body, headers['etag']]).toEqual([changed.body, changed.headers['etag']]);
  expect((await put('PasswordCheckFailed', before as object).set('If-Match', headers['etag']!).expect(200)).body).toMatchObject({ deliveryPolicy: 'atLeastOnce', builtIn: true });
  expect((await auditOf(mailroom, 'eventType', 'PasswordCheckFailed')).map(({ action, oldValue, newValue }) => [action, oldValue, newValue])).toMatchObject([
    ['update', { deliveryPolicy: 'atLeastOnce' }, { deliveryPolicy: 'atMostOnce' }], ['update', { deliveryPolicy: 'atMostOnce' }, { deliveryPolicy: 'atLeastOnce' }],
  ]);
  expectProblem(await put('PasswordCheckFailed', { deliveryPolicy: 'atMostOnce' }, await mailroom.keyOf('publisher')), 403, 'EVENT_TYPE_NOT_OWN');
  expect(await make('InvoicePaid', { deliveryPolicy: 'atMostOnce' })).toMatchObject({ deliveryPolicy: 'atMostOnce' });
  expect((await put('InvoicePaid', {}).expect(200)).body).toMatchObject({ deliveryPolicy: 'atLeastOnce' });
});

describe('the properties', () => {
  test('of every event come first, in their order, also those that are described anew; then those of the type in theirs', async () => {
    const appliance = { name: 'ApplianceId', type: 'string', description: 'Which till.', required: true };
    const { properties } = await make('SaleMade', { properties: [property('Zeta'), appliance, property('Alpha')] });
    expect(properties.map(({ name }) => name)).toEqual([...commonProperties.map(({ name }) => name), 'Zeta', 'Alpha']);
    expect(properties[4]).toEqual(appliance);
    expect((await rows())[0]!.properties).toHaveLength(3);
  });

  const NAMED = 'EVENT_PROPERTIES_INVALID';
  test.each<[string, object[], string[]]>([
    ...['EventName', 'EventDisplayName', 'EventDescription', 'EventTimestamp'].map((name, index): [string, object[], string[]] =>
      [`${name}, which Mailroom fills in, described anew`, [{ ...commonProperties[index], description: 'Mine.' }], ['/properties/0/name']]),
    ['EventName, required', [{ ...commonProperties[0], required: true }], ['/properties/0/name']],
    ['one of every event with another type', [property('Mine'), property('ApplianceId', 'integer'), property('AuditLogUri', 'string')], ['/properties/1/name', '/properties/2/name']],
    ['one twice', [property('A'), property('B'), property('A', 'number'), property('A')], ['/properties/2/name', '/properties/3/name']],
    ['one of every event twice', [commonProperties[4]!, commonProperties[4]!], ['/properties/1/name']],
  ])('refused: %s', async (_name, properties, pointers) => {
    const before = await state();
    expectProblem(await put('InvoicePaid', { properties }), 400, NAMED, pointers.map((pointer) => ({ pointer })));
    expect(await state()).toEqual(before);
  });

  test('whose names mean something else in the language of templates are refused, for no macro could show them', async () => {
    const statuses: Record<string, number> = {};
    for (const name of ['or', 'and', 'not', 'contains', 'true', 'false', 'nil', 'null', 'empty', 'blank']) statuses[name] = (await put('InvoicePaid', { properties: [property(name)] })).status;
    expect(Object.entries(statuses).filter(([, status]) => status !== 400)).toEqual([]);
    await make('InvoicePaid', { properties: ['if', 'in', 'size', 'first', 'forloop', 'constructor'].map((name) => property(name)) });
  });
});

describe('refused, and nothing is stored', () => {
  const SHAPE = 'VALIDATION_FAILED';
  const LINE = 'EVENT_TYPE_INVALID';
  const PROPERTIES = 'EVENT_PROPERTIES_INVALID';
  const own = (overrides: object): object => ({ properties: [property('Fine'), { ...property('X'), ...overrides }] });

  test.each<[string, object, string, string]>([
    ['an unknown type', own({ type: 'decimal' }), SHAPE, '/properties/1/type'], ['no type', own({ type: undefined }), SHAPE, '/properties/1/type'],
    ['no name of a property', own({ name: undefined }), SHAPE, '/properties/1/name'], ['a property with a digit first', own({ name: '1x' }), SHAPE, '/properties/1/name'],
    ['a property with a hyphen', own({ name: 'a-b' }), SHAPE, '/properties/1/name'], ['a property of 65 characters', own({ name: 'a'.repeat(65) }), SHAPE, '/properties/1/name'],
    ['a description of a property of 501 characters', own({ description: 'd'.repeat(501) }), SHAPE, '/properties/1/description'],
    ['required as text', own({ required: 'yes' }), SHAPE, '/properties/1/required'], ['a misspelt field of a property', own({ requird: true }), SHAPE, '/properties/1/requird'],
    ['111 properties', { properties: many(111) }, SHAPE, '/properties'], ['101 of its own', { properties: many(101) }, PROPERTIES, '/properties'],
    ['properties that are too long together', { properties: many(100).map((one) => ({ ...one, description: 'd'.repeat(400) })) }, PROPERTIES, '/properties'],
    ['a description of a property of two lines', own({ description: 'a\nb' }), PROPERTIES, '/properties/1/name'], ['an unknown delivery policy', { deliveryPolicy: 'never' }, SHAPE, '/deliveryPolicy'],
    ['properties by name', { properties: { A: 'string' } }, SHAPE, '/properties'],
    ['a property that is a name', { properties: ['A'] }, SHAPE, '/properties/0'], ['an unknown level', { level: 'fatal' }, SHAPE, '/level'],
    ['an empty display name', { displayName: '' }, SHAPE, '/displayName'], ['a display name of 101 characters', { displayName: 'd'.repeat(101) }, SHAPE, '/displayName'],
    ['a display name that is null', { displayName: null }, SHAPE, '/displayName'], ['an empty category', { category: '' }, SHAPE, '/category'],
    ['a description of 1,001 characters', { description: 'd'.repeat(1_001) }, SHAPE, '/description'], ['a misspelt field', { propertys: [] }, SHAPE, '/propertys'],
    ['a display name of two lines', { displayName: 'a\r\nBcc: b' }, LINE, '/displayName'], ['a display name with a line separator', { displayName: 'a\u2028b' }, LINE, '/displayName'],
    ['a display name with an escape', { displayName: 'a\u001b[31m' }, LINE, '/displayName'], ['a blank display name', { displayName: ' \u00a0' }, LINE, '/displayName'],
    ['a category with a tab', { category: 'a\tb' }, LINE, '/category'], ['a description of two lines', { description: 'a\nb' }, LINE, '/description'],
    ['a display name that turns the direction', { displayName: 'a\u202eb' }, LINE, '/displayName'],
  ])('%s', async (_name, write, code, pointer) => {
    await make('T');
    const before = await state();
    for (const name of ['T', 'New']) expectProblem(await put(name, write), 400, code, [{ pointer }]);
    expect(await state()).toEqual(before);
  });

  test.each(['1st', '_x', '-x', '.x', 'a b', 'a/b', 'naïve', 'a'.repeat(101), 'x\n', '<x>'])('the name %j', async (name) => {
    const before = await state();
    expectProblem(await put(name), 400, 'EVENT_TYPE_NAME_INVALID', [{ parameter: 'name' }]);
    expect(await state()).toEqual(before);
  });

  test('a built-in type is neither changed nor deleted', async () => {
    const before = await state();
    const { detail } = expectProblem(await put('PasswordCheckFailed'), 409, 'EVENT_TYPE_BUILT_IN');
    expect(detail).toContain('/v1/email-templates/PasswordCheckFailed');
    for (const write of [{ level: 'info' }, { properties: [] }, { displayName: 'x', deliveryPolicy: 'atMostOnce' }]) expectProblem(await put('PasswordCheckFailed', write), 409, 'EVENT_TYPE_BUILT_IN');
    expectProblem(await mailroom.as().delete(`${PATH}/PasswordCheckFailed`), 409, 'EVENT_TYPE_BUILT_IN');
    expect(await state()).toEqual(before);
  });

  test.each(['passwordcheckfailed', 'INVOICEPAID'])('%s, which differs from another name in case only', async (name) => {
    await make('InvoicePaid');
    const before = await state();
    expectProblem(await put(name), 409, 'EVENT_TYPE_NAME_TAKEN');
    expectProblem(await mailroom.as().get(`${PATH}/${name}`), 404, 'NOT_FOUND');
    expectProblem(await mailroom.as().delete(`${PATH}/${name}`), 404, 'NOT_FOUND');
    expect(await state()).toEqual(before);
  });

  test('one of two names at once that differ in case only', async () => {
    const answers = await meetAtLock(mailroom, ONE_CHANGE_AT_A_TIME, [() => put('InvoicePaid'), () => put('invoicePaid')]);
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
    expect(await rows()).toHaveLength(1);
  });

  test('the 1,001st, while the others can be replaced', async () => {
    await mailroom.container.database.prisma.$executeRaw`
      INSERT INTO event_types (name, name_key, category, display_name, description, level, properties, owner_key_id, owner_name, updated_by)
      SELECT 'N' || n, 'n' || n, 'Custom', 'N', '', 'info', '[]', gen_random_uuid(), 'test', 'test' FROM generate_series(1, 1000) n`;
    const before = await state();
    expectProblem(await put('OneMore'), 409, 'EVENT_TYPE_LIMIT');
    expect(await state()).toEqual(before);
    await put('N1000').expect(200);
    await mailroom.as().delete(`${PATH}/N7`).expect(204);
    await make('OneMore');
  });

  test('what is sent for a copy that is stale, or for a type that is not there', async () => {
    const stale = (await put('InvoicePaid')).headers['etag']!;
    const { etag } = (await put('InvoicePaid', {}).expect(200)).headers;
    const before = await state();
    for (const write of [INVOICE, {}]) expectProblem(await put('InvoicePaid', write).set('If-Match', stale), 412, 'PRECONDITION_FAILED', [{ parameter: 'If-Match' }]);
    expectProblem(await mailroom.as().delete(`${PATH}/InvoicePaid`).set('If-Match', stale), 412, 'PRECONDITION_FAILED');
    for (const tag of [stale, '*']) expectProblem(await put('NotThere').set('If-Match', tag), 412, 'PRECONDITION_FAILED', [{ parameter: 'If-Match' }]);
    expect(await state()).toEqual(before);
    await put('InvoicePaid', {}).set('If-Match', etag!).expect(200);
    await put('InvoicePaid', { level: 'error' }).set('If-Match', '*').expect(200);
  });
});

describe('the list', () => {
  beforeEach(async () => {
    await make('AAA', { category: 'Billing', description: 'Zebras 100%.' });
    await make('PasswordCheckFailed.mine', { category: 'PasswordManagement' });
    await make('zzz', { displayName: 'The Last One' });
  });

  test('has built-in types and others in the order of their names, in pages', async () => {
    const names: string[] = [];
    for (let next: string | null = ''; next !== null;) {
      const { body } = await mailroom.as().get(`${PATH}?limit=200${next && `&cursor=${next}`}`).expect(200);
      names.push(...(body.items as EventTypeResource[]).map(({ name }) => name));
      next = body.nextCursor as string | null;
    }
    expect(names).toEqual([...builtInEventTypes.keys(), 'AAA', 'PasswordCheckFailed.mine', 'zzz'].sort());
  });

  test.each([
    ['builtIn=false', ['AAA', 'PasswordCheckFailed.mine', 'zzz']], ['builtIn=false&limit=1', ['AAA']], ['q=ZEBRAS', ['AAA']], ['q=100%25', ['AAA']], ['q=the%20last', ['zzz']],
    ['q=passwordcheckfailed', ['PasswordCheckFailed', 'PasswordCheckFailed.mine']], ['q=passwordcheckfailed&builtIn=true', ['PasswordCheckFailed']],
    ['category=Billing', ['AAA']], ['category=billing', []], ['category=PasswordManagement&builtIn=false', ['PasswordCheckFailed.mine']], ['category=Custom', ['zzz']],
  ])('%s', async (query, names) => {
    const { body } = await mailroom.as(await mailroom.keyOf('publisher')).get(`${PATH}?${query}`).expect(200);
    expect((body.items as EventTypeResource[]).map(({ name }) => name)).toEqual(names);
  });

  test.each([['builtIn=maybe', 'builtIn'], [`q=${'q'.repeat(101)}`, 'q'], ['sort=name', 'sort']])('%s is refused', async (query, parameter) => {
    expectProblem(await mailroom.as().get(`${PATH}?${query}`), 400, 'VALIDATION_FAILED', [{ parameter }]);
  });
});

describe('a publisher', () => {
  const keyNamed = async (name: string) => (await mailroom.as().post('/v1/api-keys', { name, role: 'publisher' }).expect(201)).body as { id: string; key: string };

  test('adds types and changes its own, also after an administrator did, and no one else\'s', async () => {
    const [billing, other] = [await keyNamed('billing'), await keyNamed('other')];
    expect((await put('InvoicePaid', INVOICE, billing.key).expect(201)).body).toMatchObject({ updatedBy: 'billing' });
    await put('InvoicePaid', { level: 'error' }).expect(200);
    await put('InvoicePaid', { level: 'info' }, billing.key).expect(200);
    const before = await state();
    for (const write of [INVOICE, { level: 'info', deliveryPolicy: 'atMostOnce' }]) expectProblem(await put('InvoicePaid', write, other.key), 403, 'EVENT_TYPE_NOT_OWN');
    expect(await state()).toEqual(before);
  });

  test.each([['changes', {}], ['sends again', INVOICE]])('with a new key of the same name %s the types of the old one, once that is gone; no other does', async (_what, write) => {
    const old = await keyNamed('billing');
    await make('InvoicePaid', INVOICE, old.key);
    const [next, late, other] = [await keyNamed('billing'), await keyNamed('billing'), await keyNamed('other')];
    expectProblem(await put('InvoicePaid', {}, next.key), 403, 'EVENT_TYPE_NOT_OWN');
    await mailroom.as().delete(`/v1/api-keys/${old.id}`).expect(204);
    expectProblem(await put('InvoicePaid', {}, other.key), 403, 'EVENT_TYPE_NOT_OWN');
    await put('InvoicePaid', write, next.key).expect(200);
    expect(await rows()).toMatchObject([{ ownerKeyId: next.id }]);
    expectProblem(await put('InvoicePaid', { level: 'error' }, late.key), 403, 'EVENT_TYPE_NOT_OWN');
  });

  test('makes 200 types at most', async () => {
    const { id, key } = await keyNamed('billing');
    await mailroom.container.database.prisma.$executeRaw`
      INSERT INTO event_types (name, name_key, category, display_name, description, level, properties, owner_key_id, owner_name, updated_by)
      SELECT 'N' || n, 'n' || n, 'Custom', 'N', '', 'info', '[]', ${id}::uuid, 'billing', 'test' FROM generate_series(1, 200) n`;
    expectProblem(await put('OneMore', INVOICE, key), 409, 'EVENT_TYPE_LIMIT');
    await put('N200', INVOICE, key).expect(200);
    await make('OneMore', INVOICE, (await keyNamed('other')).key);
  });

  test('deletes none; an auditor changes none', async () => {
    await make('InvoicePaid');
    const before = await state();
    const [publisher, auditor] = [await mailroom.keyOf('publisher'), await mailroom.keyOf('auditor')];
    for (const key of [publisher, auditor]) expectProblem(await mailroom.as(key).delete(`${PATH}/InvoicePaid`), 403, 'ROLE_INSUFFICIENT');
    expectProblem(await put('InvoicePaid', {}, auditor), 403, 'ROLE_INSUFFICIENT');
    await mailroom.as(auditor).get(`${PATH}/InvoicePaid`).expect(200);
    expect(await state()).toEqual(before);
  });
});

describe('events of a type', () => {
  const publish = (properties: object, type = 'SaleMade') => mailroom.as().post('/v1/events', { type, properties });
  const RIGHT: Record<string, unknown[]> = {
    string: ['', 'x', '5'], integer: [0, -7, 1e3, 2 ** 53 - 1], number: [0, -0.5, 1e300], boolean: [true, false],
    dateTime: ['2026-03-01T09:30:00Z', '2026-03-01t09:30:00.123456789-23:59', '2024-02-29T00:00:00+00:00'],
    uri: ['https://example.com/42?a=b#c', 'urn:isbn:0451450523', 'mailto:a@example.com'],
  };
  const WRONG: Record<string, unknown[]> = {
    string: [5, true], integer: [1.5, '5', true, 2 ** 53], number: ['1', false], boolean: ['true', 0, 1],
    dateTime: ['', 'today', '2026-03-01', '2026-03-01T09:30:00', '2026-02-30T00:00:00Z', '2026-03-01T24:00:00Z', '2026-03-01T09:30:00Z\n', 1772357400],
    uri: ['', 'example.com', '//example.com/', '/42', 'https://', 'https://exa mple.com/', 'https://example.com/a b', 'https://example.com/\nBcc:', 42],
  };

  test.each(Object.keys(RIGHT))('%s: what fits is accepted and kept as it is, what does not is refused', async (type) => {
    await make('SaleMade', { properties: [property('X', type)] });
    for (const X of [...RIGHT[type]!, null]) expect((await publish({ X }).expect(202)).body.properties).toEqual({ X });
    const before = await mailroom.container.database.prisma.event.count();
    const answers = await Promise.all(WRONG[type]!.map(async (X) => ({ X, answer: await publish({ X }) })));
    expect(answers.filter(({ answer }) => answer.status !== 400).map(({ X }) => X)).toEqual([]);
    for (const { answer } of answers) expectProblem(answer, 400, 'EVENT_INVALID', [{ pointer: '/properties/X', message: expect.stringMatching(/^must be /) as never }]);
    expect(await mailroom.container.database.prisma.event.count()).toBe(before);
  });

  test.each([[{}], [{ constructor: null }], [{ Constructor: 'x' }]])('what is required must be there, and not null: %j', async (properties) => {
    await make('SaleMade', { properties: [{ ...property('constructor'), required: true }] });
    expectProblem(await publish(properties), 400, 'EVENT_INVALID', [{ pointer: '/properties/constructor', message: 'is required: a string' }]);
    await publish({ constructor: '' }).expect(202);
  });

  test('all faults are told, undeclared properties are kept, and a required property of every event is required', async () => {
    await make('SaleMade', { properties: [{ ...property('ApplianceId'), required: true }, property('Amount', 'number')] });
    expectProblem(await publish({ Amount: 'much', 'a-b': 1, AuditLogUri: 'x' }), 400, 'EVENT_INVALID',
      ['/properties/a-b', '/properties/ApplianceId', '/properties/AuditLogUri', '/properties/Amount'].map((pointer) => ({ pointer })));
    const properties = { ApplianceId: 'till 4', Amount: 5, Undeclared: 'x', Other: null };
    expect((await publish(properties).expect(202)).body.properties).toEqual(properties);
  });

  test('one wrong event of a batch is told by its place, and none is accepted', async () => {
    await make('SaleMade', { properties: [{ ...property('X', 'integer'), required: true }] });
    const before = await mailroom.container.database.prisma.event.count();
    const good = { type: 'SaleMade', properties: { X: 1 } };
    const events = [good, { type: 'PasswordCheckFailed' }, good, { type: 'SaleMade', properties: { X: 'one' } }, { type: 'SaleMade' }];
    expectProblem(await mailroom.as().post('/v1/events/batch', { events }), 400, 'EVENT_INVALID', [{ pointer: '/events/3/properties/X' }, { pointer: '/events/4/properties/X' }]);
    expect(await mailroom.container.database.prisma.event.count()).toBe(before);
  });

  test('built-in types take what they get', async () => {
    await publish({ DurationInMinutes: 'two hours', AuditLogUri: 5, RequiredDate: true }, 'AccessRequestCreated').expect(202);
  });

  test('become mail by a default template with the name and the values, whatever they look like', async () => {
    sink = await startSmtpSink();
    await mailroom.as().put('/v1/smtp-settings', { serverAddress: 'localhost', port: sink.port, security: 'none', senderAddress: 'mailroom@example.com' }).expect(200);
    await make('SaleMade', { displayName: 'Sale <Made> {{ 7 | times: 6 }}', description: 'Sold at the {% if till %}.', properties: [property('CustomerName'), property('Amount', 'number')] });
    await mailroom.as().post('/v1/subscriptions', { emailAddress: 'sales@example.com', eventTypes: ['SaleMade'] }).expect(201);
    await mailroom.container.startWorkers();
    const { id } = (await publish({ CustomerName: 'Ada & Sons', Amount: 12.5 }).expect(202)).body as { id: string };
    const [mail] = await sink.waitForMails(1);
    const { subject, text, html } = await simpleParser(mail!.raw);
    expect(subject).toMatch(/^Sale <Made> \{ ?\{ 7 \| times: 6 \}\}/);
    expect(text).toMatch(/Customer name: +Ada & Sons\nAmount: +12\.5\n/);
    expect(html).toContain('Ada &amp; Sons');
    expect(html).not.toContain('<Made>');
    await waitFor(() => mailroom.as().get(`/v1/events/${id}`), ({ body }) => body.emails.sent === 1);
    expect((await mailroom.as().get(`/v1/emails?eventId=${id}`).expect(200)).body.items).toMatchObject([{ eventType: 'SaleMade', to: 'sales@example.com', status: 'sent', warnings: [] }]);
  });
});
