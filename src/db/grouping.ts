interface Asked<Item, Answer> {
  item: Item;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/**
 * Lets those who ask at the same time share a statement: what is asked while as many statements run as may goes into the next one, together. So each
 * of them sees the database as it is after it was asked, and under load it costs a share of a round trip.
 */
export class Grouping<Item, Answer> {
  private readonly waiting: Asked<Item, Answer>[] = [];
  private running = 0;

  /**
   * @param run answers each item, in their order; when it rejects, all of them are rejected
   * @param most how much goes together; an item that is more goes alone
   * @param statements under way at a time
   * @param sizeOf an item counts as one if it is not given
   */
  constructor(
    private readonly run: (items: Item[]) => Promise<readonly Answer[]>,
    private readonly most: number,
    private readonly statements = 1,
    private readonly sizeOf: (item: Item) => number = () => 1,
  ) {}

  ask(item: Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      if (this.running < this.statements) this.start();
    });
  }

  /** After the callbacks of this turn, so that what they ask shares the statement. */
  private start(): void {
    this.running += 1;
    setImmediate(() => void this.work());
  }

  private async work(): Promise<void> {
    while (this.waiting.length > 0) await this.answer(this.next());
    this.running -= 1;
  }

  private next(): Asked<Item, Answer>[] {
    let [count, size] = [0, 0];
    for (const { item } of this.waiting) {
      size += this.sizeOf(item);
      if (count > 0 && size > this.most) break;
      count += 1;
    }
    return this.waiting.splice(0, count);
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
