import { describe, expect, test } from '@jest/globals';
import { simpleParser, type ParsedMail } from 'mailparser';
import { MailboxError } from '../../src/smtp/mailbox.js';
import { composeContent, messageFor, type ContentInput } from '../../src/smtp/message.js';

const recipient = { to: 'ops@example.test', messageId: '<0198c0de-1@mailroom.example.test>', date: new Date('2026-01-02T03:04:05Z') };
const input = (overrides: Partial<ContentInput> = {}): ContentInput =>
  ({ fromName: 'Mailroom', fromAddress: 'noreply@example.test', replyTo: null, subject: 'Hello', text: 'Text\n', html: '<p>Html</p>', ...overrides });

async function compose(overrides: Partial<ContentInput> = {}): Promise<{ raw: string; mail: ParsedMail }> {
  const message = messageFor(composeContent(input(overrides)), recipient);
  const raw = message.toString('latin1');
  expect(raw.replace(/\r\n/g, '')).not.toMatch(/[\r\n]/); // every line ends in CRLF
  expect(Math.max(...raw.split('\r\n').map(({ length }) => length))).toBeLessThanOrEqual(998); // RFC 5322 §2.1.1
  return { raw, mail: await simpleParser(message) };
}

const headerNames = (raw: string): string[] => raw.slice(0, raw.indexOf('\r\n\r\n')).split(/\r\n(?![ \t])/).map((line) => line.slice(0, line.indexOf(':')));

test('a message has each field once, plain text before HTML', async () => {
  const { raw, mail } = await compose({ replyTo: 'desk@example.test', headers: { 'X-Mailroom-Event': 'UserCreated' } });
  expect(headerNames(raw)).toEqual(['To', 'Message-ID', 'Date', 'From', 'Reply-To', 'Subject', 'Auto-Submitted', 'X-Mailroom-Event', 'MIME-Version', 'Content-Type']);
  expect(mail).toMatchObject({ subject: 'Hello', messageId: recipient.messageId, text: 'Text\n', html: '<p>Html</p>' });
  expect(mail.date).toEqual(recipient.date);
  expect(mail.from!.value).toEqual([{ name: 'Mailroom', address: 'noreply@example.test' }]);
  expect(mail.replyTo!.value[0]!.address).toBe('desk@example.test');
  expect([mail.headers.get('auto-submitted'), mail.headers.get('x-mailroom-event')]).toEqual(['auto-generated', 'UserCreated']);
  expect(mail.headers.get('content-type')).toMatchObject({ value: 'multipart/alternative' });
  expect(raw.indexOf('text/plain')).toBeLessThan(raw.indexOf('text/html'));
});

test('the same message made again is the same to the byte, another one has another boundary', async () => {
  const [once, again, other] = [await compose(), await compose(), await compose({ text: 'Other text\n' })];
  const boundaryIn = ({ raw }: { raw: string }): string => /boundary="([^"]+)"/.exec(raw)![1]!;
  expect(again.raw).toBe(once.raw);
  expect(boundaryIn(other)).not.toBe(boundaryIn(once));
});

test('a message without HTML is plain text', async () => {
  const { raw, mail } = await compose({ html: null });
  expect(mail.headers.get('content-type')).toMatchObject({ value: 'text/plain', params: { charset: 'utf-8' } });
  expect([mail.text, mail.html]).toEqual(['Text\n', false]);
  expect(raw).not.toContain('multipart');
});

test('the shared part is built once and each recipient gets their own head', async () => {
  const content = composeContent(input());
  const [first, second] = ['a@example.test', 'b@example.test'].map((to, index) => messageFor(content, { ...recipient, to, messageId: `id${index}@x.test` }));
  const [one, two] = [await simpleParser(first!), await simpleParser(second!)];
  expect([one.to, two.to].map((to) => (Array.isArray(to) ? '' : to!.text))).toEqual(['a@example.test', 'b@example.test']);
  expect([one.messageId, two.messageId]).toEqual(['<id0@x.test>', '<id1@x.test>']);
  expect(first!.subarray(-content.bytes.length).equals(second!.subarray(-content.bytes.length))).toBe(true);
});

describe('subjects arrive as they were written, on one line', () => {
  test.each([
    ['emoji', '🔐 Password of 👩‍💻 changed'],
    ['right to left', 'تم تغيير كلمة المرور'],
    ['Chinese', '密码检查失败'.repeat(20)],
    ['1,000 letters without a space', 'x'.repeat(1000)],
    ['1,000 letters in words', 'word '.repeat(200).trim()],
    ['1,000 umlauts', 'ü'.repeat(1000)],
    ['an encoded word as text', '=?UTF-8?B?c3B5?= is text'],
    ['half an encoded word', 'a =? b ?= c =?utf-8?Q?'],
    ['quotes', 'He said "no", \\ and (yes)'],
    ['a colon', 'Bcc: everybody@example.test'],
  ])('%s', async (_name, subject) => {
    const { raw, mail } = await compose({ subject });
    expect(mail.subject).toBe(subject);
    expect(raw.slice(0, raw.indexOf('\r\n\r\n'))).toMatch(/^[\x20-\x7e\r\n]*$/);
  });
});

describe('no value adds a header', () => {
  const EVIL = 'x\r\nBcc: victim@example.test\r\n\r\nbody';

  test.each<[string, Partial<ContentInput>]>([
    ['subject', { subject: EVIL }],
    ['subject with a lone LF', { subject: 'x\nBcc: victim@example.test' }],
    ['subject with a lone CR', { subject: 'ü\rBcc: victim@example.test' }],
    ['sender name', { fromName: EVIL }],
    ['sender name with umlauts', { fromName: `ü${EVIL}` }],
    ['extra header', { headers: { 'X-Mailroom-Note': EVIL } }],
  ])('%s', async (_name, overrides) => {
    const { raw, mail } = await compose(overrides);
    expect(headerNames(raw).filter((name) => /^bcc$/i.test(name))).toEqual([]);
    expect(mail.bcc).toBeUndefined();
    expect(mail.text).toBe('Text\n');
  });

  test.each<[string, Partial<ContentInput>]>([['sender', { fromAddress: `a@x.test${EVIL}` }], ['reply-to', { replyTo: `a@x.test>, <b@y.test` }]])('%s address', (_name, overrides) => {
    expect(() => composeContent(input(overrides))).toThrow(MailboxError);
  });

  test.each(['Bcc', 'Subject', 'Content-Type', 'X-A\r\nBcc', 'X A', ''])('extra field %j', (name) => {
    expect(() => composeContent(input({ headers: { [name]: 'x' } }))).toThrow(TypeError);
  });

  test('recipient and Message-ID', () => {
    const content = composeContent(input());
    expect(() => messageFor(content, { ...recipient, to: 'a@x.test\r\nBcc: b@x.test' })).toThrow(MailboxError);
    expect(() => messageFor(content, { ...recipient, messageId: '<a@x.test>\r\nBcc: b@x.test' })).toThrow(TypeError);
  });
});

test.each([
  ['plain', 'Mailroom'],
  ['comma and quotes', 'Doe, "Jane" \\ Ops'],
  ['umlauts', 'Büro für Passwörter'],
  ['umlauts and specials', 'Müller, "Jürgen" <x@y.test>'],
  ['an encoded word as text', '=?utf-8?Q?evil?='],
  ['an address as name', 'ceo@example.test'],
  ['emoji', '🔐'],
])('a sender name with %s', async (_name, fromName) => {
  const { mail } = await compose({ fromName });
  expect(mail.from!.value).toEqual([{ name: fromName, address: 'noreply@example.test' }]);
});

test('domains go as A-labels', async () => {
  const { raw } = await compose({ fromAddress: 'noreply@bücher.example', replyTo: '"a b"@example.test' });
  expect(raw).toContain('<noreply@xn--bcher-kva.example>');
  expect(raw).toContain('Reply-To: "a b"@example.test\r\n');
});

describe('bodies arrive as they were written, in 7 bits', () => {
  test.each([
    ['umlauts and emoji', 'Grüße 🔐\n'],
    ['a dot alone', 'a\n.\n..\nb\n'],
    ['a long line', `${'x'.repeat(5_000)}\n`],
    ['trailing spaces', 'a  \nb\t\nc\n'],
    ['From at the start', 'From here\nFrom there\n'],
    ['mixed line ends', 'a\r\nb\nc\rd\n'],
    ['an equals sign', 'a=3D=\nb ü\n'],
    ['what looks like a boundary', '----_NmP\n--\n'],
    ['Chinese', '密码检查失败\n'.repeat(50)],
  ])('%s', async (_name, text) => {
    const { raw, mail } = await compose({ text, html: `<pre>${text}</pre>` });
    const expected = text.replace(/\r\n|\r/g, '\n');
    expect(mail.text).toBe(expected);
    expect(mail.html).toBe(`<pre>${expected}</pre>`);
    expect(raw).toMatch(/^[\x09\x20-\x7e\r\n]*$/);
    expect(raw).toMatch(/Content-Transfer-Encoding: (7bit|quoted-printable)/);
    expect(raw).not.toContain('base64');
  });

  test('a lone surrogate becomes a replacement character', async () => {
    expect((await compose({ text: 'a\ud800b\n', html: null })).mail.text).toBe('a\ufffdb\n');
  });
});
