import { describe, expect, jest, test } from '@jest/globals';
import { Grouping } from '../../src/db/grouping.js';
import { waitFor } from '../setup/wait.js';

/** Until what is to happen at once has happened. */
const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(() => setImmediate(resolve)); });

/** A grouping whose statements end when they are told to. */
function held({ most = 10, statements = 1, sizeOf, patienceMs }: { most?: number; statements?: number; sizeOf?: (item: string) => number; patienceMs?: number } = {}) {
  const runs: { items: string[]; end(): void; fail(error: Error): void }[] = [];
  const grouping = new Grouping<string, string>(
    (items) => new Promise((resolve, reject) => void runs.push({ items, end: () => resolve(items.map((item) => item.toUpperCase())), fail: reject })),
    { most, statements, ...(sizeOf && { sizeOf }), ...(patienceMs && { patienceMs }) },
  );
  const started = (count: number) => waitFor(() => runs.length, (length) => length === count);
  return { grouping, runs, started };
}

describe('those who ask at the same time', () => {
  test('share a statement, and each gets its own answer', async () => {
    const { grouping, runs, started } = held();
    const answers = ['a', 'b', 'c'].map((item) => grouping.ask(item));
    await started(1);
    expect(runs[0]!.items).toEqual(['a', 'b', 'c']);
    runs[0]!.end();
    expect(await Promise.all(answers)).toEqual(['A', 'B', 'C']);
  });

  test('go into the next one together when as many as may are under way', async () => {
    const { grouping, runs, started } = held();
    const first = grouping.ask('a');
    await started(1);
    const later = [grouping.ask('b'), grouping.ask('c')];
    runs[0]!.end();
    expect(await first).toBe('A');
    await started(2);
    expect(runs[1]!.items).toEqual(['b', 'c']);
    runs[1]!.end();
    expect(await Promise.all(later)).toEqual(['B', 'C']);
  });

  test('have a second statement where two may be under way', async () => {
    const { grouping, runs, started } = held({ statements: 2 });
    const asked = [grouping.ask('a')];
    await started(1);
    asked.push(grouping.ask('b'));
    await started(2);
    asked.push(grouping.ask('c'));
    expect(runs.map(({ items }) => items)).toEqual([['a'], ['b']]);
    runs[1]!.end();
    await started(3);
    runs.forEach(({ end }) => end());
    expect(await Promise.all(asked)).toEqual(['A', 'B', 'C']);
  });

  test.each([
    ['items', undefined, [['aaa', 'b'], ['cc', 'd']]],
    ['sizes, and what is larger goes alone', (item: string) => item.length, [['aaa'], ['b'], ['cc'], ['d']]],
  ])('are not more than the limit: %s', async (_name, sizeOf, groups) => {
    const { grouping, runs, started } = held({ most: 2, ...(sizeOf && { sizeOf }) });
    const asked = ['aaa', 'b', 'cc', 'd'].map((item) => grouping.ask(item));
    for (let count = 1; count <= groups.length; count += 1) {
      await started(count);
      runs[count - 1]!.end();
    }
    expect(runs.map(({ items }) => items)).toEqual(groups);
    expect(await Promise.all(asked)).toEqual(['AAA', 'B', 'CC', 'D']);
  });

  test('do not wait for a database that does not answer: those who have waited too long are told when the next statement begins', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick'] });
    try {
      const { grouping, runs } = held({ patienceMs: 5_000 });
      const first = grouping.ask('a');
      await turn();
      const late = grouping.ask('b').catch((error: { code: string }) => error.code);
      jest.advanceTimersByTime(5_001);
      const next = grouping.ask('c');
      runs[0]!.end();
      expect([await first, await late]).toEqual(['A', 'ETIMEDOUT']);
      await turn();
      expect(runs[1]!.items).toEqual(['c']);
      runs[1]!.end();
      expect(await next).toBe('C');
      const again = grouping.ask('d');
      await turn();
      expect(runs[2]!.items).toEqual(['d']);
      runs[2]!.end();
      expect(await again).toBe('D');
    } finally {
      jest.useRealTimers();
    }
  });

  test('fail together, and those after them do not', async () => {
    const { grouping, runs, started } = held();
    const failing = [grouping.ask('a'), grouping.ask('b')].map((answer) => answer.catch((error: Error) => error.message));
    await started(1);
    const next = grouping.ask('c');
    runs[0]!.fail(new Error('gone'));
    expect(await Promise.all(failing)).toEqual(['gone', 'gone']);
    await started(2);
    runs[1]!.end();
    expect(await next).toBe('C');
  });
});
