import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { Coalescer } from '../../src/events/coalesce.js';
import { waitFor } from '../setup/wait.js';

const NEVER_MS = 60_000;

/** A coalescer that keeps what it hands on. */
function recording(max: number, waitMs: number) {
  const handed: number[][] = [];
  const coalescer = new Coalescer<number>((items) => Promise.resolve(handed.push(items)), max, waitMs);
  return { handed, coalescer };
}

describe('a coalescer', () => {
  afterEach(() => void jest.useRealTimers());

  test('hands on together what comes in one turn, in order, and does not keep what comes alone waiting', async () => {
    const { handed, coalescer } = recording(10, NEVER_MS);
    coalescer.add([1]);
    coalescer.add([2, 3]);
    expect(handed).toEqual([]);
    await waitFor(() => handed.length, (count) => count > 0);
    expect(handed).toEqual([[1, 2, 3]]);
  });

  test('pauses after it had many items, and hands on together what comes meanwhile', () => {
    jest.useFakeTimers();
    const many = Array.from({ length: 12 }, (_, index) => index);
    const { handed, coalescer } = recording(100, 20);
    coalescer.add(many);
    jest.advanceTimersByTime(5);
    expect(handed).toEqual([many]);
    coalescer.add([1]);
    jest.advanceTimersByTime(5);
    coalescer.add([2]);
    jest.advanceTimersByTime(5);
    expect(handed).toEqual([many]);
    jest.advanceTimersByTime(10);
    expect(handed).toEqual([many, [1, 2]]);
  });

  test('pauses little after it had few', () => {
    jest.useFakeTimers();
    const { handed, coalescer } = recording(100, 20);
    for (const item of [1, 2, 3]) {
      coalescer.add([item]);
      jest.advanceTimersByTime(5);
    }
    expect(handed).toEqual([[1], [2], [3]]);
  });

  test('does not wait when it is full, and never hands on more than its size', async () => {
    const { handed, coalescer } = recording(3, NEVER_MS);
    coalescer.add([1, 2]);
    coalescer.add([3, 4]);
    expect(handed).toEqual([[1, 2, 3]]);
    coalescer.add([5, 6, 7, 8, 9, 10]);
    expect(handed).toEqual([[1, 2, 3], [4, 5, 6], [7, 8, 9]]);
    await coalescer.close();
    expect(handed.at(-1)).toEqual([10]);
  });

  test('hands nothing on when nothing came', async () => {
    const { handed, coalescer } = recording(3, 1);
    coalescer.add([]);
    await coalescer.close();
    expect(handed).toEqual([]);
  });

  test('closes after what it hands on is done, and leaves no timer', async () => {
    let done = false;
    const coalescer = new Coalescer<number>(() => new Promise((resolve) => setImmediate(() => { done = true; resolve(undefined); })), 10, NEVER_MS);
    coalescer.add([1]);
    await coalescer.close();
    expect(done).toBe(true);
    await coalescer.close();
  });

  test('a failure does not stop it', async () => {
    const handed: number[][] = [];
    const coalescer = new Coalescer<number>((items) => { handed.push(items); return Promise.reject(new Error('queue gone')); }, 1, NEVER_MS);
    coalescer.add([1]);
    coalescer.add([2]);
    await coalescer.close();
    expect(handed).toEqual([[1], [2]]);
  });
});
