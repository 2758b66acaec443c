import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { quotedPrintable } from '../../src/smtp/quoted-printable.js';

const encoded = (text: string): string => quotedPrintable(text).toString('latin1');

/** As RFC 2045 §6.7 says it is read. */
function decoded(text: string): string {
  const bytes = text.replace(/=\r\n/g, '').replace(/=([0-9A-F]{2})/g, (_all, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

describe('quoted-printable', () => {
  test.each([
    ['nothing', '', ''],
    ['plain text', 'a b\nc\n', 'a b\r\nc\r\n'],
    ['an equals sign', 'a=b', 'a=3Db'],
    ['umlauts', 'Grüße', 'Gr=C3=BC=C3=9Fe'],
    ['blanks at the ends of lines', 'a \nb\t\nc ', 'a=20\r\nb=09\r\nc=20'],
    ['controls', 'a\0b\u007fc', 'a=00b=7Fc'],
    ['every kind of line end', 'a\r\nb\nc\rd\r\r\n\r', 'a\r\nb\r\nc\r\nd\r\n\r\n\r\n'],
    ['half of a surrogate pair', 'a\ud800b', 'a=EF=BF=BDb'],
    ['a line of 76 characters', `${'x'.repeat(76)}\n`, `${'x'.repeat(76)}\r\n`],
    ['a line of 77 characters', 'x'.repeat(77), `${'x'.repeat(75)}=\r\nxx`],
    ['words', `${'word '.repeat(20)}end`, `${'word '.repeat(15)}=\r\n${'word '.repeat(5)}end`],
    ['a character at the end of a line', `${'x'.repeat(70)}🔐y`, `${'x'.repeat(70)}=\r\n=F0=9F=94=90y`],
  ])('%s', (_name, text, expected) => {
    expect(encoded(text)).toBe(expected);
  });

  test('whatever the text: it is read again as it was, in lines of at most 76 characters of ASCII, none with a blank at its end, none broken within a character', () => {
    const word = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.constantFrom(' ', '\t', '\n', '\r', '\r\n', '=', '.', 'x'.repeat(80), 'a b '.repeat(30), '🔐'.repeat(20)));
    fc.assert(fc.property(fc.array(word, { maxLength: 30 }), (words) => {
      const text = words.join('').toWellFormed();
      const result = encoded(text);
      expect(decoded(result)).toBe(text.replace(/\r\n|\r|\n/g, '\r\n'));
      for (const line of result.split('\r\n')) {
        expect(line.length).toBeLessThanOrEqual(76);
        expect(line).toMatch(/^[\t\x20-\x7e]*$/);
        expect(line).not.toMatch(/[\t ]$/);
if (!text.includes('\ufffd')) expect(decoded(line.replace(/=$/, ''))).not.toContain('\ufffd');
      }
    }), { numRuns: 500 });
  });
});
