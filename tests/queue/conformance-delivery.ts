import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { jobKind } from '../../src/queue/job-queue.js';
import { Bench, eventually, idle, into, timed } from './bench.js';
import type { Suite } from './conformance.js';

const numbered = jobKind<{ id: number }>('numbered', 3);
const anything = jobKind<Record<string, unknown>>('anything', 1);
const range = (count: number): { id: number }[] => Array.from({ length: count }, (_, id) => ({ id }));

export function testDelivery(suite: Suite): void {
  test('each payload is handled once, by one of several workers', async () => {
    const [one, two] = [await suite.bench.open(), await suite.bench.open()];
    const handled: number[][] = [[], []];
    const everything = range(300);
    expect(await one.nudge(numbered, everything.slice(0, 150))).toBe(true);
    expect(await two.nudge(numbered, everything.slice(150))).toBe(true);
    await one.work(numbered, into(handled[0]!));
    await two.work(numbered, into(handled[1]!));

    await eventually(async () => handled.flat().length >= 300 && (await one.depth(numbered)).active === 0);
    expect(handled.flat().sort((a, b) => a - b)).toEqual(everything.map(({ id }) => id));
    expect(handled.map((ids) => ids.length > 0)).toEqual([true, true]);
    expect(await one.depth(numbered)).toEqual({ waiting: 0, active: 0 });
    expect(one.counters).toEqual({ nudged: 150, missed: 0, failed: 0, outages: 0 });
  });

  test('a payload arrives as it was given', async () => {
    const queue = await suite.bench.open();
    const payload = {
      emailIds: Array.from({ length: 250 }, () => randomUUID()),
      text: 'Grüße, 日本語, 🙂, "quoted" \\ \n\t',
      nested: { 'a.b': [1, -2.5, 1e21, true, null, [], {}] },
      'ключ': '',
    };
    const received: unknown[] = [];
    await queue.work(anything, (job) => Promise.resolve(void received.push(job)));
    await queue.nudge(anything, [payload]);
    await queue.nudge(anything, [payload, { last: true }]);
    await eventually(() => received.length === 3);
    expect(received).toEqual([payload, payload, { last: true }]);
  });

  test('a payload that is no JSON is refused, and the queue works on', async () => {
    const queue = await suite.bench.open();
    const circular: Record<string, unknown> = {};
    circular['itself'] = circular;
    await expect(queue.nudge(anything, [circular])).rejects.toThrow(TypeError);
    expect(await queue.nudge(anything, [{ fine: true }])).toBe(true);
    expect(queue.counters.outages).toBe(0);
  });

  test('no payloads make no job', async () => {
    const queue = await suite.bench.open();
    expect(await queue.nudge(numbered, [])).toBe(true);
    expect(await queue.depth(numbered)).toEqual({ waiting: 0, active: 0 });
  });

  test('a worker runs as many jobs at a time as its kind says, and depth counts them', async () => {
    const queue = await suite.bench.open();
    let [running, most, done] = [0, 0, 0];
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    await queue.work(numbered, async () => {
      most = Math.max(most, ++running);
      await released;
      running--;
      done++;
    });
    await queue.nudge(numbered, range(20));
    await eventually(() => running === 3);
    expect(await queue.depth(numbered)).toEqual({ waiting: 17, active: 3 });
    release();
    await eventually(() => done === 20);
    expect(most).toBe(3);
  });

  test('a job that was added before there was a worker is handled when one comes', async () => {
    await (await suite.bench.open()).nudge(numbered, [{ id: 7 }]);
    const later = await suite.bench.open();
    expect(await later.depth(numbered)).toEqual({ waiting: 1, active: 0 });
    const handled: number[] = [];
    await later.work(numbered, into(handled));
    await eventually(() => handled.length === 1);
    expect(handled).toEqual([7]);
  });

  test('an idle worker starts a job at once', async () => {
    const queue = await suite.bench.open();
    let started = 0;
    await queue.work(numbered, () => Promise.resolve(void started++));
    const latencies: number[] = [];
    for (let id = 0; id < 21; id++) {
      const before = started;
      const { ms } = await timed(queue.nudge(numbered, [{ id }]).then(() => eventually(() => started > before)));
      latencies.push(ms);
    }
    expect(latencies.sort((a, b) => a - b)[10]).toBeLessThan(100); // a worker that polls would take seconds
  });

  test('two queues of different prefixes do not see each other', async () => {
    const other = new Bench(suite.target.backEnd);
    try {
      await (await other.open()).nudge(numbered, [{ id: 1 }]);
      expect(await (await suite.bench.open()).depth(numbered)).toEqual({ waiting: 0, active: 0 });
    } finally {
      await other.close();
    }
  });

  test('a handler that fails is logged with kind and job, and does not stop the worker', async () => {
    const queue = await suite.bench.open();
    const handled: number[] = [];
    await queue.work(numbered, ({ id }) => {
      handled.push(id);
      if (id === 0) throw new Error('broken at once');
      return id === 1 ? Promise.reject(new Error('broken later')) : Promise.resolve();
    });
    await queue.nudge(numbered, range(3));
    await eventually(async () => handled.length === 3 && (await queue.depth(numbered)).active === 0);
    expect(await queue.depth(numbered)).toEqual({ waiting: 0, active: 0 }); // dropped, not tried again
    expect(handled.sort()).toEqual([0, 1, 2]);
    expect(queue.counters.failed).toBe(2);
    const errors = suite.bench.log.filter(({ level }) => level === 50);
    expect(errors.map(({ err }) => (err as Error).message).sort()).toEqual(['broken at once', 'broken later']);
    for (const line of errors) expect(line).toMatchObject({ kind: 'numbered', job: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  });

  test('one queue has one worker of a kind', async () => {
    const queue = await suite.bench.open();
    await queue.work(numbered, idle);
    await expect(queue.work(numbered, idle)).rejects.toThrow('numbered has a worker already.');
  });
}
