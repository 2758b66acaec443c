import type { Cell } from './cells.js';
import type { Entry } from './matrix.js';
import { runCell } from './run-cell.js';
import type { QueueBackEnd } from './servers.js';
import type { Verdict } from './verdict.js';
import { createWorld, type World } from './world.js';

export interface Result extends Verdict {
  cell: Cell;
  queue: QueueBackEnd;
  seconds: number;
  /** What the processes said; for cells that are wrong. */
  output: string;
}

const NOTHING: Verdict = { accepted: 0, expected: 0, delivered: 0, duplicates: 0, allowedDuplicates: 0, inDoubt: 0, lost: 0, ghosts: 0, faults: [] };

/** The cells of one queue, one after the other in the same processes; after one that went wrong, in new ones. */
class Row {
  private last: Promise<unknown> = Promise.resolve();
  private world: World | null = null;

  constructor(private readonly queue: QueueBackEnd) {}

  run(cell: Cell): Promise<Result> {
    const result = this.last.then(() => this.runNext(cell));
    this.last = result;
    return result;
  }

  async close(): Promise<void> {
    await this.last;
    await this.end();
  }

  /** Never rejects: what fails is the cell's fault. */
  private async runNext(cell: Cell): Promise<Result> {
    const began = Date.now();
    const verdict = await this.tryCell(cell).catch((error: Error): Verdict => ({ ...NOTHING, faults: [error.stack ?? error.message] }));
    const output = verdict.faults.length > 0 ? (this.world?.cluster.output ?? '') : '';
    if (verdict.faults.length > 0) await this.end().catch((error: Error) => verdict.faults.push(`the end of the processes: ${error.message}`));
    return { ...verdict, cell, queue: this.queue, seconds: Math.round((Date.now() - began) / 1_000), output };
  }

  private async tryCell(cell: Cell): Promise<Verdict> {
    this.world ??= await createWorld(this.queue);
    return runCell(cell, this.world);
  }

  private async end(): Promise<void> {
    const { world } = this;
    this.world = null;
    await world?.close();
  }
}

/** Runs the queues side by side: most of a cell's time is a wait for the lease of what was killed. */
export class Runner {
  readonly results: Result[] = [];
  private readonly rows = { Postgres: new Row('Postgres'), Redis: new Row('Redis') };

  constructor(private readonly told: (result: Result, done: number) => void) {}

  async run({ cell, queue }: Entry): Promise<Result> {
    const result = await this.rows[queue].run(cell);
    this.results.push(result);
    this.told(result, this.results.length);
    return result;
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.rows).map((row) => row.close()));
  }
}
