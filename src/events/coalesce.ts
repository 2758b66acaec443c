/**
 * Hands on together what is added. What comes alone waits for nothing: the next hand-on is `pauseMs` after the last one, so that under load they are few,
 * or at once when `max` items wait, which are never passed. `close` hands on what is left and waits for it.
 */
export class Coalescer<T> {
  private items: T[] = [];
  private timer: NodeJS.Timeout | undefined;
  private last = -Infinity;
  private handing = new Set<Promise<unknown>>();

  constructor(
    private readonly handOn: (items: T[]) => Promise<unknown>,
    private readonly max: number,
    private readonly pauseMs: number,
  ) {}

  add(items: readonly T[]): void {
    this.items.push(...items);
    while (this.items.length >= this.max) this.flush();
    if (this.items.length > 0) this.timer ??= setTimeout(() => this.flush(), Math.max(0, this.last + this.pauseMs - performance.now()));
  }

  async close(): Promise<void> {
    while (this.items.length > 0) this.flush();
    await Promise.allSettled(this.handing);
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.last = performance.now();
    const handed = this.handOn(this.items.splice(0, this.max)).catch(() => undefined); // handOn reports its own faults
    this.handing.add(handed);
    void handed.finally(() => this.handing.delete(handed));
  }
}
