import { describe, expect, test } from '@jest/globals';
import { Liquid } from 'liquidjs';
import { renderPart } from '../../../src/email-templates/liquid.js';

const engine = new Liquid({ timezoneOffset: 0, locale: 'en-US' });
const bare = (value: string, format: string): string => engine.parseAndRenderSync(`{{ value | date: format }}`, { value, format });
const ours = (value: string | number, format: string): string => renderPart(`{{ value | date: "${format}" }}`, 'textBody', { value });

describe('names of months and days are the engine’s own', () => {
  const days = Array.from({ length: 365 }, (_, day) => new Date(Date.UTC(2026, 0, day + 1, 12)).toISOString());

  test('on every day of a year', () => {
    const format = '%A, %-d %B %Y, %a %b';
    expect(days.map((day) => ours(day, format))).toEqual(days.map((day) => bare(day, format)));
  });

  test.each(['%%B is no month, %B is', '%%%b', '%^B %-b', '%10A|', '%H:%M:%S UTC', '100%', '%', '%b %', '%d%b%y', '%e %h %Y'])('in the format %s', (format) => {
    expect(ours('2026-02-03T04:05:06Z', format)).toBe(bare('2026-02-03T04:05:06Z', format));
  });

  test.each(['', 'no date', '12 3', '13 1', '00 1', '02 9', '01 0', '99 9', '2026-13-01', '1e999'])('and what is no date stays what it is: %j', (value) => {
    expect(ours(value, '%-d %B %Y')).toBe(bare(value, '%-d %B %Y'));
  });

  test('also for a number, and for a zone that the template names', () => {
    expect(ours(1_770_000_000, '%A %-d %b %Y')).toBe('Monday 2 Feb 2026');
    const [source, values] = ['{{ value | date: "%A %B", -840 }}', { value: '2026-01-31T23:00:00Z' }];
    expect(renderPart(source, 'textBody', values)).toBe(engine.parseAndRenderSync(source, values));
  });
});
