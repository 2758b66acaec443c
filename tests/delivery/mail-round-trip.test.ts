import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Parser } from 'htmlparser2';
import { simpleParser } from 'mailparser';
import { contentOf, type ToldEvent } from '../../src/email-templates/event-content.js';
import type { TemplateText } from '../../src/email-templates/render.js';
import { builtInEventTypes, type EventType } from '../../src/event-types/catalogue.js';
import { refuseInvalidEvents } from '../../src/events/validate.js';
import { composeContent, messageFor } from '../../src/smtp/message.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { type SmtpSink, startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';

type Value = ToldEvent['properties'][string];
type Content = Pick<ReturnType<typeof contentOf>, 'subject' | 'textBody' | 'htmlBody' | 'replyTo'>;
interface Case { event: ToldEvent; template?: TemplateText }

const NASTY = [
  '\r', '\n', '\r\n', '\r\n\r\n', '\r\nBcc: x@y', '\nBcc: x@example.com\n\nbody', '\r\n.\r\n', '\n..\n', '\n\n\n', '\nFrom here\n', '\n-- \n', '\n- ', '\n1. ', '\nLabel:   ', '\u2028', '\u2029', '\u0085',
  '=?utf-8?Q?evil?=', '=?UTF-8?B?ZXZpbA==?=', '=?', '?=', '=?utf-8?Q?a b?= ', '=0D=0A', '=', '=\n', '\n--', '\n----_NmP-0123456789abcdef-Part_1--\n', '\nContent-Type: text/html\n\n',
  ' ', '  ', '\t', ' \t ', '\u00a0', '\u3000', '\u200b', '\u200d', '\ufeff', '\u00ad', '\u202e', '\u2066', '\u2069', '\u200f', '\u0001', '\u000b', '\u000c', '\u001b[31m', '\u007f', '\ufffd', '\uffff',
  '\u{1f512}', '\u{1f469}\u200d\u{1f4bb}', '\u{1f1e9}\u{1f1ea}', 'ü', 'e\u0301', '\u06a9\u0644\u0645\u0629', '\u5bc6\u7801', '\u{10ffff}',
  '<script>alert(1)</script>', '<img src=x onerror="alert(1)">', '"><b>', '\'><b>', '" onclick="x', '</title>', '</style><script>', '</td></tr></table>', '<!--', '-->', '--!>', '<![endif]-->', '<![CDATA[', ']]>', '<?php ',
  '<!DOCTYPE html>', '&lt;', '&#60;', '&#x3c', '&quot', '&', '<', '>', '"', '\'', '`', '/', '\\', '<a href=javascript:alert(1)>', 'javascript:alert(1)',
  '{{ EventName }}', '{{', '}}', '{% raw %}', '{% endraw %}', '{% assign V = "x" %}', '{%', '%}', '{{ "<b>" | raw }}', '%Y', '$&', '$1',
  'https://', 'http://a.example/?b=1&c=2', 'https://a.example/?b&lt;c&#34;&amp;d', 'https://a.example/"onclick="x', 'https://a.example/<b>', 'https', 'http', 'HTTPS://a.example', '://', '5', '2026-03-01T09:30:00Z', 'now', 'true', 'false', 'null',
];
const NUMBERS = [0, -0, 1, -1, 0.1, 1e21, -1e21, 1e-7, 5e-324, Number.MAX_VALUE, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 1_700_000_000];
/** What the engine, or JavaScript, has a meaning of its own for, and what Mailroom fills in. */
const NAMES = [
  'constructor', 'prototype', 'proto__', 'toString', 'valueOf', 'hasOwnProperty', 'toJSON', 'then', 'size', 'first', 'last', 'length', 'forloop', 'blank', 'empty', 'nil', 'true', 'false', 'null', 'contains', 'and', 'or',
  'EventName', 'EventDisplayName', 'EventDescription', 'EventTimestamp', 'scheme', 'x'.repeat(64),
];

const RUNS = 300;
const RUNS_OF_HTML = 400;
/** For a machine that is busy with other things; on an idle one none takes a tenth of it. */
const PATIENT_MS = 60_000;
const MAX_TEXT = 8_192;
/** Well-formed, without NUL, and not too long. */
const acceptable = (text: string): string => text.replaceAll('\0', '').slice(0, MAX_TEXT).toWellFormed();
const piece = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...NASTY) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
  { weight: 2, arbitrary: fc.lorem({ maxCount: 20 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 20 }) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom('x', 'ü', '\u{1f512}', '"', 'a '), fc.integer({ min: 70, max: 1_100 })).map(([unit, times]) => unit.repeat(times)) },
);
const pieces = fc.array(piece, { maxLength: 10 }).map((all) => acceptable(all.join('')));
/** As long as the API allows, or as can be with whole repetitions. */
const longest = fc.array(piece, { minLength: 1, maxLength: 4 }).map((all) => all.join('')).map((unit) => acceptable(unit.repeat(MAX_TEXT / (unit.length || 1) + 1)));
const text = fc.oneof({ weight: 20, arbitrary: pieces }, { weight: 1, arbitrary: longest });
const value: fc.Arbitrary<Value> = fc.oneof(
  { weight: 8, arbitrary: text },
  { weight: 1, arbitrary: fc.oneof(fc.constantFrom<Value>(...NUMBERS, true, false, null), fc.double({ noNaN: true, noDefaultInfinity: true })) },
);

/** Any event of the type that the API accepts; `shown` it has in any case. Now and then all that its template can show is long, so that the mail is as large as mails become. */
function eventOf(type: EventType, shown: string[]): fc.Arbitrary<ToldEvent> {
  const declared = type.properties.map((property) => property.name);
  const name = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...declared) },
    { weight: 1, arbitrary: fc.constantFrom(...NAMES) },
    { weight: 1, arbitrary: fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,63}$/) },
  );
  const usual = fc.tuple(fc.dictionary(name, value, { maxKeys: 15, noNullPrototype: true }), ...shown.map(() => value))
    .map(([others, ...values]) => ({ ...others, ...Object.fromEntries(shown.map((macro, index) => [macro, values[index]!])) }));
  const large = longest.map((one) => Object.fromEntries([...declared, ...shown].map((macro) => [macro, one])));
  return fc.oneof({ weight: 14, arbitrary: usual }, { weight: 1, arbitrary: large }).map((properties) => ({ type: type.name, properties, occurredAt: new Date('2026-01-02T03:04:05Z') }));
}

const ODD = 'tab\there \u0001\u000b\u007f\u2028 ü\rBcc: x@y\r\n\r\n.\r\n';
const SUBJECTS = ['{{ V }}', 'Failed: {{ V }} on {{ W | default: "an asset" }}', '{{ V | upcase | truncate: 70 }}', `{{ W }}${ODD}\u202e`, '{{ Missing }}', '{{ constructor }}{{ size }}{{ first }}{{ V.size }}{{ V.first }}'];
const TEXTS = ['{{ V }}', 'Dear {{ V }},\r\n\r\nOne:   {{ V }}\nTwo:   {{ W }}\n\n{{ V | truncate: 30 }}:   {{ W | strip_newlines }}\n\n- {{ W }}\n- b\n\n-- \n{{ V }}', `{{ W | remove_first: "x" }}${ODD}{{ V | strip_newlines }}`, '{% for word in V %}{% assign all = word | split: " " %}{{ all | join: "\n" }}{% endfor %}', '{{ Missing }}'];
/** Values as text, in attributes in double quotes, in loops, and through filters: all of them do to a value what they do to its harmless likeness. */
const HTMLS = [
  null, null, null, '{{ V }}', '<p title="{{ V }}">{{ V }}</p>', `<p>${ODD}\r\n{{ W | newline_to_br }}</p>`, '{{ Missing }}',
  '<!DOCTYPE html><html><head><title>{{ V }}</title></head><body><h1 class="a {{ W }}">{{ V | escape }}</h1><input value="{{ V | raw }}"><pre>{{ W }}</pre></body></html>',
  '<ul>{% assign words = V | split: " " %}{% for word in words limit: 20 %}<li title="{{ forloop.index }} {{ word }}">{{ word | raw }}</li>{% endfor %}</ul>',
  '{% assign c = V | append: W | escape_once %}<p>{{ c }}{% echo W | raw %}{% if V %}<i title="{{ W | slice: 0, 9 }}">{{ V | prepend: W | truncate: 99 | xml_escape }}</i>{% elsif W %}<b>{{ W }}</b>{% endif %}</p>',
];

const types = [...builtInEventTypes.values()];
const typeOf = ({ type }: ToldEvent): EventType => builtInEventTypes.get(type)!;
const byDefault: fc.Arbitrary<Case> = fc.constantFrom(...types).chain((type) => eventOf(type, []).map((event) => ({ event })));
const byTemplate: fc.Arbitrary<Case> = fc.record({
  event: eventOf(builtInEventTypes.get('PasswordCheckFailed')!, ['V', 'W']),
  template: fc.record({ subject: fc.constantFrom(...SUBJECTS), textBody: fc.constantFrom(...TEXTS), htmlBody: fc.constantFrom(...HTMLS), replyTo: fc.constantFrom(null, 'desk@example.com') }),
});
const anyCase = fc.oneof(byDefault, byTemplate);
/** A machine that is too busy may stop a rendering: that run says nothing. */
function rendered({ event, template }: Case): ReturnType<typeof contentOf> {
  const content = contentOf(event, typeOf(event), template);
  fc.pre(!content.warnings.some((warning) => warning.includes('too long to render')));
  return content;
}

type Fields = [name: string, value: string][];
const of = (fields: Fields, name: string): string => fields.find(([candidate]) => candidate === name)?.[1] ?? '';

/** The header fields of a message, or of a part, and what comes behind them: as RFC 5322 has it, and no more lenient. */
function opened(message: string): { fields: Fields; body: string } {
  const end = message.indexOf('\r\n\r\n');
  const fields = message.slice(0, end).replace(/\r\n(?=[ \t])/g, '').split('\r\n').map((line) => /^([!-9;-~]+): ?([\t -~]*)$/.exec(line)?.slice(1) ?? ['No field:', line]);
  return { fields: fields as Fields, body: message.slice(end + 4) };
}

const utf8 = (latin1: string): string => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(latin1, 'latin1'));
const unescaped = (encoded: string): string => encoded.replace(/=([0-9A-F]{2})/g, (_escape, hex: string) => String.fromCharCode(parseInt(hex, 16)));

/** The text of a part. Quoted-printable by RFC 2045 §6.7: nothing but printable ASCII, in lines of at most 76 characters with no blank at their end. */
function decoded({ fields, body }: { fields: Fields; body: string }): string {
  if (of(fields, 'Content-Transfer-Encoding') === '7bit') return utf8(body);
  expect(of(fields, 'Content-Transfer-Encoding')).toBe('quoted-printable');
  expect(body.split('\r\n').filter((line) => line.length > 76 || !/^(?:[\t -<>-~]|=[0-9A-F]{2})*=?$/.test(line) || /[ \t]$/.test(line))).toEqual([]);
  return utf8(unescaped(body.replaceAll('=\r\n', '')));
}

/** Unstructured text by RFC 2047: all of it in encoded words of whole characters, or none of it. */
function unstructured(field: string): string {
  if (!field.includes('=?')) return field;
  return field.split(' ').map((word) => {
    const [, encoding, encoded] = /^=\?UTF-8\?([QB])\?([!->@-~]+)\?=$/.exec(word)!;
    expect(word.length).toBeLessThanOrEqual(75);
    return utf8(encoding === 'B' ? Buffer.from(encoded!, 'base64').toString('latin1') : unescaped(encoded!.replaceAll('_', ' ')));
  }).join('');
}

/** Where two texts part, so that a failure shows that and not two long texts. */
function difference(actual: string | false | undefined, expected: string): object | null {
  if (actual === expected) return null;
  const text = actual || '';
  let at = 0;
  while (at < expected.length && text[at] === expected[at]) at += 1;
  return { at, actual: text.slice(at, at + 50), expected: expected.slice(at, at + 50) };
}

const SENDER = { name: 'Mail, "Room" ü', address: 'mailroom@example.com' };
interface Meant { content: Content; to: string; messageId: string; date: Date }

/** The fields that a message has, each once and in this order, and no others. */
const fieldsFor = ({ replyTo }: Content): string[] =>
  ['To', 'Message-ID', 'Date', 'From', ...(replyTo === null ? [] : ['Reply-To']), 'Subject', 'Auto-Submitted', 'MIME-Version', 'Content-Type'];

/** Bytes that no server on the way has a reason to change, read without the help of a library. The texts have their lines ended by CRLF, all else is as it was. */
function expectRaw(raw: string, { content, to, messageId }: Meant): void {
  expect(raw.replaceAll('\r\n', '')).not.toMatch(/[\r\n\0\x80-\xff]/);
  expect(Math.max(...raw.split('\r\n').map((line) => line.length))).toBeLessThanOrEqual(998);
  const { fields, body } = opened(raw);
  expect(fields.map(([name]) => name)).toEqual(fieldsFor(content));
  expect([of(fields, 'To'), of(fields, 'Message-ID'), of(fields, 'Reply-To') || null]).toEqual([to, messageId, content.replyTo]);
  expect(unstructured(of(fields, 'Subject'))).toBe(content.subject);
  const [, boundary] = /^multipart\/alternative; boundary="([^"\\]{1,70})"$/.exec(of(fields, 'Content-Type'))!;
  const [preamble, ...parts] = `\r\n${body}`.split(`\r\n--${boundary}`);
  expect([preamble, parts.pop()]).toEqual(['', '--\r\n']);
  const leaves = parts.map((part) => opened(part.replace(/^\r\n/, '')));
  expect(leaves.map((leaf) => leaf.fields.map(([name]) => name))).toEqual(Array(2).fill(['Content-Type', 'Content-Transfer-Encoding']));
  expect(leaves.map((leaf) => of(leaf.fields, 'Content-Type'))).toEqual(['text/plain; charset=utf-8', 'text/html; charset=utf-8']);
  const [plain, html] = leaves.map(decoded);
  expect([difference(plain, content.textBody.replaceAll('\n', '\r\n')), difference(html, content.htmlBody.replace(/\r\n|\r|\n/g, '\r\n'))]).toEqual([null, null]);
}

/** The same as a mail program reads it: lines end in LF there. */
async function expectRead(raw: string, { content, to, messageId, date }: Meant): Promise<void> {
  const mail = await simpleParser(Buffer.from(raw, 'latin1'), { skipTextToHtml: true, skipHtmlToText: true, skipImageLinks: true, keepCidLinks: true });
  expect(mail.headerLines.map(({ key }) => key)).toEqual(fieldsFor(content).map((name) => name.toLowerCase()));
  expect(mail).toMatchObject({ subject: content.subject, messageId, attachments: [], to: { text: to }, from: { value: [SENDER] } });
  expect([mail.date, mail.replyTo?.text ?? null, mail.headers.get('auto-submitted'), mail.cc, mail.bcc]).toEqual([date, content.replyTo, 'auto-generated', undefined, undefined]);
  expect([difference(mail.text, content.textBody), difference(mail.html, content.htmlBody.replace(/\r\n|\r/g, '\n'))]).toEqual([null, null]);
}

async function expectMail(raw: string, meant: Meant): Promise<void> {
  expectRaw(raw, meant);
  await expectRead(raw, meant);
}

test('any event becomes a mail that reads back as its content, with the fields that were meant', async () => {
  const recipient = { to: 'ops@example.test', messageId: '<0198c0de-1@mailroom.example.test>', date: new Date('2026-01-02T03:04:06Z') };
  await fc.assert(fc.asyncProperty(anyCase, async (one) => {
    refuseInvalidEvents([{ ...one.event, occurredAt: null }], builtInEventTypes, () => ''); // what is tested is what the API accepts
    const content = rendered(one);
    const composed = composeContent({ fromName: SENDER.name, fromAddress: SENDER.address, replyTo: content.replyTo, subject: content.subject, text: content.textBody, html: content.htmlBody });
    await expectMail(messageFor(composed, recipient).toString('latin1'), { content, ...recipient });
  }), { numRuns: RUNS });
}, PATIENT_MS);

test('a subject is never blank, not even when nothing of the name of an event can be seen', () => {
  const event = { type: 'Hidden', properties: {}, occurredAt: new Date() };
  const { subject, textBody } = contentOf(event, { ...builtInEventTypes.get('Test')!, displayName: '\u202e' }, { subject: '{{ Missing }}', textBody: '{{ Missing }}', htmlBody: null, replyTo: null });
  expect([subject, textBody]).toEqual([expect.stringMatching(/\w/), expect.stringMatching(/\w/)]);
});

/** Characters without which nothing is markup: neither in text nor in double quotes. The likeness has the same length, lines, words and URLs. */
const harmless = (text: string): string => text.replace(/[<>"]/g, '\'').replaceAll('&', '~');
const likeness = (event: ToldEvent): ToldEvent => ({
  ...event, properties: Object.fromEntries(Object.entries(event.properties).map(([name, one]) => [name, typeof one === 'string' ? harmless(one) : one])),
});

/** What a program that shows the document finds in it: the elements and attributes, comments and the like, and the text. Values of attributes that may hold ours are text. */
function found(html: string): { markup: string[]; text: string; links: string[] } {
  const markup: string[] = [];
  const links: string[] = [];
  let text = '';
  const parser = new Parser({
    onopentagname: (name) => { markup.push(name); },
    onattribute: (name, content, quote) => {
      markup.push(` ${name}=${quote}`);
      text += content;
      if (name === 'href') links.push(content);
    },
    onclosetag: (name, isImplied) => { markup.push(`/${name}${isImplied ? ' implied' : ''}`); },
    oncomment: (comment) => { markup.push(`<!--${comment}-->`); },
    onprocessinginstruction: (_name, instruction) => { markup.push(`<${instruction}>`); },
    ontext: (more) => { text += more; },
  });
  parser.end(html);
  return { markup, text, links };
}

const addresses = fc.array(fc.constantFrom('http', 'https', 'HTTPS', 'javascript', ':', '//', '://', 'a.example', 'alert(1)', ' ', '\n', '"', '\\', '.'), { maxLength: 6 }).map((all) => all.join(''));
const linked: fc.Arbitrary<Case> = fc.tuple(fc.oneof(byDefault, byTemplate), addresses).map(([{ event, template }, address]) => ({
  event: { ...event, properties: { ...event.properties, V: address, ...Object.fromEntries(typeOf(event).properties.filter((property) => property.type === 'uri').map(({ name }) => [name, address])) } },
  template: template && { ...template, htmlBody: null },
}));

/** A time is written out when it can be read, which may depend on any character. */
const hasTime = ({ event, template }: Case): boolean => template === undefined && typeOf(event).properties.some(({ name, type }) => type === 'dateTime' && name !== 'EventTimestamp' && typeof event.properties[name] === 'string');

describe('values are text in HTML', () => {
  test('no value adds an element, an attribute or a comment, and each is shown as it is', () => {
    fc.assert(fc.property(anyCase, (one) => {
      const hostile = found(rendered(one).htmlBody);
      const tame = found(rendered({ ...one, event: likeness(one.event) }).htmlBody);
      expect(hostile.markup).toEqual(tame.markup);
      if (!hasTime(one)) expect(difference(harmless(hostile.text), harmless(tame.text))).toBeNull();
    }), { numRuns: RUNS_OF_HTML });
  });

  test('a value that a template captures is shown as it is, too', () => {
    const shown = (event: ToldEvent, htmlBody: string): string => found(rendered({ event, template: { subject: 'S', textBody: 'T', htmlBody, replyTo: null } }).htmlBody).text;
    fc.assert(fc.property(eventOf(builtInEventTypes.get('PasswordCheckFailed')!, ['V']), (event) => {
      expect(difference(shown(event, '<p>{% capture all %}{{ V }}{% endcapture %}{{ all }}</p>'), shown(event, '<p>{{ V }}</p>'))).toBeNull();
    }), { numRuns: RUNS_OF_HTML });
  });

  test('the links of our own documents lead to the web', () => {
    fc.assert(fc.property(linked, (one) => {
      expect(found(rendered(one).htmlBody).links.filter((link) => !/^https?:\/\//.test(link))).toEqual([]);
    }), { numRuns: RUNS_OF_HTML });
  });

  test.each(['<p><i>a</i></p>', '<p title="a">a</p>', '<p>a<!-- --></p>', '<p>a<![CDATA[]]></p>', '<p>a<!x></p>', '<p>a</p></p>', '<p>a<?x?></p>', '<p>a'])('%s is told from <p>a</p>', (html) => {
    expect(found(html).markup).not.toEqual(found('<p>a</p>').markup);
  });
});

describe('by way of a real relay', () => {
  const SEED = 20_260_102;
  let mailroom: TestMailroom;
  let sink: SmtpSink;
  beforeAll(async () => {
    [mailroom, sink] = await Promise.all([startMailroom(), startSmtpSink()]);
    await mailroom.sdk.putSmtpSettings({ body: { serverAddress: 'localhost', port: sink.port, security: 'none', senderAddress: SENDER.address, senderName: SENDER.name } });
    await mailroom.sdk.createSubscription({ body: { emailAddress: 'ops@example.com', allEvents: true } });
    const template = { subject: SUBJECTS[0], textBody: TEXTS[1], htmlBody: HTMLS.at(-1), replyTo: 'desk@example.com' };
    await mailroom.as().put('/v1/email-templates/PasswordCheckFailed', template).expect(200);
  });
  afterAll(async () => {
    await mailroom?.close();
    await sink?.close();
  });

  /** All that is nasty at once: in every property of a type with a template of its own, and in the values that the administrator's template shows. */
  const everything = acceptable(NASTY.join(''));
  const nastiest = ['AccessRequestPendingApproval', 'CertificateExpiring', 'UserCreated', 'PasswordCheckFailed'].map((name) => (
    { type: name, properties: Object.fromEntries([...builtInEventTypes.get(name)!.properties.map((property) => property.name), ...NAMES, 'V', 'W'].map((macro) => [macro, everything])) }
  ));
  const sampled = fc.sample(anyCase, { seed: SEED, numRuns: 15 }).map(({ event: { type, properties } }) => ({ type, properties }));
  const events = [...nastiest, ...sampled];

  test(`each mail reads back as the content that was kept for its event (seed ${SEED})`, async () => {
    const published = await Promise.all(events.map((event) => mailroom.sdk.publishEvent({ body: event })));
    const mails = await sink.waitForMails(events.length, PATIENT_MS);
    const { prisma } = mailroom.container.database;
    const emails = await waitFor(() => prisma.email.findMany(), (rows) => rows.every(({ status }) => status === 'sent'), PATIENT_MS);
    expect(emails.map(({ eventId }) => eventId).sort()).toEqual(published.map(({ id }) => id).sort());
    for (const { eventId, toAddress, messageId, createdAt } of emails) {
      const content = await prisma.emailContent.findUniqueOrThrow({ where: { eventId } });
      const [mail, ...again] = mails.filter(({ raw }) => raw.includes(messageId));
      expect(again).toEqual([]);
      await expectMail(mail!.raw, { content, to: toAddress, messageId, date: new Date(Math.floor(createdAt.getTime() / 1000) * 1000) });
    }
  }, PATIENT_MS);
});
