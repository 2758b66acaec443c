import { waitFor } from '../setup/wait.js';
import type { Cell } from './cells.js';
import { comeToRest, readRows } from './rows.js';
import { openScene, type Scene, SUBSCRIBERS } from './scene.js';
import { judge, type Verdict } from './verdict.js';
import type { World } from './world.js';

const REST_MS = 60_000;

/** Lets one thing die while a burst of events goes through, and judges what came of it. */
export async function runCell(cell: Cell, world: World): Promise<Verdict> {
  const scene = await openScene(world, cell);
  try {
    return await play(cell, scene);
  } finally {
    scene.publisher.giveUp();
    await scene.sink.close();
  }
}

async function play({ strike, mayRepeat, holdsMail, atMostOnce }: Cell, scene: Scene): Promise<Verdict> {
  const { servers: { postgres: { url } }, sink, publisher, events } = scene;
  if (holdsMail) sink.hold();
  const [openConnections] = await Promise.all([strike(scene), publisher.publish(events)]);
  const unfinished = await comeToRest(url, REST_MS);
  await waitFor(() => sink.isIdle, Boolean); // whatever a worker still has in its hands counts
  const verdict = judge({
    events, accepted: publisher.accepted, refusals: publisher.refusals, subscribers: SUBSCRIBERS, taken: sink.taken,
    rows: await readRows(url, events.map(({ name }) => name)), allowedDuplicates: mayRepeat ? openConnections : 0, allowedDoubts: atMostOnce ? openConnections : 0,
  });
  return { ...verdict, faults: [...unfinished.map((line) => `not finished after ${REST_MS / 1_000} s: ${line}`), ...verdict.faults] };
}
