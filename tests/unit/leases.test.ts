import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { pino } from 'pino';
import { instant, LeaseLost, Leases } from '../../src/emails/leases.js';

const forever = new Promise<void>(() => undefined);
let known: Set<string>;
let leases: Leases;

beforeEach(() => {
  jest.useFakeTimers();
  known = new Set(['a', 'b']);
  leases = new Leases((ids) => Promise.resolve(ids.filter((id) => known.has(id))), pino({ level: 'silent' }));
  for (const id of known) void leases.hold(id, instant(), () => forever);
});
afterEach(() => {
  leases.close();
  jest.useRealTimers();
});

describe('a lease', () => {
  test('holds as long as it is renewed', async () => {
    await jest.advanceTimersByTimeAsync(60_000);
    expect(() => leases.assertHeld('a')).not.toThrow();
  });

  test('that another worker took over is lost when its time is over, and no other is', async () => {
    known.delete('a');
    await jest.advanceTimersByTimeAsync(9_000);
    expect(() => leases.assertHeld('a')).not.toThrow();
    await jest.advanceTimersByTimeAsync(1_000);
    expect(() => leases.assertHeld('a')).toThrow(LeaseLost);
    expect(() => leases.assertHeld('b')).not.toThrow();
  });

  test('is lost as soon as the process finds that it stood still', () => {
    jest.setSystemTime(Date.now() + 10_000); // no timer ran meanwhile
    expect(() => leases.assertHeld('a')).toThrow('stood still for longer than its lease holds (10 s)');
  });

  test('stays lost until a renewal that the database has answered', async () => {
    jest.setSystemTime(Date.now() + 60_000);
    expect(() => leases.assertHeld('a')).toThrow(LeaseLost);
    await jest.advanceTimersByTimeAsync(3_000);
    expect(() => leases.assertHeld('a')).not.toThrow(); // nobody had taken it over
  });

  test('is not held any more when its work is done', async () => {
    await leases.hold('c', instant(), () => Promise.resolve());
    expect(() => leases.assertHeld('c')).toThrow(LeaseLost);
  });
});
