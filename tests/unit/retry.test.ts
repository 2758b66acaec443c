import { describe, expect, test } from '@jest/globals';
import { RETRY_WINDOW_MS, retryDelayMs } from '../../src/emails/retry.js';

const [BASE, FOUR_HOURS, MIDDLE] = [30_000, 4 * 3_600_000, 0.5];

describe('the delay before the next attempt', () => {
  test.each([[1, 30_000], [2, 60_000], [3, 120_000], [4, 240_000], [9, 7_680_000], [10, FOUR_HOURS], [11, FOUR_HOURS]])('after %d tries is %d ms', (tries, expected) => {
    expect(retryDelayMs(tries, BASE, MIDDLE)).toBe(expected);
  });

  test.each([[0, 24_000], [0.25, 27_000], [1, 36_000]])('is spread by a fifth: chance %d makes %d ms', (random, expected) => {
    expect(retryDelayMs(1, BASE, random)).toBe(expected);
  });

  test.each([1_000, 1e6, 2 ** 31])('stays a number after %d tries', (tries) => {
    expect(retryDelayMs(tries, BASE, MIDDLE)).toBe(FOUR_HOURS);
  });

  test('a base above the longest delay is cut to it', () => {
    expect(retryDelayMs(1, 86_400_000, MIDDLE)).toBe(FOUR_HOURS);
  });

  test('is whole milliseconds, also with the smallest base', () => {
    expect(retryDelayMs(1, 1, 0.123)).toBe(1);
    expect(Number.isInteger(retryDelayMs(3, 7, 0.123))).toBe(true);
  });
});

test('three days of it are 26 attempts: neither a hammer nor a silence', () => {
  let [tries, passed] = [0, 0];
  while (passed <= RETRY_WINDOW_MS) {
    tries += 1;
    passed += retryDelayMs(tries, BASE, MIDDLE);
  }
  expect(RETRY_WINDOW_MS).toBe(259_200_000);
  expect(tries).toBe(26);
});
