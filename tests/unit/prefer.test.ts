import { expect, test } from '@jest/globals';
import { preferencesOf } from '../../src/contract/prefer.js';

test.each<[string | undefined, boolean, number | null]>([
  [undefined, false, null],
  ['', false, null],
  ['respond-async', true, null],
  ['Respond-Async', true, null],
  ['respond-async=""', true, null],
  ['respond-async; foo="a, b"', true, null],
  ['wait=10', false, 10],
  ['WAIT = "10"', false, 10],
  ['wait=10; strict', false, 10],
  ['respond-async, wait=10', true, 10],
  ['wait=10,respond-async', true, 10],
  ['foo; bar="a\\", wait=5", wait=7', false, 7],
  ['foo="wait=5, respond-async"', false, null],
  ['handling=lenient, return=minimal, wait=3, unheard-of=""', false, 3],
  ['wait=1, wait=20', false, 1],
  ['wait=x, wait=20', false, null],
  ['wait=301', false, 300],
  ['wait=0', false, 0],
  ['wait', false, null],
  ['wait=', false, null],
  ['wait=-1', false, null],
  ['wait=1.5', false, null],
  ['wait=99999999999999999999', false, null],
  ['awaits=5', false, null],
  ['respond-async=no', false, null],
  [', ,, wait=4', false, 4],
  ['"nonsense", (), wait=4', false, 4],
  ['foo="half, wait=4', false, 4],
])('Prefer: %s', (header, respondAsync, waitSeconds) => {
  expect(preferencesOf(header)).toEqual({ respondAsync, waitSeconds });
});

test('a long header is read in no time', () => {
  const started = performance.now();
  for (const text of [' '.repeat(16_000), ';'.repeat(16_000), 'a;'.repeat(8_000), 'a ; '.repeat(4_000), `a="${'\\"'.repeat(8_000)}`, ', '.repeat(8_000), `a${'\t'.repeat(16_000)}x`, `a;${' '.repeat(16_000)}"`]) preferencesOf(text);
  expect(performance.now() - started).toBeLessThan(2_000);
});
