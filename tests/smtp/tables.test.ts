import { describe, expect, test } from '@jest/globals';
import { classify, type ClassifiedFailure, type Verdict } from '../../src/smtp/classify.js';
import { encodeData } from '../../src/smtp/dot-stuffing.js';
import { parseExtensions, sizeLimit } from '../../src/smtp/extensions.js';
import { parseQueueId } from '../../src/smtp/queue-id.js';
import { ReplyReader, type Reply } from '../../src/smtp/replies.js';
import { replyFault } from '../../src/smtp/reply-faults.js';
import { completeStages, emptyStage, type StageName } from '../../src/smtp/stage.js';
import { Transcript } from '../../src/smtp/transcript.js';

describe('classify', () => {
  const failure = (overrides: Partial<ClassifiedFailure>): ClassifiedFailure =>
    ({ code: 'X', stage: 'mailFrom', replyCode: null, messageHandedOver: false, ...overrides });

  test.each<[string, Partial<ClassifiedFailure>, Verdict['outcome'], boolean]>([
    ['connection refused', { stage: 'connect', code: 'CONNECTION_REFUSED' }, 'retry', false],
    ['a wrong certificate', { stage: 'startTls', code: 'CERTIFICATE_EXPIRED' }, 'retry', false],
    ['a time-out', { stage: 'mailFrom', code: 'COMMAND_TIMEOUT' }, 'retry', false],
    ['garbage', { stage: 'rcptTo', code: 'PROTOCOL_ERROR' }, 'retry', false],
    ['421 at the greeting', { stage: 'greeting', replyCode: 421 }, 'retry', true],
    ['554 at the greeting', { stage: 'greeting', replyCode: 554 }, 'retry', false],
    ['550 to EHLO', { stage: 'ehlo', replyCode: 550 }, 'retry', false],
    ['502 to STARTTLS', { stage: 'startTls', replyCode: 502 }, 'retry', false],
    ['535 to AUTH', { stage: 'auth', replyCode: 535 }, 'retry', false],
    ['no AUTH offered', { stage: 'auth', code: 'AUTH_NOT_OFFERED' }, 'retry', false],
    ['530 to MAIL', { stage: 'mailFrom', replyCode: 530, code: 'AUTH_REQUIRED' }, 'retry', false],
    ['this machine refused at RCPT', { stage: 'rcptTo', replyCode: 554, code: 'CLIENT_REJECTED' }, 'retry', false],
    ['its EHLO name refused at RCPT', { stage: 'rcptTo', replyCode: 504, code: 'EHLO_REJECTED' }, 'retry', false],
    ['530 STARTTLS first', { stage: 'mailFrom', replyCode: 530, code: 'TLS_REQUIRED' }, 'retry', false],
    ['550 to MAIL', { stage: 'mailFrom', replyCode: 550 }, 'final', false],
    ['450 to RCPT', { stage: 'rcptTo', replyCode: 450 }, 'retry', false],
    ['452 to RCPT', { stage: 'rcptTo', replyCode: 452 }, 'retry', true],
    ['452 too large', { stage: 'mailFrom', replyCode: 452, code: 'MESSAGE_TOO_LARGE' }, 'retry', true],
    ['550 to RCPT', { stage: 'rcptTo', replyCode: 550 }, 'final', false],
    ['554 to the message', { stage: 'data', replyCode: 554 }, 'final', false],
    ['451 to the message', { stage: 'data', replyCode: 451 }, 'retry', false],
    ['421 to the message', { stage: 'data', replyCode: 421 }, 'retry', true],
    ['an early loss in DATA', { stage: 'data', code: 'CONNECTION_LOST' }, 'retry', false],
    ['a loss after the final dot', { stage: 'data', code: 'CONNECTION_LOST_AFTER_DATA', messageHandedOver: true }, 'unconfirmed', false],
    ['silence after the final dot', { stage: 'data', code: 'DATA_TIMEOUT', messageHandedOver: true }, 'unconfirmed', false],
    ['garbage after the final dot', { stage: 'data', code: 'PROTOCOL_ERROR', messageHandedOver: true }, 'unconfirmed', false],
    ['an invalid address', { stage: 'rcptTo', code: 'INVALID_ADDRESS' }, 'final', false],
    ['no SMTPUTF8', { code: 'SMTPUTF8_REQUIRED' }, 'final', false],
    ['no 8BITMIME', { code: 'EIGHTBITMIME_REQUIRED' }, 'final', false],
    ['larger than SIZE', { code: 'MESSAGE_TOO_LARGE' }, 'final', false],
  ])('%s', (_name, overrides, outcome, slowDown) => {
    expect(classify(failure(overrides))).toEqual({ outcome, slowDown });
  });
});

describe('encodeData', () => {
  test.each([
    ['an empty message', '', '.\r\n'],
    ['a normal message', 'A: b\r\n\r\ntext\r\n', 'A: b\r\n\r\ntext\r\n.\r\n'],
    ['no final line end', 'text', 'text\r\n.\r\n'],
    ['a dot at the start', '.a\r\n', '..a\r\n.\r\n'],
    ['a lone dot', 'a\r\n.\r\nb\r\n', 'a\r\n..\r\nb\r\n.\r\n'],
    ['dots in a row', '.\r\n..\r\n.\r\n', '..\r\n...\r\n..\r\n.\r\n'],
    ['a dot inside', 'a.b\r\n', 'a.b\r\n.\r\n'],
    ['lone LF', 'a\nb\r\nc\n', 'a\r\nb\r\nc\r\n.\r\n'],
    ['lone CR', 'a\rb\r\n', 'a\r\nb\r\n.\r\n'],
    ['lone CR at the end', 'a\r', 'a\r\n.\r\n'],
    ['LF first', '\na', '\r\na\r\n.\r\n'],
    ['CR CR LF', 'a\r\r\nb\r\n', 'a\r\n\r\nb\r\n.\r\n'],
    ['a smuggled end (LF dot CRLF)', 'a\n.\r\nMAIL FROM:<x>\r\n', 'a\r\n..\r\nMAIL FROM:<x>\r\n.\r\n'],
    ['a smuggled end (CR dot CR)', 'a\r.\rb', 'a\r\n..\r\nb\r\n.\r\n'],
  ])('%s', (_name, message, expected) => {
    expect(encodeData(Buffer.from(message)).toString()).toBe(expected);
  });

  test('8-bit bytes pass unchanged, also when line ends are mended', () => {
    const bytes = Buffer.from([0xff, 0x0a, 0xc3, 0xbc, 0x00]);
    expect(encodeData(bytes)).toEqual(Buffer.from([0xff, 0x0d, 0x0a, 0xc3, 0xbc, 0x00, 0x0d, 0x0a, 0x2e, 0x0d, 0x0a]));
  });
});

test.each([
  ['250 2.0.0 Ok: queued as 4XyZ1234abc', '4XyZ1234abc'],
  ['250 OK id=1sABcd-000000012Ab-3cDe', '1sABcd-000000012Ab-3cDe'],
  ['250 2.6.0 <a@b.test> [InternalId=123456789, Hostname=EX1.corp.test] 5134 bytes in 0.1 Queued mail for delivery', '123456789'],
  ['250 2.0.0 3AB1cdef012345 Message accepted for delivery', '3AB1cdef012345'],
  ['250 2.0.0 1a2b3c4d Message accepted for delivery', '1a2b3c4d'],
  ['250 ok 1700000000 qp 12345', '12345'],
  ['250 2.0.0 OK  1700000000 a640c23a62f3a-abc123.45 - gsmtp', 'a640c23a62f3a-abc123.45'],
  ['250 Ok 0102018c1a2b3c4d-1a2b3c4d-1234-5678-9abc-def012345678-000000', '0102018c1a2b3c4d-1a2b3c4d-1234-5678-9abc-def012345678-000000'],
  ['250 Message Queued (4C9B5E1C-2F6B-4E0A-9B57-0123456789AB.1)', '4C9B5E1C-2F6B-4E0A-9B57-0123456789AB.1'],
  ['250 2.0.0 Message queued with id 7a1b2.', '7a1b2'],
  ['250 ok:  Message 12345 accepted', '12345'],
  ['250 OK: message queued', null],
  ['250 Queued (0.012 seconds)', null],
  ['250 Message accepted for delivery', null],
  ['250 2.0.0 Message accepted for delivery', null],
  ['250 OK', null],
])('queue id of %j', (reply, id) => {
  expect(parseQueueId(reply)).toBe(id);
});

function reply(text: string): Reply {
  const replies: Reply[] = [];
  new ReplyReader().push(Buffer.from(`${text}\r\n`), (item) => replies.push(item));
  return replies[0]!;
}

describe('what refusals mean', () => {
  test.each<[StageName, string, string, RegExp]>([
    ['greeting', '554 5.7.1 blocked', 'GREETING_REJECTED', /block list/],
    ['greeting', '421 busy', 'SERVICE_UNAVAILABLE', /maxConnections/],
    ['ehlo', '501 invalid name', 'EHLO_REJECTED', /clientHostname/],
    ['startTls', '454 4.7.0 not available', 'STARTTLS_REJECTED', /certificate/],
    ['auth', '535 5.7.8 bad credentials', 'AUTH_REJECTED', /password/],
    ['auth', '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant', 'AUTH_REJECTED', /Exchange/],
    ['auth', '535 5.7.139 Authentication unsuccessful, basic authentication is disabled.', 'AUTH_REJECTED', /Use OAuth/],
    ['auth', '534 5.7.9 Application-specific password required', 'AUTH_REJECTED', /app password/],
    ['auth', '538 5.7.11 Encryption required', 'TLS_REQUIRED', /startTls/],
    ['auth', '454 4.7.0 Temporary authentication failure', 'AUTH_UNAVAILABLE', /directory/],
    ['mailFrom', '530 5.7.0 Must issue a STARTTLS command first', 'TLS_REQUIRED', /startTls/],
    ['mailFrom', '530 5.7.57 Client not authenticated to send mail', 'AUTH_REQUIRED', /account/],
    ['mailFrom', '550 5.7.1 Authentication required', 'AUTH_REQUIRED', /account/],
    ['mailFrom', '552 5.3.4 Message size exceeds fixed limit', 'MESSAGE_TOO_LARGE', /template/],
    ['mailFrom', '452 4.3.1 Insufficient system storage', 'INSUFFICIENT_RESOURCES', /disk/],
    ['mailFrom', '553 5.1.8 Domain does not exist', 'SENDER_REJECTED', /sender address/],
    ['mailFrom', '553 5.7.1 Sender address rejected: not owned by user x', 'SENDER_REJECTED', /own address/],
    ['mailFrom', '450 4.1.8 Sender address rejected: Domain not found', 'SENDER_DEFERRED', /again/],
    ['rcptTo', '554 5.7.1 <x@y.test>: Relay access denied', 'RELAY_DENIED', /relay/],
    ['rcptTo', '550 relaying prohibited', 'RELAY_DENIED', /relay/],
    ['rcptTo', '550 5.1.1 User unknown', 'RECIPIENT_REJECTED', /recipient/],
    ['ehlo', '421 4.7.1 mx.test Error: No client certificate presented', 'CLIENT_CERTIFICATE_REQUIRED', /useClientCertificate/],
    ['ehlo', '421 4.7.1 mx.test Error: Client certificate not trusted', 'CLIENT_CERTIFICATE_REJECTED', /expiry/],
    ['rcptTo', '554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied', 'CLIENT_REJECTED', /account/],
    ['rcptTo', '554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using bl.test', 'CLIENT_REJECTED', /block list/],
    ['rcptTo', '450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]', 'CLIENT_REJECTED', /address/],
    ['rcptTo', '504 5.5.2 <appliance>: Helo command rejected: need fully-qualified hostname', 'EHLO_REJECTED', /clientHostname/],
    ['rcptTo', '554 5.7.1 <a@b.test>: Sender address rejected: Access denied', 'SENDER_REJECTED', /sender address/],
    ['rcptTo', '450 4.1.8 <a@b.test>: Sender address rejected: Domain not found', 'SENDER_DEFERRED', /again/],
    ['rcptTo', '553 5.1.8 Domain of sender address does not exist', 'SENDER_REJECTED', /sender address/],
    ['rcptTo', '552 5.2.2 Mailbox full', 'MAILBOX_FULL', /room/],
    ['rcptTo', '450 4.2.0 Greylisted', 'RECIPIENT_DEFERRED', /Greylisting/],
    ['data', '554 5.7.1 Spam', 'MESSAGE_REJECTED', /SPF/],
    ['data', '554 5.2.252 SendAsDenied; a not allowed to send as b', 'SENDER_REJECTED', /right to send/],
    ['data', '552 5.3.4 too big', 'MESSAGE_TOO_LARGE', /template/],
    ['data', '451 4.3.0 later', 'MESSAGE_DEFERRED', /again/],
    ['data', '250 what', 'PROTOCOL_ERROR', /words/],
    ['quit', '500 what', 'COMMAND_REJECTED', /words/],
  ])('%s: %s', (stage, text, code, hint) => {
    const fault = replyFault(stage, reply(text), 'mx.example.test');
    expect(fault).toEqual({ code, hint: expect.stringMatching(hint), message: expect.stringMatching(/^mx\.example\.test .+: \d{3} .+/) });
  });
});

test('extensions of EHLO, in upper case, with old forms merged', () => {
  const extensions = parseExtensions(reply('250-mx.test hello\r\n250-size 1000\r\n250-AUTH PLAIN\r\n250-AUTH=LOGIN\r\n250 Pipelining'));
  expect(Object.fromEntries(extensions)).toEqual({ SIZE: '1000', AUTH: 'PLAIN LOGIN', PIPELINING: '' });
  expect(sizeLimit(extensions)).toBe(1000);
  expect(sizeLimit(new Map([['SIZE', '0']]))).toBeNull();
  expect(sizeLimit(new Map([['SIZE', 'x']]))).toBeNull();
});

test('stages that were not reached are told as skipped, in the order of the dialogue', () => {
  const stages = completeStages([emptyStage('connect'), { ...emptyStage('tls', 'failed'), code: 'CERTIFICATE_EXPIRED' }], 'smtps');
  expect(stages.map(({ name, status }) => `${name} ${status}`)).toEqual([
    'connect passed', 'tls failed', 'greeting skipped', 'ehlo skipped', 'auth skipped', 'mailFrom skipped', 'rcptTo skipped', 'data skipped', 'quit skipped',
  ]);
});

test('a transcript is cut at 64 KiB and says so', () => {
  const transcript = new Transcript();
  for (let line = 0; line < 1_000; line += 1) transcript.server(`250-${'ü'.repeat(2_000)}\u001b`);
  const text = transcript.toString();
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(64 * 1024);
  expect(text).toMatch(/^0\.\d{3} S: 250-ü+…\n/);
  expect(text).toMatch(/cut here, at 64 KiB\.$/);
});
