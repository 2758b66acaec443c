import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { EventTypeImpact } from '../../src/event-types/event-types.contract.js';
import { commonProperties } from '../../src/event-types/catalogue.js';
import type { Subscription } from '../../src/subscriptions/subscriptions.contract.js';
import { buildSubscription } from '../factories/build-subscription.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { type SmtpSink, startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';
import { auditOf } from './audit.js';
import { expectProblem } from './expect-problem.js';
import { meetAtLock } from './race.js';

const TYPE = 'InvoicePaid';
const PATH = `/v1/event-types/${TYPE}`;
const TEMPLATE = `/v1/email-templates/${TYPE}`;
const SUBSCRIPTIONS = '/v1/subscriptions';
const EVERY_SUBSCRIPTION = 'SELECT 1 FROM subscriptions FOR UPDATE';
const number = { name: 'InvoiceNumber', type: 'string' };
const amount = { name: 'Amount', type: 'number', required: true };
const DEFINITION = { properties: [number, amount] };
const ALL = [...commonProperties.map(({ name }) => name), 'InvoiceNumber', 'Amount'];
const NOTHING = { added: [], removed: [], changed: [] };

let mailroom: TestMailroom;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false, env: { MAILROOM_RETRY_BASE_MS: '300' } });
});
beforeEach(async () => {
  await mailroom.container.database.prisma.$executeRaw`TRUNCATE event_types, delivery_policies, email_templates, subscriptions`;
  await define();
});
afterAll(async () => {
  await mailroom.close();
});

const define = (definition: object = DEFINITION, key?: string) => mailroom.as(key).put(PATH, definition).expect((response) => expect([200, 201]).toContain(response.status));
const write = (subject: string, rest: object = {}) => mailroom.as().put(TEMPLATE, { subject, textBody: 'A customer has paid.', ...rest }).expect(200);
const subscribe = async (overrides: object = {}) => (await mailroom.as().post(SUBSCRIPTIONS, buildSubscription({ eventTypes: [TYPE], ...overrides })).expect(201)).body as Subscription;
const impactOf = async (definition: object | null): Promise<EventTypeImpact> =>
  (await (definition === null ? mailroom.as().delete(`${PATH}?dryRun=true`) : mailroom.as().put(`${PATH}?dryRun=true`, definition)).expect(200)).body as EventTypeImpact;
const subscribeMany = (count: number, type = TYPE) => mailroom.container.database.prisma.$executeRaw`
  INSERT INTO subscriptions (id, email_address, email_key, all_events, event_types, updated_by)
  SELECT uuid_v7(), 's' || n || '@example.com', 's' || n || '@example.com', false, ARRAY[${type}], 'test' FROM generate_series(1, ${count}::int) n`;

/** Each row that a change of an event type could touch. */
const state = async () => {
  const { prisma } = mailroom.container.database;
  const [types, policies, templates] = [await prisma.eventType.findMany(), await prisma.deliveryPolicy.findMany(), await prisma.emailTemplate.findMany()];
  const [subscriptions, audit] = [await prisma.subscription.findMany({ orderBy: { id: 'asc' } }), await prisma.auditEntry.findMany({ orderBy: { id: 'asc' } })];
  return { types, policies, templates, subscriptions, audit };
};
/** What was written to the audit log since. */
const auditSince = async ({ audit }: Awaited<ReturnType<typeof state>>) => (await state()).audit.slice(audit.length);
const stillNamed = async (): Promise<number> => mailroom.container.database.prisma.subscription.count({ where: { eventTypes: { has: TYPE } } });

describe('what a PUT would do', () => {
  test.each<[string, object, Partial<EventTypeImpact>]>([
    ['the same definition', DEFINITION, { change: 'none', properties: NOTHING }],
    ['another delivery policy', { ...DEFINITION, deliveryPolicy: 'atMostOnce' }, { change: 'update', properties: NOTHING }],
    ['another display name', { ...DEFINITION, displayName: 'Paid' }, { change: 'update', properties: NOTHING }],
    ['another description of a property', { properties: [{ ...number, description: 'Its number.' }, amount] }, { change: 'update', properties: NOTHING }],
    ['one more property', { properties: [number, amount, { name: 'Due', type: 'dateTime' }] }, { change: 'update', properties: { ...NOTHING, added: ['Due'] } }],
    ['one less', { properties: [amount] }, { change: 'update', properties: { ...NOTHING, removed: ['InvoiceNumber'] } }],
    ['another name of one', { properties: [{ ...number, name: 'Number' }, amount] }, { change: 'update', properties: { added: ['Number'], removed: ['InvoiceNumber'], changed: [] } }],
    ['another type', { properties: [{ ...number, type: 'integer' }, amount] }, { change: 'update', properties: { ...NOTHING, changed: ['InvoiceNumber'] } }],
    ['required from now on', { properties: [{ ...number, required: true }, amount] }, { change: 'update', properties: { ...NOTHING, changed: ['InvoiceNumber'] } }],
    ['required no more', { properties: [number, { ...amount, required: false }] }, { change: 'update', properties: NOTHING }],
    ['one of every event that is required', { properties: [number, amount, { name: 'ApplianceId', type: 'string', required: true }] }, { change: 'update', properties: { ...NOTHING, changed: ['ApplianceId'] } }],
  ])('%s: nothing breaks while no template uses it, and nothing is changed', async (_name, definition, expected) => {
    await subscribe();
    const before = await state();
    expect(await impactOf(definition)).toEqual({ kind: 'impact', eventType: TYPE, templates: [], subscriptions: [], subscriptionCount: 0, ...expected });
    expect(await state()).toEqual(before);
  });

  test('a new type breaks nothing, and is not made', async () => {
    const before = await state();
    const { body } = await mailroom.as().put('/v1/event-types/InvoiceSent?dryRun=true', DEFINITION).expect(200);
    expect(body).toEqual({ kind: 'impact', eventType: 'InvoiceSent', change: 'create', properties: { ...NOTHING, added: ALL }, templates: [], subscriptions: [], subscriptionCount: 0 });
    expect(await state()).toEqual(before);
    const builtIn = (await mailroom.as().get('/v1/event-types/PasswordCheckFailed').expect(200)).body as object;
    expect((await mailroom.as().put('/v1/event-types/PasswordCheckFailed?dryRun=true', builtIn).expect(200)).body).toMatchObject({ change: 'none' });
  });

  test.each<[string, object, object, string[]]>([
    ['a removed property in the subject', { subject: 'Paid: {{ InvoiceNumber }}' }, { properties: [amount] }, ['InvoiceNumber']],
    ['one in the text', { textBody: '{% if Amount > 5 %}much{% endif %}' }, { properties: [number] }, ['Amount']],
    ['one in the HTML, and one of another type', { htmlBody: '<p>{{ InvoiceNumber | upcase }} {{ Amount }}</p>' }, { properties: [{ ...amount, type: 'string' }] }, ['Amount', 'InvoiceNumber']],
    ['one of another type that is required too', { subject: '{{ InvoiceNumber }}' }, { properties: [{ ...number, type: 'integer', required: true }, amount] }, ['InvoiceNumber']],
  ])('%s: the template is told with its macros, and the subscriptions with blanks', async (_name, template, definition, macros) => {
    await write('Paid', template);
    const named = [await subscribe({ description: 'first' }), await subscribe({ eventTypes: ['ApplianceSick', TYPE], enabled: false })];
    await subscribe({ allEvents: true, eventTypes: [] });
    await subscribe({ eventTypes: ['ApplianceSick'] });
    const before = await state();
    const impact = await impactOf(definition);
    expect(impact.templates).toEqual([{ eventType: TYPE, macros, message: expect.stringContaining(`{{ ${macros[0]} }}`) }]);
    expect(impact.subscriptions).toEqual(named.map(({ id, description }) => ({ id, description, effect: 'blanks' })));
    expect(impact.subscriptionCount).toBe(2);
    expect(await state()).toEqual(before);
  });

  test.each<[string, object]>([
    ['a property that the template does not use', { properties: [number] }], ['one that is only required from now on', { properties: [{ ...number, required: true }, amount] }],
    ['a variable of its own with the name of a property', { properties: [number, { ...amount, type: 'string' }] }],
  ])('%s breaks no template', async (_name, definition) => {
    await write('{{ InvoiceNumber }}{% assign Amount = 5 %}{{ Amount }}');
    await subscribe();
    expect(await impactOf(definition)).toMatchObject({ change: 'update', templates: [], subscriptions: [], subscriptionCount: 0 });
  });

  test.each<[string, string, object, number, string]>([
    ['a built-in type', 'PasswordCheckFailed', { category: 'Mine' }, 409, 'EVENT_TYPE_BUILT_IN'], ['a name that differs in case only', 'invoicepaid', {}, 409, 'EVENT_TYPE_NAME_TAKEN'],
    ['a bad name', '1st', {}, 400, 'EVENT_TYPE_NAME_INVALID'], ['a property twice', TYPE, { properties: [number, number] }, 400, 'EVENT_PROPERTIES_INVALID'],
  ])('%s is refused as it would be', async (_name, name, definition, status, code) => {
    const before = await state();
    expectProblem(await mailroom.as().put(`/v1/event-types/${name}?dryRun=true`, definition), status, code);
    expectProblem(await mailroom.as().put(`/v1/event-types/${name}`, definition), status, code);
    expect(await state()).toEqual(before);
  });

  test('a publisher is refused a type of another key as it would be', async () => {
    const key = await mailroom.keyOf('publisher');
    expectProblem(await mailroom.as(key).put(PATH, {}), 403, 'EVENT_TYPE_NOT_OWN');
    expectProblem(await mailroom.as(key).put(`${PATH}?dryRun=true`, {}), 403, 'EVENT_TYPE_NOT_OWN');
  });

  test('a publisher is told how many subscriptions of its type there are, and not whose', async () => {
    const key = await mailroom.keyOf('publisher');
    await mailroom.as().delete(PATH).expect(204);
    await define(DEFINITION, key);
    await write('{{ InvoiceNumber }}');
    await subscribe();
    const { body } = await mailroom.as(key).put(`${PATH}?dryRun=true`, {}).expect(200);
    expect(body).toMatchObject({ templates: [{ macros: ['InvoiceNumber'] }], subscriptions: [], subscriptionCount: 1 });
  });
});

describe('what a DELETE would do, and what it does', () => {
  test('the type goes with its template; subscriptions go or lose it; each is in the audit log', async () => {
    await define({ ...DEFINITION, deliveryPolicy: 'atMostOnce' });
    await write('Paid: {{ InvoiceNumber }}');
    const only = await subscribe({ description: 'only this' });
    const also = await subscribe({ eventTypes: ['ApplianceSick', TYPE, 'ApplianceHealthy'], description: 'also this' });
    const others = [await subscribe({ eventTypes: ['ApplianceSick'] }), await subscribe({ allEvents: true, eventTypes: [] })];
    const before = await state();
    expect(await impactOf(null)).toEqual({
      kind: 'impact', eventType: TYPE, change: 'delete',
      properties: { ...NOTHING, removed: ALL },
      templates: [{ eventType: TYPE, macros: [], message: expect.any(String) }],
      subscriptions: [{ id: only.id, description: 'only this', effect: 'deleted' }, { id: also.id, description: 'also this', effect: 'reduced' }],
      subscriptionCount: 2,
    });
    expect(await state()).toEqual(before);

    expect((await mailroom.as().delete(PATH).expect(204)).text).toBe('');
    const after = await state();
    expect([after.types, after.policies, after.templates]).toEqual([[], [], []]);
    expect(after.subscriptions.map(({ id, eventTypes, version }) => ({ id, eventTypes, version }))).toEqual([
      { id: also.id, eventTypes: ['ApplianceSick', 'ApplianceHealthy'], version: 2 }, ...others.map(({ id, eventTypes }) => ({ id, eventTypes, version: 1 })),
    ]);
    const entries = await auditSince(before);
    expect(new Set(entries.map(({ requestId }) => requestId)).size).toBe(1);
    const told = Object.fromEntries(entries.map((entry) => [`${entry.action} ${entry.resourceType} ${entry.resourceId}`, entry]));
    expect(Object.keys(told).sort()).toEqual([`delete eventType ${TYPE}`, `delete emailTemplate ${TYPE}`, `delete subscription ${only.id}`, `update subscription ${also.id}`].sort());
    expect(told[`delete emailTemplate ${TYPE}`]).toMatchObject({ oldValue: { subject: 'Paid: {{ InvoiceNumber }}' }, newValue: null, actor: 'MAILROOM_ADMIN_KEY' });
    expect(told[`delete subscription ${only.id}`]).toMatchObject({ oldValue: { eventTypes: [TYPE], description: 'only this' }, newValue: null });
    expect(told[`update subscription ${also.id}`]).toMatchObject({ oldValue: { eventTypes: also.eventTypes }, newValue: { eventTypes: ['ApplianceSick', 'ApplianceHealthy'], description: 'also this' } });

    for (const path of [PATH, TEMPLATE]) expectProblem(await mailroom.as().get(path), 404, 'NOT_FOUND');
    expectProblem(await mailroom.as().post('/v1/events', { type: TYPE, properties: { Amount: 5 } }), 400, 'EVENT_TYPE_UNKNOWN', [{ pointer: '/type' }]);
    expectProblem(await mailroom.as().put(`${SUBSCRIPTIONS}/${also.id}`, also), 400, 'EVENT_TYPE_UNKNOWN', [{ pointer: '/eventTypes/1' }]);
  });

  test('of more than 100 subscriptions the first 100 are told, and how many there are', async () => {
    await subscribeMany(130);
    const { subscriptions, subscriptionCount } = await impactOf(null);
    expect([subscriptions.length, subscriptionCount]).toEqual([100, 130]);
    expect(subscriptions.map(({ id }) => id)).toEqual((await state()).subscriptions.slice(0, 100).map(({ id }) => id));
    await write('{{ InvoiceNumber }}');
    expect(await impactOf({})).toMatchObject({ subscriptionCount: 130, subscriptions: { length: 100, 99: { effect: 'blanks' } } });
  });

  test('2,500 subscriptions of a type go with it', async () => {
    await subscribeMany(2_500);
    await subscribeMany(1, 'ApplianceSick');
    await mailroom.as().delete(PATH).expect(204);
    expect((await state()).subscriptions).toMatchObject([{ eventTypes: ['ApplianceSick'] }]);
    const { requestId } = (await auditOf(mailroom, 'eventType', TYPE)).at(-1)!;
    expect(await mailroom.container.database.prisma.auditEntry.count({ where: { requestId, resourceType: 'subscription', action: 'delete' } })).toBe(2_500);
  });

  test('what is not there is 404, and what is no truth value is refused', async () => {
    const before = await state();
    for (const query of ['', '?dryRun=true']) expectProblem(await mailroom.as().delete(`/v1/event-types/NotThere${query}`), 404, 'NOT_FOUND');
    expectProblem(await mailroom.as().delete('/v1/event-types/PasswordCheckFailed?dryRun=true'), 409, 'EVENT_TYPE_BUILT_IN');
    expectProblem(await mailroom.as().delete(`${PATH}?dryRun=maybe`), 400, 'VALIDATION_FAILED', [{ parameter: 'dryRun' }]);
    expectProblem(await mailroom.as().put(`${PATH}?dryRun=maybe`, {}), 400, 'VALIDATION_FAILED', [{ parameter: 'dryRun' }]);
    expect(await state()).toEqual(before);
  });
});

describe('at the same time as a deletion', () => {
  test('a subscription that is made never names the type that is gone', async () => {
    for (let round = 0; round < 20; round += 1) {
      await define();
      const [made, deleted] = await Promise.all([mailroom.as().post(SUBSCRIPTIONS, buildSubscription({ eventTypes: [TYPE, 'ApplianceSick'] })), mailroom.as().delete(PATH)]);
      expect([[201, 204], [400, 204]]).toContainEqual([made.status, deleted.status]);
      expect(await stillNamed()).toBe(0);
    }
  });

  test('a template that is saved never outlives the type', async () => {
    for (let round = 0; round < 10; round += 1) {
      await define();
      const [saved, deleted] = await Promise.all([mailroom.as().put(TEMPLATE, { subject: 's', textBody: 't' }), mailroom.as().delete(PATH)]);
      expect([[200, 204], [400, 204], [404, 204]]).toContainEqual([saved.status, deleted.status]);
      expect((await state()).templates).toEqual([]);
    }
  });

  test('a subscription that is replaced is replaced or refused, and does not keep the type', async () => {
    const { id } = await subscribe({ eventTypes: [TYPE, 'ApplianceSick'] });
    const replacement = buildSubscription({ eventTypes: ['ApplianceSick', TYPE], description: 'replaced' });
    const [replaced, deleted] = await meetAtLock(mailroom, EVERY_SUBSCRIPTION, [() => mailroom.as().put(`${SUBSCRIPTIONS}/${id}`, replacement), () => mailroom.as().delete(PATH)]);
    expect([[200, 204], [400, 204]]).toContainEqual([replaced!.status, deleted!.status]);
    expect((await state()).subscriptions).toMatchObject([{ id, eventTypes: ['ApplianceSick'] }]);
  });
});

describe('mail of a type that is deleted', () => {
  let sink: SmtpSink;
  const settings = (port: number) => mailroom.as().put('/v1/smtp-settings', { serverAddress: 'localhost', port, security: 'none', senderAddress: 'mailroom@example.com' }).expect(200);
  const publish = async (): Promise<string> => (await mailroom.as().post('/v1/events', { type: TYPE, properties: { Amount: 5, InvoiceNumber: 'R-7' } }).expect(202)).body.id as string;

  beforeAll(async () => { sink = await startSmtpSink(); });
  afterAll(() => sink.close());

  test('an event that was accepted before still becomes mail for those who want all events, and one that waits is still sent', async () => {
    await settings(sink.port);
    await subscribe({ emailAddress: 'named@example.com' });
    await subscribe({ emailAddress: 'all@example.com', allEvents: true, eventTypes: [] });
    const unmatched = await publish();
    await mailroom.as().delete(PATH).expect(204);
    await mailroom.container.startWorkers();
    const [mail] = await sink.waitForMails(1);
    expect(mail).toMatchObject({ to: ['all@example.com'], raw: expect.stringMatching(new RegExp(`^Subject: ${TYPE}`, 'm')) });
    await waitFor(() => mailroom.as().get(`/v1/events/${unmatched}`), ({ body }) => body.emails.sent === 1);
    expect((await mailroom.as().get(`/v1/emails?eventId=${unmatched}`).expect(200)).body.items).toHaveLength(1);

    await define();
    await subscribe({ emailAddress: 'named@example.com' });
    const closed = await startSmtpSink();
    await closed.close();
    await settings(closed.port);
    const waiting = await publish();
    await waitFor(() => mailroom.as().get(`/v1/events/${waiting}`), ({ body }) => body.emails.deferred === 2);
    await mailroom.as().delete(PATH).expect(204);
    await settings(sink.port);
    await waitFor(() => mailroom.as().get(`/v1/events/${waiting}`), ({ body }) => body.emails.sent === 2);
    expect(sink.mails.slice(1).flatMap(({ to }) => to).sort()).toEqual(['all@example.com', 'named@example.com']);
  });
});
