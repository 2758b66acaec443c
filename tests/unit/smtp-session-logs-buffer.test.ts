import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createLogger } from '../../src/logger.js';
import { LogBuffer } from '../../src/smtp-session-logs/log-buffer.js';
import type { SessionLogRow } from '../../src/smtp-session-logs/smtp-session-logs.repository.js';

const row = (line: string, transcript: string | null = null): SessionLogRow => ({ id: line, at: new Date(), kind: 'delivery', subjectId: null, worker: 'w', line, transcript });

/** A buffer over a database that can be taken away; `statements` holds the lines of each statement that succeeded. */
function buffered() {
  const statements: string[][] = [];
  const dropped: number[] = [];
  const state = { down: false, tries: 0, hang: false };
  const write = async (rows: readonly SessionLogRow[]): Promise<void> => {
    state.tries += 1;
    if (state.hang) await new Promise(() => undefined);
    if (state.down) throw new Error('the database is away');
    statements.push(rows.map(({ line }) => line));
    await Promise.resolve();
  };
  const logger = createLogger({ level: 'silent', format: 'json' });
  const warn = jest.spyOn(logger, 'warn');
  return { buffer: new LogBuffer({ write, dropped: (rows) => dropped.push(rows), logger }), statements, dropped, state, warn };
}

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

describe('the buffer of the session log', () => {
  test('writes successes together, within a second', async () => {
    const { buffer, statements } = buffered();
    for (let line = 0; line < 30; line += 1) buffer.add(row(`${line}`), false);
    await jest.advanceTimersByTimeAsync(900);
    expect(statements).toEqual([]);
    await jest.advanceTimersByTimeAsync(100);
    expect(statements).toEqual([Array.from({ length: 30 }, (_, line) => `${line}`)]);
    await buffer.close();
  });

  test('writes a failure at once, with what waits', async () => {
    const { buffer, statements } = buffered();
    buffer.add(row('sent'), false);
    buffer.add(row('failed', 'transcript'), true);
    await jest.advanceTimersByTimeAsync(50);
    expect(statements).toEqual([['sent', 'failed']]);
    await buffer.close();
  });

  test('writes at most 500 rows and some 4 MiB in a statement, in their order, and does not wait when there are as many', async () => {
    const { buffer, statements } = buffered();
    for (let line = 0; line < 1_250; line += 1) buffer.add(row(`${line}`), false);
    await jest.advanceTimersByTimeAsync(10);
    expect(statements.map(({ length }) => length)).toEqual([500, 500]);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(statements.flat()).toEqual(Array.from({ length: 1_250 }, (_, line) => `${line}`));
    const transcript = 'x'.repeat(64 * 1024);
    for (let line = 0; line < 100; line += 1) buffer.add(row(`long ${line}`, transcript), true);
    await jest.advanceTimersByTimeAsync(2_000);
    const lengths = statements.slice(3).map(({ length }) => length);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(64);
    expect(lengths.reduce((sum, length) => sum + length)).toBe(100);
    await buffer.close();
  });

  test('keeps rows while the database is away, tries once a second, tells it once, and loses nothing', async () => {
    const { buffer, statements, state, warn } = buffered();
    state.down = true;
    for (let line = 0; line < 700; line += 1) buffer.add(row(`${line}`), true);
    await jest.advanceTimersByTimeAsync(10_000);
    for (let line = 700; line < 1_400; line += 1) buffer.add(row(`${line}`), true);
    await jest.advanceTimersByTimeAsync(10_000);
    expect(state.tries).toBeGreaterThanOrEqual(18);
    expect(state.tries).toBeLessThanOrEqual(22);
    expect(warn).toHaveBeenCalledTimes(1);
    state.down = false;
    await jest.advanceTimersByTimeAsync(3_000);
    expect(statements.flat()).toEqual(Array.from({ length: 1_400 }, (_, line) => `${line}`));
    await buffer.close();
  });

  test('holds 20,000 rows at most: the oldest go, and their number is told once rows can be written again', async () => {
    const { buffer, statements, state, dropped } = buffered();
    state.down = true;
    for (let line = 0; line < 50_000; line += 1) {
      buffer.add(row(`${line}`), false);
      if (line % 500 === 0) await jest.advanceTimersByTimeAsync(1_000);
    }
    expect(dropped).toEqual([]);
    state.down = false;
    await jest.advanceTimersByTimeAsync(10_000);
    const kept = statements.flat();
    expect(kept.length).toBeGreaterThan(17_000);
    expect(kept.length).toBeLessThanOrEqual(20_500);
    expect(kept.at(-1)).toBe('49999');
    expect(dropped).toEqual([50_000 - kept.length]);
    await buffer.close();
  });

  test('holds 16 MiB at most', async () => {
    const { buffer, statements, state, dropped } = buffered();
    state.down = true;
    const transcript = 'x'.repeat(64 * 1024);
    for (let line = 0; line < 1_000; line += 1) buffer.add(row(`${line}`, transcript), true);
    state.down = false;
    await jest.advanceTimersByTimeAsync(30_000);
    const kept = statements.flat().length;
    expect(kept).toBeLessThanOrEqual(330);
    expect(kept).toBeGreaterThan(230);
    expect(dropped.reduce((sum, rows) => sum + rows, 0)).toBe(1_000 - kept);
    await buffer.close();
  });

  test('writes what is left when it is closed', async () => {
    const { buffer, statements } = buffered();
    for (let line = 0; line < 1_100; line += 1) buffer.add(row(`${line}`), false);
    await buffer.close();
    expect(statements.map(({ length }) => length)).toEqual([500, 500, 100]);
  });

  test.each(['down', 'hang'] as const)('ends its close in time when the database is gone (%s), and says what is missing', async (how) => {
    const { buffer, state, warn } = buffered();
    state[how] = true;
    buffer.add(row('1'), false);
    buffer.add(row('2'), false);
    const closed = buffer.close();
    await jest.advanceTimersByTimeAsync(1_500);
    await closed;
    expect(warn).toHaveBeenLastCalledWith({ sessions: 2 }, expect.stringContaining('could not be written'));
  });
});
