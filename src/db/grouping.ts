interface Asked<Item, Answer> {
  item: Item;
  /** By the process' clock. */
  at: number;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

export interface GroupingLimits<Item> {
  /** How much goes together; an item that is more goes alone. */
  most: number;
  /** Under way at a time; 1 if not given. */
  statements?: number;
  /** An item counts as one if it is not given. */
  sizeOf?(item: Item): number;
  /** Who has waited longer than so many milliseconds when a statement begins is told so; without it nobody is. */
  patienceMs?: number;
}

/** The statements before it took so long that the database is taken for gone. */
class WaitedTooLong extends Error {
  readonly code = 'ETIMEDOUT';

  constructor() {
    super('The database answers too slowly.');
  }
}

/**
 * Lets those who ask at the same time share a statement: what is asked while as many statements run as may goes into the next one, together. So each
 * of them sees the database as it is after it was asked, and under load it costs a share of a round trip.
 */
export class Grouping<Item, Answer> {
  private readonly waiting: Asked<Item, Answer>[] = [];
  private running = 0;
  private readonly limits: Required<GroupingLimits<Item>>;

  /** @param run answers each item, in their order; when it rejects, all of them are rejected */
  constructor(private readonly run: (items: Item[]) => Promise<readonly Answer[]>, limits: GroupingLimits<Item>) {
    this.limits = { statements: 1, sizeOf: () => 1, patienceMs: Infinity, ...limits };
  }

  ask(item: Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, at: performance.now(), resolve, reject });
      if (this.running < this.limits.statements) this.start();
    });
  }

  /** After the callbacks of this turn, so that what they ask shares the statement. */
  private start(): void {
    this.running += 1;
    setImmediate(() => void this.work());
  }

  private async work(): Promise<void> {
    for (let group = this.next(); group.length > 0; group = this.next()) await this.answer(group);
    this.running -= 1;
  }

  private next(): Asked<Item, Answer>[] {
    this.dismiss();
    let [count, size] = [0, 0];
    for (const { item } of this.waiting) {
      size += this.limits.sizeOf(item);
      if (count > 0 && size > this.limits.most) break;
      count += 1;
    }
    return this.waiting.splice(0, count);
  }

  /** So that what waits while the database does not answer is bounded in time, and by that in number. */
  private dismiss(): void {
    const since = performance.now() - this.limits.patienceMs;
    const first = this.waiting.findIndex(({ at }) => at >= since);
    for (const { reject } of this.waiting.splice(0, first < 0 ? this.waiting.length : first)) reject(new WaitedTooLong());
  }

  private async answer(group: Asked<Item, Answer>[]): Promise<void> {
    try {
      const answers = await this.run(group.map(({ item }) => item));
      group.forEach(({ resolve }, index) => resolve(answers[index]!));
    } catch (error) {
      group.forEach(({ reject }) => reject(error));
    }
  }
}
