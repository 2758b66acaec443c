import { once } from 'node:events';
import { expect, test } from '@jest/globals';
import { jobKind, type JobQueue } from '../../src/queue/job-queue.js';
import { eventually, into, timed } from './bench.js';
import type { Suite } from './conformance.js';

const kind = jobKind<{ id: number }>('closing', 2);
const forever = (): Promise<never> => new Promise(() => undefined);
const aborted = (signal: AbortSignal): Promise<unknown> => (signal.aborted ? Promise.resolve() : once(signal, 'abort'));

/** Gives a queue one job and waits until its handler runs. */
async function running(queue: JobQueue, handler: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  let started = false;
  await queue.work(kind, async (_, signal) => {
    started = true;
    await handler(signal);
  });
  await queue.nudge(kind, [{ id: 1 }]);
  await eventually(() => started);
}

export function testClosing(suite: Suite): void {
  test('close aborts the signal of the running handler and waits for it', async () => {
    const queue = await suite.bench.open();
    const steps: string[] = [];
    await running(queue, async (signal) => {
      await aborted(signal);
      steps.push('aborted');
      await new Promise((resolve) => setImmediate(resolve));
      steps.push('handled');
    });
    await queue.close();
    steps.push('closed');
    expect(steps).toEqual(['aborted', 'handled', 'closed']);
    const other = await suite.bench.open();
    expect(await other.depth(kind)).toEqual({ waiting: 0, active: 0 }); // it resolved, so it is done
    expect(suite.bench.warnings).toEqual([]);
  });

  test('a job whose handler gives up at the abort is handled by another worker at once', async () => {
    const [first, second] = [await suite.bench.open(), await suite.bench.open()];
    await running(first, async (signal) => {
      await aborted(signal);
      throw signal.reason;
    });
    const handled: number[] = [];
    await second.work(kind, into(handled));
    await first.close();
    await eventually(() => handled.length > 0, 3_000); // well before the lock of a dead worker runs out
    expect(handled).toEqual([1]);
    expect(first.counters.failed).toBe(0);
  });

  test('a handler that never ends holds the close up for the grace only', async () => {
    const queue = await suite.bench.open();
    await running(queue, forever);
    const { ms } = await timed(queue.close(300));
    expect(ms).toBeGreaterThanOrEqual(290);
    expect(ms).toBeLessThan(2_300);
  });

  test('after close nothing is taken, and a second close changes nothing', async () => {
    const queue = await suite.bench.open();
    await queue.nudge(kind, [{ id: 1 }]);
    await Promise.all([queue.close(), queue.close()]);
    await queue.close();
    expect(await queue.nudge(kind, [{ id: 2 }])).toBe(false);
    await expect(queue.ping()).rejects.toMatchObject({ code: 'QUEUE_UNREACHABLE' });
    await expect(queue.depth(kind)).rejects.toMatchObject({ code: 'QUEUE_UNREACHABLE' });
    await expect(queue.work(kind, forever)).rejects.toThrow('closed');
    expect(queue.counters).toEqual({ nudged: 1, missed: 1, failed: 0, outages: 0 });
  });

  test('an idle queue closes quickly and lets go of its connections', async () => {
    const queue = await suite.bench.open();
    await queue.work(kind, forever);
    await queue.ping();
    await eventually(() => suite.target.relay.connections > 0);
    const { ms } = await timed(queue.close());
    expect(ms).toBeLessThan(1_000);
    await eventually(() => suite.target.relay.connections === 0);
  });

  test.each(['refuses', 'is silent'])('it closes in time while the back end %s', async (fault) => {
    const { relay } = suite.target;
    const [idle, busy] = [await suite.bench.open(), await suite.bench.open()];
    await running(busy, forever);
    await idle.work(kind, forever);
    try {
      if (fault === 'refuses') await relay.refuse();
      else relay.silence();
      const { ms } = await timed(Promise.all([idle.close(300), busy.close(300)]));
      expect(ms).toBeLessThan(300 + 2_500);
    } finally {
      if (fault === 'refuses') await relay.open();
      else relay.speak();
    }
  });
}
