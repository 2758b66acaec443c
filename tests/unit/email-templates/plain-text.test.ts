import { describe, expect, test } from '@jest/globals';
import { oneLine } from '../../../src/email-templates/plain-text.js';
import { renderTemplate } from '../../../src/email-templates/render.js';

describe('text on one line', () => {
  test.each([
    ['U+202A', '\u202a'], ['U+202B', '\u202b'], ['U+202C', '\u202c'], ['U+202D', '\u202d'], ['U+202E', '\u202e'],
    ['U+2066', '\u2066'], ['U+2067', '\u2067'], ['U+2068', '\u2068'], ['U+2069', '\u2069'],
  ])('%s, which would reorder it on the screen, is left out without a gap', (_name, control) => {
    expect(oneLine(`invoice${control}fdp.exe`)).toBe('invoicefdp.exe');
  });

  test('text in Arabic and Hebrew, its directional marks and joiners stay', () => {
    const text = 'فشل \u200fABC\u200e فحص \u061c שלום \u200c\u200d';
    expect(oneLine(`${text}x`)).toBe(`${text}x`);
  });

  test('controls and line breaks become one blank', () => {
    expect(oneLine(' a\r\n\u2028\u0000b\tc\u0085 ')).toBe('a b c');
  });

  test('a control between two line breaks does not hide one', () => {
    expect(oneLine('a\r\u202e\nBcc: eve@example.com')).toBe('a Bcc: eve@example.com');
  });
});

test('no value of an event reorders the subject', () => {
  const template = { subject: 'Disk full on {{Asset}}: act now', textBody: 'T', htmlBody: null, replyTo: null };
  expect(renderTemplate(template, { Asset: 'db\u202ewon tca\u2066' }).subject).toBe('Disk full on dbwon tca: act now');
  expect(renderTemplate({ ...template, subject: '\u202e' }, { EventName: 'X\u202eY' }).subject).toBe('XY');
});
