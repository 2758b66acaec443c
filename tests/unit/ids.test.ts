import { afterEach, expect, jest, test } from '@jest/globals';
import { validate, version } from 'uuid';
import { newId } from '../../src/ids.js';

afterEach(() => { jest.useRealTimers(); });

const timeOf = (id: string): number => parseInt(id.replace('-', '').slice(0, 12), 16);

test('ids are UUIDs of version 7 with the time of their making, unique and counting up', () => {
  const before = Date.now();
  const ids = Array.from({ length: 20_000 }, () => newId());
  expect(ids.every((id) => validate(id) && version(id) === 7)).toBe(true);
  expect(timeOf(ids[0]!)).toBeGreaterThanOrEqual(before);
  expect(timeOf(ids.at(-1)!)).toBeLessThanOrEqual(Date.now() + 1);
  expect([...ids].sort()).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
});

test('they count up within a millisecond, and when the clock is set back', () => {
  jest.useFakeTimers({ now: Date.now() + 1_000 });
  const ids = Array.from({ length: 1_000 }, () => newId());
  jest.setSystemTime(Date.now() - 3_600_000);
  ids.push(newId());
  expect([...ids].sort()).toEqual(ids);
  expect(new Set(ids.map(timeOf)).size).toBe(1);
});

test('what is random in them is', () => {
  const tails = Array.from({ length: 1_000 }, () => newId().slice(-10));
  expect(new Set(tails).size).toBe(1_000);
});
