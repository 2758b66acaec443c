import { expect, test } from '@jest/globals';
import { jobKind, type JobQueue } from '../../src/queue/job-queue.js';
import { eventually, into, timed } from './bench.js';
import type { Suite } from './conformance.js';

const kind = jobKind<{ id: number }>('faults', 2);

/** Starts a worker; gives the ids that it handled. */
async function collect(queue: JobQueue, of = kind): Promise<number[]> {
  const handled: number[] = [];
  await queue.work(of, into(handled));
  return handled;
}

/** Nudges until the queue takes it, then waits until a worker has handled it. */
async function arrives(queue: JobQueue, handled: number[], id: number, of = kind): Promise<void> {
  await eventually(() => queue.nudge(of, [{ id }]), 8_000);
  await eventually(() => handled.includes(id), 8_000);
}

export function testFaults(suite: Suite): void {
  const losses = (): number => suite.bench.log.filter(({ msg }) => msg.includes('lost its back end')).length;

  test('ping answers', async () => {
    await expect((await suite.bench.open()).ping()).resolves.toBeUndefined();
  });

  test('while the back end refuses connections nothing hangs, and afterwards everything works again', async () => {
    const { relay } = suite.target;
    const queue = await suite.bench.open();
    const handled = await collect(queue);
    await arrives(queue, handled, 1);
    await relay.refuse();
    try {
      const first = await timed(queue.nudge(kind, [{ id: 2 }]));
      expect(first.value).toBe(false);
      expect(first.ms).toBeLessThan(3_000);
      const rest = await timed(Promise.all(Array.from({ length: 100 }, () => queue.nudge(kind, [{ id: 3 }]))));
      expect(rest.value).not.toContain(true);
      expect(rest.ms).toBeLessThan(3_000);
      const ping = await timed(expect(queue.ping()).rejects.toMatchObject({ code: 'QUEUE_UNREACHABLE', kind: 'unavailable' }));
      expect(ping.ms).toBeLessThan(3_000);
      await expect(queue.depth(kind)).rejects.toMatchObject({ code: 'QUEUE_UNREACHABLE' });
      expect(queue.counters).toMatchObject({ missed: 101, outages: 1 });
      await eventually(async () => (await timed(queue.nudge(kind, [{ id: 4 }]))).ms > 1 || queue.counters.missed > 150);
    } finally {
      await relay.open();
    }
    await arrives(queue, handled, 5);
    await queue.ping();
    expect(losses()).toBe(1);
    expect(suite.bench.log.filter(({ msg }) => msg.includes('reaches its back end again'))).toHaveLength(1);
  });

  test('a back end that is silent is unreachable, and works again when it answers', async () => {
    const { relay } = suite.target;
    const queue = await suite.bench.open();
    const handled = await collect(queue);
    await arrives(queue, handled, 1);
    relay.silence();
    try {
      const nudge = await timed(queue.nudge(kind, [{ id: 2 }]));
      expect(nudge.value).toBe(false);
      expect(nudge.ms).toBeLessThan(3_000);
      const ping = await timed(expect(queue.ping()).rejects.toMatchObject({ code: 'QUEUE_UNREACHABLE' }));
      expect(ping.ms).toBeLessThan(3_000);
    } finally {
      relay.speak();
    }
    await arrives(queue, handled, 3);
    expect(losses()).toBe(1);
  });

  test('when all connections are cut, idle or in use, it recovers by itself', async () => {
    const { relay } = suite.target;
    const queue = await suite.bench.open();
    const handled: number[] = [];
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    await queue.work(kind, async ({ id }) => {
      handled.push(id);
      if (id === 1) await released;
    });
    await arrives(queue, handled, 1);
    relay.cut();
    await arrives(queue, handled, 2);
    release();
    await eventually(async () => (await queue.depth(kind)).active === 0);
    relay.cut();
    await arrives(queue, handled, 3);
  });

  test('a long outage is logged once, not by every worker and every attempt', async () => {
    const { relay } = suite.target;
    const queue = await suite.bench.open();
    const workers = await Promise.all(
      ['faults', 'faults-b', 'faults-c'].map(async (name) => {
        const of = jobKind<{ id: number }>(name, 2);
        return { of, handled: await collect(queue, of) };
      }),
    );
    const everyoneHandles = (id: number): Promise<unknown> => Promise.all(workers.map(({ of, handled }) => arrives(queue, handled, id, of)));
    await everyoneHandles(1);
    await relay.refuse();
    try {
      const until = Date.now() + 3_500; // longer than any of the intervals at which workers ask
      await eventually(async () => (await queue.nudge(kind, [{ id: 2 }])) || Date.now() > until);
    } finally {
      await relay.open();
    }
    await everyoneHandles(3); // a worker that paused when the outage ended tells of its last failure only then
    expect(suite.bench.warnings.map(({ msg }) => msg)).toEqual([expect.stringContaining('lost its back end')]);
  });

  test('after a loss of all data later jobs are handled', async () => {
    const queue = await suite.bench.open();
    const handled: number[] = [];
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    await queue.work(kind, async ({ id }) => {
      handled.push(id);
      if (id === 1) await released;
    });
    await arrives(queue, handled, 1);
    await suite.target.loseData(suite.bench.prefix);
    await arrives(queue, handled, 2); // while the lost job still runs
    release();
    await arrives(queue, handled, 3);
    expect(handled).toEqual([1, 2, 3]);
    await eventually(async () => (await queue.depth(kind)).active === 0);
  });
}
