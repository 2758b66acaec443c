import { describe, expect, test } from '@jest/globals';
import { connectionLine, type DeliveryFacts, deliveryLine, storable, testLine } from '../../src/smtp-session-logs/session-line.js';
import { Transcript } from '../../src/smtp/transcript.js';

const facts = (overrides: Partial<DeliveryFacts> = {}): DeliveryFacts => ({
  status: 'sent', relay: 'mail.example.com', address: '192.0.2.25', port: 25, tls: 'TLSv1.3', from: 'mailroom@example.com', to: 'alice@example.com',
  messageId: '<1@example.com>', queueId: 'ABC1', durationMs: 12, reply: '250 2.0.0 Ok: queued as ABC1', code: null, message: null, ...overrides,
});

describe('a line', () => {
  test('tells of a delivery all that is known, and leaves out what is not', () => {
    expect(deliveryLine(facts())).toBe('sent relay=mail.example.com address=192.0.2.25:25 tls=TLSv1.3 from=<mailroom@example.com> to=<alice@example.com> message-id=<1@example.com> queue-id=ABC1 ms=12 reply="250 2.0.0 Ok: queued as ABC1"');
    expect(deliveryLine(facts({ status: 'failed', address: null, port: null, tls: null, queueId: null, reply: null, code: 'MAILBOX_INVALID', message: 'It is no address.' })))
      .toBe('failed relay=mail.example.com tls=none from=<mailroom@example.com> to=<alice@example.com> message-id=<1@example.com> ms=12 code=MAILBOX_INVALID message="It is no address."');
  });

  test('puts an IPv6 address in brackets', () => {
    expect(deliveryLine(facts({ address: '2001:db8::25' }))).toContain(' address=[2001:db8::25]:25 ');
    expect(connectionLine({ relay: 'mail.example.com', address: '2001:db8::25', port: 587, emails: 3, durationMs: 9, code: 'CONNECTION_REFUSED', message: 'No.' }))
      .toBe('not-connected relay=mail.example.com address=[2001:db8::25]:587 emails=3 ms=9 code=CONNECTION_REFUSED message=No.');
  });

  test('stays one line and its fields stay theirs, whatever a server says', () => {
    const line = deliveryLine(facts({ reply: '250 ok" status=failed\r\n2026-01-01 forged\u2028x', to: 'a b"@example.com' }));
    expect(line).not.toMatch(/[\r\n\u2028]/);
    expect(line).toContain(String.raw`reply="250 ok\" status=failed\r\n2026-01-01 forged x"`);
    expect(line).toContain(String.raw`to="<a b\"@example.com>"`);
  });

  test('can be stored in Postgres as JSON: no NUL, no half of a pair, at most 4,000 characters', () => {
    const line = testLine('[::1]:25', `${'x'.repeat(3_984)}\u{1f600}\0`);
    expect(line).toMatch(/^address=\[::1\]:25 x/);
    expect(line.length).toBeLessThanOrEqual(4_001);
    expect(line).not.toMatch(/[\0]|\p{Cs}/u);
    expect(storable('a\0b\ud83d\nc', 100)).toBe('a\ufffdb\ufffd\nc');
    expect(storable('\u{1f600}\u{1f600}', 3)).toBe('\u{1f600}\ufffd');
    expect(testLine(null, 'failed')).toBe('failed');
  });
});

describe('a transcript', () => {
  const textOf = (transcript: Transcript): string => transcript.toString().replace(/^\d+\.\d{3} /gm, '');

  test('is the opening and the present mail, however many mails there were', () => {
    const transcript = new Transcript();
    transcript.server('220 mx');
    transcript.mark();
    for (const mail of ['first', 'second']) {
      transcript.client(`MAIL ${mail}`);
      if (mail === 'first') transcript.reset();
    }
    expect(textOf(transcript)).toBe('S: 220 mx\nC: MAIL second');
    transcript.reset();
    expect(textOf(transcript)).toBe('S: 220 mx');
  });

  test('has room for 64 KiB, and has it again for the next mail', () => {
    const transcript = new Transcript();
    transcript.server('220 mx');
    transcript.mark();
    for (let line = 0; line < 1_000; line += 1) transcript.server('ü'.repeat(500));
    expect(Buffer.byteLength(transcript.toString())).toBeGreaterThan(60 * 1024);
    expect(Buffer.byteLength(transcript.toString())).toBeLessThanOrEqual(64 * 1024);
    expect(transcript.toString()).toMatch(/\* The transcript was cut here, at 64 KiB\.$/);
    transcript.reset();
    transcript.client('MAIL second');
    expect(textOf(transcript)).toBe('S: 220 mx\nC: MAIL second');
  });

  test('of a server with an endless opening still shows the mail', () => {
    const transcript = new Transcript();
    for (let line = 0; line < 1_000; line += 1) transcript.server('250-X'.repeat(50));
    transcript.mark();
    transcript.client('MAIL');
    expect(textOf(transcript)).toMatch(/\* The rest of the opening was left out here\.\nC: MAIL$/);
    for (let line = 0; line < 1_000; line += 1) transcript.server('550 X'.repeat(50));
    expect(Buffer.byteLength(transcript.toString())).toBeLessThanOrEqual(64 * 1024);
    expect(Buffer.byteLength(transcript.toString())).toBeGreaterThan(60 * 1024);
  });
});
