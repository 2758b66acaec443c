/** After so many items at once, or more, the pause is a whole one. */
const MANY = 10;

/**
 * Hands on together what is added. What comes now and then waits for nothing; under load hand-ons are few, for there is a pause after each, of `pauseMs` when it
 * had many items and shorter when it had few. Never more than `max` items at once, which do not wait. `close` hands on what is left and waits for it.
 */
export class Coalescer<T> {
  private items: T[] = [];
  private timer: NodeJS.Timeout | undefined;
  private earliest = -Infinity;
  private handing = new Set<Promise<unknown>>();

  constructor(
    private readonly handOn: (items: T[]) => Promise<unknown>,
    private readonly max: number,
    private readonly pauseMs: number,
  ) {}

  add(items: readonly T[]): void {
    this.items.push(...items);
    while (this.items.length >= this.max) this.flush();
    if (this.items.length > 0) this.timer ??= setTimeout(() => this.flush(), Math.max(0, this.earliest - performance.now()));
  }

  async close(): Promise<void> {
    while (this.items.length > 0) this.flush();
    await Promise.allSettled(this.handing);
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const items = this.items.splice(0, this.max);
    this.earliest = performance.now() + this.pauseMs * Math.min(1, items.length / MANY);
    const handed = this.handOn(items).catch(() => undefined); // handOn reports its own faults
    this.handing.add(handed);
    void handed.finally(() => this.handing.delete(handed));
  }
}
