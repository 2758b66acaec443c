import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type ParsedMail, simpleParser } from 'mailparser';
import type { Response } from 'supertest';
import type { FieldError } from '../../src/errors.js';
import type { EmailWithAttempts } from '../../src/emails/emails.contract.js';
import type { EventPublish } from '../../src/events/events.contract.js';
import { expectProblem } from '../api/expect-problem.js';
import { buildEvent } from '../factories/build-event.js';
import { buildSubscription } from '../factories/build-subscription.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { type SmtpSink, startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';

const TYPE = 'PasswordCheckFailed';
const TEMPLATE = `/v1/email-templates/${TYPE}`;
const SEND_TEST = `${TEMPLATE}/send-test`;
const DEFAULT_SUBJECT = 'Password Check Failed: svc-backup on db-prod-01';
const SUBSCRIBER = 'alice@example.com';

let mailroom: TestMailroom;
let sink: SmtpSink;
/** While true the server puts messages off; those it put off are kept. */
let busy = false;
const putOff: string[] = [];

beforeAll(async () => {
  const refuseMessage = ({ raw }: { raw: string }): string | undefined => {
    if (!busy) return undefined;
    putOff.push(raw);
    return '451 4.3.0 Try again later';
  };
  [mailroom, sink] = await Promise.all([startMailroom({ env: { MAILROOM_RETRY_BASE_MS: '300' } }), startSmtpSink({ refuseMessage })]);
  await enable();
  await mailroom.sdk.createSubscription({ body: buildSubscription({ emailAddress: SUBSCRIBER }) });
});
beforeEach(async () => {
  await mailroom.as().delete(TEMPLATE).expect(200);
});
afterAll(async () => {
  await mailroom?.close();
  await sink?.close();
});

const enable = () => mailroom.sdk.putSmtpSettings({ body: { serverAddress: 'localhost', port: sink.port, security: 'none', senderAddress: 'mailroom@example.com' } });
const change = (template: object = {}) => mailroom.as().put(TEMPLATE, { subject: 'Changed: {{ AccountName }}', textBody: 'The account is {{ AccountName }}.', ...template }).expect(200);
const publish = async (overrides: Partial<EventPublish> = {}) => (await mailroom.sdk.publishEvent({ body: buildEvent(overrides) })).id;
const emailsOf = async (eventId: string) => (await mailroom.sdk.listEmails({ query: { eventId } })).items as EmailWithAttempts[];

/** The only e-mail of an event, once it has this status. */
async function reached(eventId: string, status: string): Promise<EmailWithAttempts> {
  const emails = await waitFor(() => emailsOf(eventId), ([email]) => email?.status === status);
  expect(emails).toHaveLength(1);
  return (await mailroom.sdk.getEmail({ path: { id: emails[0]!.id } }));
}

const withoutBoundary = (raw: string): string => raw.replaceAll(/boundary="([^"]+)"/.exec(raw)![1]!, 'BOUNDARY');
const rawOf = ({ messageId }: { messageId: string }): string[] => sink.mails.map(({ raw }) => raw).filter((raw) => raw.includes(messageId));

/** The mail of an event in the server, which must have come once. */
async function arrived(eventId: string): Promise<{ email: EmailWithAttempts; mail: ParsedMail }> {
  const email = await reached(eventId, 'sent');
  const raws = rawOf(email);
  expect(raws).toHaveLength(1);
  return { email, mail: await simpleParser(raws[0]!) };
}

const rowCounts = async () => {
  const { event, email, emailContent } = mailroom.container.database.prisma;
  return Promise.all([event.count(), email.count(), emailContent.count()]);
};

describe('a template that was changed', () => {
  test('is used for later events, until it is reset', async () => {
    expect((await arrived(await publish())).mail.subject).toBe(DEFAULT_SUBJECT);
    await change();
    const { email, mail } = await arrived(await publish());
    expect(email).toMatchObject({ subject: 'Changed: svc-backup', warnings: [], to: SUBSCRIBER });
    expect([mail.subject, mail.text?.trim()]).toEqual(['Changed: svc-backup', 'The account is svc-backup.']);
    await mailroom.as().delete(TEMPLATE).expect(200);
    expect((await arrived(await publish())).mail.subject).toBe(DEFAULT_SUBJECT);
  });

  test('changes no e-mail that is made already: its retry is the same', async () => {
    busy = true;
    const id = await publish();
    const { attemptCount } = await reached(id, 'deferred');
    await change();
    busy = false;
    const { email } = await arrived(id);
    expect(email.attemptCount).toBeGreaterThan(attemptCount);
    expect(email.subject).toBe(DEFAULT_SUBJECT);
    const [first] = putOff.filter((raw) => raw.includes(email.messageId));
    expect(rawOf(email).map(withoutBoundary)).toEqual([withoutBoundary(first!)]);
  });

  test('has its Reply-To, and HTML made from the text when it has none of its own', async () => {
    await change({ replyTo: '"Help, desk"@bücher.example', textBody: 'Look at <this>:\n\n- {{ AccountName }}\n- https://example.com/?a=1&b=2', htmlBody: null });
    const { email, mail } = await arrived(await publish({ properties: { AccountName: '<b>root</b>' } }));
    const [raw] = rawOf(email);
    expect(raw).toMatch(/^Reply-To: "Help, desk"@xn--bcher-kva\.example\r?$/m);
    expect(raw).toMatch(/^Content-Type: multipart\/alternative;/m);
    expect(mail.text).toContain('- <b>root</b>\n- https://example.com/?a=1&b=2');
    expect(mail.html).toContain('&lt;b&gt;root&lt;/b&gt;</li>');
    expect(mail.html).toContain('<a href="https://example.com/?a=1&amp;b=2">');
  });

  test('a default has no Reply-To', async () => {
    expect((await arrived(await publish())).mail.replyTo).toBeUndefined();
  });
});

describe('a template that fails for one event', () => {
  const SLOW = '{% for i in (1..Count) %}{% for j in (1..3000) %}{% if "x" contains "y" %}{% endif %}{% endfor %}{% endfor %}{{ AccountName }}';

  test.each<[string, object, EventPublish['properties'], RegExp]>([
    ['needs too much memory', { textBody: '{% for i in (1..Count) %}x{% endfor %}{{ AccountName }}' }, { Count: 100_000_000 }, /: textBody: It makes more text than a mail may have \(line 1, column 1: /],
    ['takes too long', { htmlBody: SLOW }, { Count: 3_000 }, /: htmlBody: It takes too long to render \(line 1, /],
    ['has a filter that fails', { subject: 'S {{ EventTimestamp | date: "%H:%M", TimeZone }} {{ AccountName }}' }, { TimeZone: 'Nowhere/Nope' }, /: subject: Invalid time zone specified: Nowhere\/Nope \(line 1, column 3: /],
  ])('because it %s: that one is told by the default, with a warning, and the others by the template', async (_name, template, values, warning) => {
    const properties = { AccountName: 'svc-backup', AssetName: 'db-prod-01' };
    await change({ replyTo: 'helpdesk@example.com', ...template });
    const events = [{ ...properties, Count: 1, TimeZone: 'Europe/Berlin' }, { ...properties, ...values }].map((each) => buildEvent({ properties: each }));
    const body = await mailroom.sdk.publishEvents({ body: { events } });
    const [good, bad] = [await arrived(body.items[0]!.id), await arrived(body.items[1]!.id)];
    expect(good.email).toMatchObject({ warnings: [], attemptCount: 1 });
    expect(good.mail.subject).not.toBe(DEFAULT_SUBJECT);
    expect(bad.email).toMatchObject({ warnings: [expect.stringMatching(/^The template failed, so the default was used: /)], attemptCount: 1 });
    expect(bad.email.warnings[0]).toMatch(warning);
    expect(bad.mail.subject).toBe(DEFAULT_SUBJECT);
    expect(bad.mail.html).toContain('<!DOCTYPE html>');
    expect([good, bad].map(({ mail }) => mail.replyTo?.text)).toEqual(['helpdesk@example.com', 'helpdesk@example.com']);
  });

  test('or makes half a character of one: the mail arrives', async () => {
    await change({ subject: '{{ AccountName | first }}', textBody: '[{{ AccountName | first }}]', htmlBody: '<p>{{ AccountName | first }}</p>' });
    const { mail } = await arrived(await publish({ properties: { AccountName: '🔒 locked' } }));
    expect([mail.subject, mail.text?.trim(), mail.html]).toEqual(['\ufffd', '[\ufffd]', '<p>\ufffd</p>']);
  });

  test('or fails in a line that is too long to be told whole: the mails of all events that were matched together arrive', async () => {
    await change({ textBody: `${'x'.repeat(199)}🔒{% for i in (1..Count) %}x{% endfor %}` });
    const body = await mailroom.sdk.publishEvents({ body: { events: [100_000_000, 1].map((Count) => buildEvent({ properties: { Count } })) } });
    const warnings = [];
    for (const { id } of body.items as { id: string }[]) warnings.push((await arrived(id)).email.warnings);
    expect(warnings).toEqual([[expect.stringMatching(/^The template failed/)], []]);
  });

  test('or writes what no database keeps: the mails of all events that were matched together arrive', async () => {
    await change({ htmlBody: String.raw`<p>{{ "\u0000" }}{{ AccountName }}</p>` });
    const body = await mailroom.sdk.publishEvents({ body: { events: ['one', 'two'].map((AccountName) => buildEvent({ properties: { AccountName } })) } });
    const html = [];
    for (const { id } of body.items as { id: string }[]) html.push((await arrived(id)).mail.html);
    expect(html).toEqual(['<p>one</p>', '<p>two</p>']);
  });

  test('or needs all its time for each of many: the process goes on meanwhile', async () => {
    await change({ textBody: SLOW });
    let [longest, last] = [0, performance.now()];
    const ticking = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 10);
    const body = await mailroom.sdk.publishEvents({ body: { events: Array.from({ length: 8 }, () => buildEvent({ properties: { Count: 3_000 } })) } });
    const ids = (body.items as { id: string }[]).map(({ id }) => id);
    try {
      for (const id of ids) expect((await arrived(id)).email.warnings).toHaveLength(1);
    } finally {
      clearInterval(ticking);
    }
    expect(longest).toBeLessThan(5_000); // half of what a lease lasts
  });
});

describe('a test mail', () => {
  const sendTest = (body: object, key?: string) => {
    const request = mailroom.as().post(SEND_TEST, body);
    return key === undefined ? request : request.set('Idempotency-Key', key);
  };
  const eventIdOf = ({ body }: Response) => body.eventId as string;

  test('goes to that address alone: response, rows, mail', async () => {
    await change({ replyTo: 'helpdesk@example.com' });
    const response = await sendTest({ sendTo: 'Test.Reader@example.com', properties: { AccountName: 'tried' } }).expect(202);
    expect(response.headers['location']).toBe(`/v1/emails/${response.body.id}`);
    expect(response.body).toMatchObject({ eventType: TYPE, to: 'Test.Reader@example.com', subject: '[Test] Changed: tried', status: 'queued', subscriptionId: null, userId: null, attemptCount: 0, warnings: [] });
    const { email, mail } = await arrived(eventIdOf(response));
    expect(email).toMatchObject({ id: response.body.id, messageId: response.body.messageId, createdAt: response.body.createdAt, to: 'Test.Reader@example.com' });
    expect(sink.mails.find(({ raw }) => raw.includes(email.messageId))!.to).toEqual(['Test.Reader@example.com']);
    expect([mail.subject, mail.text?.trim(), mail.replyTo?.text]).toEqual(['[Test] Changed: tried', 'The account is tried.', 'helpdesk@example.com']);
    const event = (await mailroom.sdk.getEvent({ path: { id: email.eventId } }));
    expect(event).toMatchObject({ type: TYPE, isTest: true, properties: { AccountName: 'tried' }, publishedBy: 'MAILROOM_ADMIN_KEY', matchedAt: expect.any(String), emails: { sent: 1, queued: 0 } });
    const other = await publish();
    await arrived(other);
    expect((await mailroom.sdk.getEvent({ path: { id: other } })).isTest).toBe(false);
    expect(await emailsOf(email.eventId)).toHaveLength(1);
  });

  test('tells of samples, or of a past event at its time', async () => {
    const samples = await arrived(eventIdOf(await sendTest({ sendTo: 'reader@example.com' }).expect(202)));
    expect(samples.mail.subject).toBe('[Test] Password Check Failed: svc-backup on db-prod-01.example.com');
    const eventId = await publish({ properties: { AccountName: 'past' }, occurredAt: '2026-01-02T03:04:05Z' });
    const past = await arrived(eventIdOf(await sendTest({ sendTo: 'reader@example.com', eventId }).expect(202)));
    expect(past.mail.text).toContain('2 Jan 2026, 03:04:05 UTC');
    expect((await mailroom.sdk.getEvent({ path: { id: past.email.eventId } }))).toMatchObject({ isTest: true, occurredAt: '2026-01-02T03:04:05.000Z', properties: { AccountName: 'past' } });
    await change({ subject: 'x'.repeat(300) });
    expect([...(await sendTest({ sendTo: 'reader@example.com' }).expect(202)).body.subject as string]).toHaveLength(255);
  });

  test('repeated with its Idempotency-Key is one mail; with another body it is 422', async () => {
    const body = { sendTo: 'once@example.com', properties: { AccountName: 'once' } };
    const first = await sendTest(body, 'key-1').expect(202);
    await arrived(eventIdOf(first));
    const before = await rowCounts();
    const again = await sendTest(body, 'key-1').expect(202);
    expect([again.body, again.headers['location'], again.headers['idempotency-replayed']]).toEqual([first.body, first.headers['location'], 'true']);
    expectProblem(await sendTest({ ...body, sendTo: 'other@example.com' }, 'key-1'), 422, 'IDEMPOTENCY_KEY_REUSED', [{ parameter: 'Idempotency-Key' }]);
    expect(await rowCounts()).toEqual(before);
    await arrived(eventIdOf(await sendTest({ sendTo: 'last@example.com' }, 'key-2').expect(202)));
    expect(sink.mails.filter(({ to }) => to.includes('once@example.com'))).toHaveLength(1);
  });

  test('while the e-mail client is disabled is 409, but what was answered before is answered again', async () => {
    const first = await sendTest({ sendTo: 'once@example.com' }, 'key-3').expect(202);
    await arrived(eventIdOf(first));
    const before = await rowCounts();
    await mailroom.sdk.putSmtpSettings({ body: { serverAddress: null } });
    try {
      expectProblem(await sendTest({ sendTo: 'reader@example.com' }), 409, 'SMTP_DISABLED');
      expect(await rowCounts()).toEqual(before);
      expect((await sendTest({ sendTo: 'once@example.com' }, 'key-3').expect(202)).body).toEqual(first.body);
    } finally {
      await enable();
    }
  });

  test('that cannot be made leaves no event behind, which would be told to subscribers', async () => {
    const { prisma } = mailroom.container.database;
    const before = await rowCounts();
    await prisma.$executeRaw`ALTER TABLE emails ADD CONSTRAINT no_more CHECK (false) NOT VALID`;
    try {
      for (const key of [undefined, 'key-4']) {
        expect((await sendTest({ sendTo: 'reader@example.com' }, key)).status).toBeGreaterThanOrEqual(500);
        expect(await rowCounts()).toEqual(before);
      }
    } finally {
      await prisma.$executeRaw`ALTER TABLE emails DROP CONSTRAINT no_more`;
    }
  });

  test.each<[string, object, string, Partial<FieldError>]>([
    ['no address', {}, 'VALIDATION_FAILED', { pointer: '/sendTo', message: 'is required' }],
    ['no e-mail address', { sendTo: 'reader' }, 'EMAIL_ADDRESS_INVALID', { pointer: '/sendTo' }],
    ['an empty address', { sendTo: '' }, 'EMAIL_ADDRESS_INVALID', { pointer: '/sendTo' }],
    ['two addresses', { sendTo: 'a@example.com, b@example.com' }, 'EMAIL_ADDRESS_INVALID', { pointer: '/sendTo' }],
    ['an address with CR LF', { sendTo: 'a@example.com\r\nRCPT TO:<b@example.com>' }, 'EMAIL_ADDRESS_INVALID', { pointer: '/sendTo' }],
    ['an address of 321 characters', { sendTo: `a@${'b'.repeat(319)}` }, 'VALIDATION_FAILED', { pointer: '/sendTo' }],
    ['properties and an event', { sendTo: 'a@example.com', properties: {}, eventId: '01900000-0000-7000-8000-000000000000' }, 'PREVIEW_AMBIGUOUS', { pointer: '/eventId' }],
    ['an event that is not there', { sendTo: 'a@example.com', eventId: '01900000-0000-7000-8000-000000000000' }, 'EVENT_UNKNOWN', { pointer: '/eventId' }],
    ['a property with a bad name', { sendTo: 'a@example.com', properties: { '1': 1 } }, 'EVENT_INVALID', { pointer: '/properties/1' }],
  ])('with %s is 400 and makes nothing', async (_name, body, code, error) => {
    const before = await rowCounts();
    expectProblem(await sendTest(body), 400, code, [error]);
    expect(await rowCounts()).toEqual(before);
  });

  test('of no event type is 404, and is for administrators only', async () => {
    const body = { sendTo: 'reader@example.com' };
    expectProblem(await mailroom.as().post('/v1/email-templates/NoSuchType/send-test', body), 404, 'NOT_FOUND');
    for (const role of ['auditor', 'publisher'] as const) expectProblem(await mailroom.as(await mailroom.keyOf(role)).post(SEND_TEST, body), 403, 'ROLE_INSUFFICIENT');
  });
});
