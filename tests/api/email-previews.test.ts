import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { simpleParser } from 'mailparser';
import type { EmailPreview, UnsavedPreviewRequest } from '../../src/email-previews/email-previews.contract.js';
import type { FieldError } from '../../src/errors.js';
import { builtInEventTypes } from '../../src/event-types/catalogue.js';
import type { EventPublish } from '../../src/events/events.contract.js';
import { buildEvent } from '../factories/build-event.js';
import { buildSubscription } from '../factories/build-subscription.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { type SmtpSink, startSmtpSink } from '../setup/smtp-servers.js';
import { expectProblem } from './expect-problem.js';

const TYPE = 'PasswordCheckFailed';
const TEMPLATE = `/v1/email-templates/${TYPE}`;
const SAVED = `${TEMPLATE}/preview`;
const UNSAVED = '/v1/email-templates/preview';
const NOWHERE = '01900000-0000-7000-8000-000000000000';

let mailroom: TestMailroom;
let sink: SmtpSink;

beforeAll(async () => {
  [mailroom, sink] = await Promise.all([startMailroom(), startSmtpSink()]);
  await mailroom.as().put('/v1/smtp-settings', { serverAddress: 'localhost', port: sink.port, security: 'none', senderAddress: 'mailroom@example.com' }).expect(200);
  await mailroom.as().post('/v1/subscriptions', buildSubscription()).expect(201);
});
beforeEach(async () => {
  await mailroom.container.database.prisma.emailTemplate.deleteMany();
});
afterAll(async () => {
  await mailroom?.close();
  await sink?.close();
});

const preview = async (body: object, path = SAVED) => (await mailroom.as().post(path, body).expect(200)).body as EmailPreview;
const change = (template: object, path = TEMPLATE) => mailroom.as().put(path, { subject: 'Failed: {{ AccountName }}', textBody: '{{ AccountName }} on {{ AssetName }}', ...template }).expect(200);
const publish = async (overrides: Partial<EventPublish> = {}) => (await mailroom.as().post('/v1/events', buildEvent(overrides)).expect(202)).body.id as string;
const buildUnsaved = (overrides: object = {}): UnsavedPreviewRequest => ({ eventType: TYPE, subject: 'Failed: {{ AccountName }}', textBody: 'Text: {{ AccountName }}', htmlBody: '<p>{{ AccountName }}</p>', replyTo: null, ...overrides });

async function counts(): Promise<number[]> {
  const { event, email, emailContent, emailTemplate, auditEntry } = mailroom.container.database.prisma;
  return Promise.all([event.count(), email.count(), emailContent.count(), emailTemplate.count(), auditEntry.count()]);
}

describe('of the saved template', () => {
  test('with samples that look real', async () => {
    const shown = await preview({});
    expect(shown).toMatchObject({ eventType: TYPE, subject: 'Password Check Failed: svc-backup on db-prod-01.example.com', replyTo: null, warnings: [], source: 'samples' });
    expect(shown.properties).toMatchObject({ EventName: TYPE, EventDisplayName: 'Password Check Failed', EventTimestamp: expect.any(String), AccountName: 'svc-backup' });
    for (const body of [shown.textBody, shown.htmlBody]) expect(body).toContain('db-prod-01.example.com');
  });

  test('with properties: those alone, and what Mailroom fills in', async () => {
    await change({ textBody: '{{ AccountName }}, {{ Extra }}, [{{ AssetName }}], {{ EventName }}', replyTo: 'helpdesk@example.com' });
    const shown = await preview({ properties: { AccountName: 'root', Extra: 7, EventName: 'mine' } });
    expect(shown).toMatchObject({ subject: 'Failed: root', textBody: `root, 7, [], ${TYPE}\n`, replyTo: 'helpdesk@example.com', source: 'properties' });
    expect(shown.properties).toEqual({ AccountName: 'root', Extra: 7, EventName: TYPE, EventDisplayName: 'Password Check Failed', EventDescription: expect.any(String), EventTimestamp: expect.any(String) });
    expect(shown.warnings).toEqual([expect.stringMatching(/^\{\{ Extra \}\} is not a property/)]);
    expect(await preview({ properties: {} })).toMatchObject({ subject: 'Failed:', source: 'properties' });
  });

  test('with those of a past event, and its time', async () => {
    await change({ textBody: '{{ AccountName }} at {{ EventTimestamp }}' });
    const eventId = await publish({ properties: { AccountName: 'past' }, occurredAt: '2026-01-02T03:04:05+01:00' });
    expect(await preview({ eventId })).toMatchObject({ subject: 'Failed: past', textBody: 'past at 2026-01-02T02:04:05.000Z\n', source: 'event', properties: { AccountName: 'past', EventTimestamp: '2026-01-02T02:04:05.000Z' } });
  });

  test.each<[string, object, string, Partial<FieldError>]>([
    ['properties and an event', { properties: {}, eventId: NOWHERE }, 'PREVIEW_AMBIGUOUS', { pointer: '/eventId' }],
    ['an event that is not there', { eventId: NOWHERE }, 'EVENT_UNKNOWN', { pointer: '/eventId' }],
    ['an event id that is none', { eventId: 'x' }, 'VALIDATION_FAILED', { pointer: '/eventId' }],
    ['a property with a bad name', { properties: { 'a b': 1 } }, 'EVENT_INVALID', { pointer: '/properties/a b' }],
    ['a value that is too long', { properties: { A: 'x'.repeat(8_193) } }, 'EVENT_INVALID', { pointer: '/properties/A' }],
    ['a value that is a list', { properties: { A: [1] } }, 'VALIDATION_FAILED', { pointer: '/properties/A' }],
    ['an unknown property of the request', { sendTo: 'you@example.com' }, 'VALIDATION_FAILED', { pointer: '/sendTo' }],
  ])('%s: refused, here and for one that is not saved', async (_name, values, code, error) => {
    expectProblem(await mailroom.as().post(SAVED, values), 400, code, [error]);
    expectProblem(await mailroom.as().post(UNSAVED, { ...buildUnsaved(), ...values }), 400, code, [error]);
  });

  test('an event of another type is refused', async () => {
    const eventId = await publish({ type: 'ApplianceHealthy', properties: {} });
    const problem = expectProblem(await mailroom.as().post(SAVED, { eventId }), 400, 'EVENT_TYPE_DIFFERS', [{ pointer: '/eventId' }]);
    expect(problem.detail).toContain('ApplianceHealthy');
    expectProblem(await mailroom.as().post(UNSAVED, buildUnsaved({ eventId })), 400, 'EVENT_TYPE_DIFFERS', [{ pointer: '/eventId' }]);
  });

  test('an event type that is not there is 404', async () => {
    expectProblem(await mailroom.as().post('/v1/email-templates/NoSuchType/preview', {}), 404, 'NOT_FOUND');
  });

  test('one that fails with these values shows the default, and says so', async () => {
    await change({ textBody: '{% for i in (1..Count) %}x{% endfor %}' });
    const shown = await preview({ properties: { Count: 100_000_000, AccountName: 'root' } });
    expect(shown).toMatchObject({ subject: 'Password Check Failed: root', htmlBody: expect.stringContaining('root') });
    expect(shown.warnings).toEqual([expect.stringContaining('{{ Count }} is not a property'), expect.stringMatching(/^The template failed, so the default was used: textBody: .*line 1, column 1/)]);
  });

  test('one with HTML made from the text is a whole document', async () => {
    await change({ htmlBody: null, textBody: 'Hello <b> {{ AccountName }}\n\n- https://example.com/1' });
    const { htmlBody } = await preview({ properties: { AccountName: 'a & b' } });
    expect(htmlBody).toMatch(/^<!doctype html>[\s\S]*<\/html>\s*$/i);
    expect(htmlBody).toContain('Hello &lt;b&gt; a &amp; b');
    expect(htmlBody).toContain('<a href="https://example.com/1">');
  });
});

describe('of a template that is not saved', () => {
  test('with samples, properties, and a past event', async () => {
    const eventId = await publish({ properties: { AccountName: 'past' } });
    expect(await preview(buildUnsaved({ replyTo: 'helpdesk@example.com' }), UNSAVED)).toMatchObject({
      eventType: TYPE, subject: 'Failed: svc-backup', textBody: 'Text: svc-backup\n', htmlBody: '<p>svc-backup</p>', replyTo: 'helpdesk@example.com', warnings: [], source: 'samples',
    });
    expect(await preview(buildUnsaved({ properties: { AccountName: 'own' } }), UNSAVED)).toMatchObject({ subject: 'Failed: own', source: 'properties' });
    expect(await preview(buildUnsaved({ eventId }), UNSAVED)).toMatchObject({ subject: 'Failed: past', source: 'event' });
  });

  test('HTML that is left out or empty is made from the text', async () => {
    for (const htmlBody of [undefined, null, '', '  ']) expect((await preview(buildUnsaved({ htmlBody }), UNSAVED)).htmlBody).toContain('Text: svc-backup');
  });

  test('tells of macros that are no properties, and of parts that render blank', async () => {
    const { subject, warnings } = await preview(buildUnsaved({ subject: '{{ AcountName }}' }), UNSAVED);
    expect(subject).toBe('Password Check Failed');
    expect(warnings).toEqual([expect.stringContaining('Did you mean `AccountName`?'), expect.stringContaining('The subject rendered blank')]);
  });

  const place = (line: number, column: number, lineText: string) => ({ line, column, lineText });
  test.each<[string, object, string, Partial<FieldError>[]]>([
    ['faults of syntax in all parts', { subject: '{{', textBody: 'a\n {% if %}', htmlBody: '<p>\n</p>{% nosuch %}' }, 'TEMPLATE_SYNTAX',
      [{ pointer: '/subject', ...place(1, 1, '{{') }, { pointer: '/textBody', ...place(2, 7, ' {% if %}') }, { pointer: '/htmlBody', ...place(2, 5, '</p>{% nosuch %}') }]],
    ['a loop that is too large for the samples', { htmlBody: 'a\n{% for i in (1..100000000) %}x{% endfor %}' }, 'TEMPLATE_LIMIT', [{ pointer: '/htmlBody', ...place(2, 1, '{% for i in (1..100000000) %}x{% endfor %}') }]],
    ['a loop that is too large for the properties', { textBody: '{% for i in (1..Count) %}x{% endfor %}', properties: { Count: 1e9 } }, 'TEMPLATE_LIMIT', [{ pointer: '/textBody', ...place(1, 1, '{% for i in (1..Count) %}x{% endfor %}') }]],
    ['a filter that fails', { subject: 'At {{ EventTimestamp | date: "%H:%M", "Nowhere/Nope" }}' }, 'TEMPLATE_RENDER', [{ pointer: '/subject', ...place(1, 4, 'At {{ EventTimestamp | date: "%H:%M", "Nowhere/Nope" }}') }]],
    ['an event type that is not there', { eventType: 'NoSuchType' }, 'EVENT_TYPE_UNKNOWN', [{ pointer: '/eventType' }]],
    ['no event type', { eventType: undefined }, 'VALIDATION_FAILED', [{ pointer: '/eventType', message: 'is required' }]],
    ['no subject', { subject: '' }, 'VALIDATION_FAILED', [{ pointer: '/subject' }]],
    ['a text of 16,385 characters', { textBody: 't'.repeat(16_385) }, 'VALIDATION_FAILED', [{ pointer: '/textBody' }]],
    ['a replyTo that is no address', { replyTo: 'helpdesk' }, 'EMAIL_ADDRESS_INVALID', [{ pointer: '/replyTo' }]],
  ])('%s: refused', async (_name, overrides, code, errors) => {
    expectProblem(await mailroom.as().post(UNSAVED, buildUnsaved(overrides)), 400, code, errors);
  });

  test('values are escaped in HTML, as they are in text, and on one line in the subject', async () => {
    const AccountName = '<b title="x">&\'</b>\r\nBcc: eve@example.com';
    const { subject, textBody, htmlBody } = await preview(buildUnsaved({ properties: { AccountName } }), UNSAVED);
    expect(subject).toBe('Failed: <b title="x">&\'</b> Bcc: eve@example.com');
    expect(textBody).toBe('Text: <b title="x">&\'</b>\nBcc: eve@example.com\n');
    expect(htmlBody).toBe('<p>&lt;b title=&quot;x&quot;&gt;&amp;&#39;&lt;/b&gt;\nBcc: eve@example.com</p>');
  });
});

test('a preview reads as the mail of a real event with the same properties', async () => {
  const properties = { AccountName: 'Jürgen & <Söhne>', AssetName: `db ${'long '.repeat(40)}`, ErrorMessage: 'first\r\nsecond' };
  await change({ textBody: '{{ AccountName }} on {{ AssetName }}\n\nError:   {{ ErrorMessage }}\n.\n.x', htmlBody: '<p>{{ AccountName }}</p>\n.\n<p>{{ ErrorMessage | newline_to_br }}</p>', replyTo: 'helpdesk@example.com' });
  const changed = await preview({ properties });
  const [before] = [sink.mails.length, await publish({ properties })];
  await expectMailOf(changed, before);
  await mailroom.as().delete(TEMPLATE).expect(200);
  const eventId = await publish({ properties });
  await expectMailOf(await preview({ eventId }), before + 1);
});

/** The mail after so many. Its text ends where the preview's does, but for line ends. */
async function expectMailOf({ subject, textBody, htmlBody, replyTo }: EmailPreview, before: number): Promise<void> {
  const parsed = await simpleParser((await sink.waitForMails(before + 1))[before]!.raw);
  expect(parsed.subject).toBe(subject);
  expect(parsed.text?.trimEnd()).toBe(textBody.trimEnd());
  expect(parsed.html && parsed.html.trimEnd()).toBe(htmlBody.trimEnd());
  expect(parsed.replyTo?.text).toBe(replyTo ?? undefined);
}

test('every event type of the catalogue has a preview without warnings, with its name in the subject, and HTML', async () => {
  const [names, bad] = [[...builtInEventTypes.keys()], [] as object[]];
  expect(names).toHaveLength(630);
  const lane = async (): Promise<void> => {
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      const { subject, textBody, htmlBody, warnings } = await preview({}, `/v1/email-templates/${name}/preview`);
      const isGood = warnings.length === 0 && subject.includes(builtInEventTypes.get(name)!.displayName) && textBody.length > 100 && /^<!doctype html>[\s\S]*<\/html>\s*$/i.test(htmlBody);
      if (!isGood) bad.push({ name, subject, warnings });
    }
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
  expect(bad).toEqual([]);
}, 120_000);

test('the preview of an event type of another service shows the values of all its properties', async () => {
  const properties = ['scheme', 'InvoiceNumber', 'label', 'first', 'size', 'Reason'].map((name) => ({ name, type: 'string' }));
  await mailroom.as().put('/v1/event-types/InvoicePaid', { displayName: 'Invoice paid', properties }).expect(201);
  const values = Object.fromEntries(properties.map(({ name }) => [name, `value of ${name}`]));
  const shown = await preview({ properties: { ...values, AuditLogUri: 'https://audit.example.com/' } }, '/v1/email-templates/InvoicePaid/preview');
  for (const value of Object.values(values)) expect([shown.textBody, shown.htmlBody]).toEqual([expect.stringContaining(value), expect.stringContaining(value)]);
});

test('stores nothing, good or bad', async () => {
  const eventId = await publish({ type: 'ApplianceHealthy', properties: {} });
  const before = await counts();
  await preview({});
  await preview({ properties: { AccountName: 'x' } });
  await preview({ eventId }, '/v1/email-templates/ApplianceHealthy/preview');
  await preview(buildUnsaved(), UNSAVED);
  await mailroom.as().post(UNSAVED, buildUnsaved({ textBody: '{{' })).expect(400);
  expect(await counts()).toEqual(before);
});

test('is for administrators and auditors', async () => {
  const [auditor, publisher] = [await mailroom.keyOf('auditor'), await mailroom.keyOf('publisher')];
  for (const [path, body] of [[SAVED, {}], [UNSAVED, buildUnsaved()]] as const) {
    await mailroom.as(auditor).post(path, body).expect(200);
    expectProblem(await mailroom.as(publisher).post(path, body), 403, 'ROLE_INSUFFICIENT');
    expectProblem(await mailroom.as(null).post(path, body), 401, 'API_KEY_REQUIRED');
  }
});
