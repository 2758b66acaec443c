import { expect, test } from '@jest/globals';
import { jobKind } from '../../src/queue/job-queue.js';
import { Bench, eventually, into, timed } from './bench.js';
import type { Suite } from './conformance.js';

const kind = jobKind<{ id: number }>('processes', 1);

export function testProcesses(suite: Suite): void {
  test('the job of a killed process is taken over within 15 s', async () => {
    const queue = await suite.bench.open();
    const doomed = suite.bench.start(kind.name, { stuck: true });
    await doomed.ready();
    await queue.nudge(kind, [{ id: 1 }, { id: 2 }]);
    await eventually(() => doomed.handled.length === 1);
    await doomed.end('SIGKILL');
    const killed = Date.now();
    const handled: number[] = [];
    await queue.work(kind, into(handled));
    await eventually(() => handled.length === 2, 15_000);
    expect(handled.sort()).toEqual([1, 2]);
    expect(Date.now() - killed).toBeLessThan(15_000);
    expect(suite.bench.log.filter(({ msg }) => msg.includes('taken over'))).toHaveLength(1);
  });

  test('a job whose processes were killed twice is not given up', async () => {
    const queue = await suite.bench.open();
    await queue.nudge(kind, [{ id: 1 }]);
    for (let deaths = 0; deaths < 2; deaths += 1) {
      const doomed = suite.bench.start(kind.name, { stuck: true });
      await eventually(() => doomed.handled.length === 1, 20_000);
      await doomed.end('SIGKILL');
    }
    const handled: number[] = [];
    await queue.work(kind, into(handled));
    await eventually(() => handled.length === 1, 15_000);
  }, 90_000);

  test('processes that start at the same time on an empty back end all work', async () => {
    const empty = await suite.makeBackEnd();
    const bench = new Bench(empty.backEnd);
    try {
      const processes = [1, 2, 3].map(() => bench.start(kind.name));
      await Promise.all(processes.map((process) => process.ready()));
      const queue = await bench.open();
      await queue.nudge(kind, Array.from({ length: 60 }, (_, id) => ({ id })));
      await eventually(() => processes.flatMap(({ handled }) => handled).length >= 60);
      expect(new Set(processes.flatMap(({ handled }) => handled)).size).toBe(60);
      expect(await Promise.all(processes.map((process) => process.end('SIGTERM')))).toEqual([0, 0, 0]);
      expect(processes.map(({ stderr }) => stderr)).toEqual(['', '', '']);
    } finally {
      await bench.close();
      await empty.close();
    }
  });

  test('a handler that never ends does not keep a process alive', async () => {
    const child = suite.bench.start(kind.name, { stuck: true });
    await child.ready();
    await (await suite.bench.open()).nudge(kind, [{ id: 1 }]);
    await eventually(() => child.handled.length === 1);
    const end = await timed(child.end('SIGTERM'));
    expect(end.value).toBe(0);
    expect(end.ms).toBeLessThan(1_000 + 2_500); // its grace is 1 s
  });

  test('an outage crashes no process and leaves it nothing to wait for at its end', async () => {
    const { relay } = suite.target;
    const child = suite.bench.start(kind.name);
    await child.ready();
    const queue = await suite.bench.open();
    await queue.nudge(kind, [{ id: 1 }]);
    await eventually(() => child.handled.length === 1);
    relay.cut();
    await relay.refuse();
    await eventually(async () => (await queue.nudge(kind, [{ id: 2 }])) === false);
    await relay.open();
    await eventually(() => queue.nudge(kind, [{ id: 3 }]));
    await eventually(() => child.handled.includes(3));
    await relay.refuse();
    const end = await timed(child.end('SIGTERM'));
    await relay.open();
    expect(end.value).toBe(0);
    expect(end.ms).toBeLessThan(1_000 + 2_500);
    expect(child.stderr).toBe('');
  });
}
