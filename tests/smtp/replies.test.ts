import { describe, expect, test } from '@jest/globals';
import { MalformedReply, REPLY_LIMITS, ReplyReader, type Reply } from '../../src/smtp/replies.js';
import { rejectionOf } from './endpoint.js';

function read(...chunks: (string | Buffer)[]): Reply[] {
  const reader = new ReplyReader();
  const replies: Reply[] = [];
  for (const chunk of chunks) reader.push(Buffer.from(chunk as string), (reply) => replies.push(reply));
  return replies;
}

describe('replies that are well formed', () => {
  test.each<[string, string[], Partial<Reply>[]]>([
    ['one line', ['250 OK\r\n'], [{ code: 250, text: '250 OK', enhancedCode: null }]],
    ['a code alone', ['250\r\n'], [{ code: 250, text: '250', lines: [''] }]],
    ['a bare LF', ['250 OK\n'], [{ code: 250, text: '250 OK' }]],
    ['several lines', ['250-mx.test\r\n250-SIZE 100\r\n250 HELP\r\n'], [{ lines: ['mx.test', 'SIZE 100', 'HELP'], text: '250 mx.test SIZE 100 HELP' }]],
    ['an enhanced code', ['550 5.7.1 No relaying\r\n'], [{ enhancedCode: '5.7.1', text: '550 5.7.1 No relaying' }]],
    ['an enhanced code on each line', ['550-5.7.1 No\r\n550 5.7.1 relaying\r\n'], [{ text: '550 5.7.1 No relaying' }]],
    ['what only looks like one', ['250 2.1 is no code\r\n'], [{ enhancedCode: null }]],
    ['two in one chunk', ['250 A\r\n354 B\r\n'], [{ code: 250 }, { code: 354 }]],
    ['one in many chunks', ['2', '50-', 'A\r', '\n250 B', '\r\n'], [{ text: '250 A B' }]],
    ['control characters', ['250 a\u0000b\u001b[31mc\u202ed\r\n'], [{ text: '250 a b [31mc d' }]],
  ])('%s', (_name, chunks, expected) => {
    expect(read(...chunks)).toEqual(expected.map((reply) => expect.objectContaining(reply)));
  });

  test('bytes that are no UTF-8 are replaced', () => {
    expect(read(Buffer.from([...Buffer.from('250 caf'), 0xe9, 0x0d, 0x0a]))[0]!.text).toBe('250 caf\ufffd');
  });
});

describe('what is no reply', () => {
  test.each([
    ['text', 'hello\r\n', /“hello”/],
    ['text without an end', 'hello', /“hello”/],
    ['a code out of range', '150 no\r\n', /150/],
    ['a code without a space', '250OK\r\n', /250OK/],
    ['codes that differ', '250-A\r\n550 B\r\n', /550 B/],
    ['an empty line', '\r\n', /“”/],
    ['a line without an end', `220 ${'x'.repeat(REPLY_LIMITS.lineBytes)}`, /too long/],
    ['a long line', `220 ${'x'.repeat(REPLY_LIMITS.lineBytes)}\r\n`, /too long/],
    ['too many lines', '250-x\r\n'.repeat(REPLY_LIMITS.lines + 1), /too long/],
    ['too many bytes', `250-${'x'.repeat(4_000)}\r\n`.repeat(20), /too long/],
  ])('%s', (_name, bytes, message) => {
    expect(() => read(bytes)).toThrow(message);
    expect(() => read(bytes)).toThrow(MalformedReply);
  });

  test.each<[string, Buffer, 'http' | 'tls']>([
    ['a web server', Buffer.from('HTTP/1.1 400 Bad Request\r\n'), 'http'],
    ['a TLS alert', Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x46]), 'tls'],
  ])('%s is recognised', async (_name, bytes, looksLike) => {
    const error = await rejectionOf(Promise.resolve().then(() => read(bytes)), MalformedReply);
    expect(error.looksLike).toBe(looksLike);
  });
});

test('a reply that has begun is known to be under way', () => {
  const reader = new ReplyReader();
  expect(reader.midReply).toBe(false);
  reader.push(Buffer.from('250-A\r\n'), () => {});
  expect(reader.midReply).toBe(true);
  reader.push(Buffer.from('250 B\r\n'), () => {});
  expect(reader.midReply).toBe(false);
});
