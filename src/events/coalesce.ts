/**
 * Collects what is added within a few milliseconds and hands it on together: at most `max` at once, `waitMs` after the first.
 * `close` hands on what is left and waits for it.
 */
export class Coalescer<T> {
  private items: T[] = [];
  private timer: NodeJS.Timeout | undefined;
  private handing = new Set<Promise<unknown>>();

  constructor(
    private readonly handOn: (items: T[]) => Promise<unknown>,
    private readonly max: number,
    private readonly waitMs: number,
  ) {}

  add(items: readonly T[]): void {
    this.items.push(...items);
    while (this.items.length >= this.max) this.flush();
    if (this.items.length > 0) this.timer ??= setTimeout(() => this.flush(), this.waitMs);
  }

  async close(): Promise<void> {
    while (this.items.length > 0) this.flush();
    await Promise.allSettled(this.handing);
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const handed = this.handOn(this.items.splice(0, this.max)).catch(() => undefined); // handOn reports its own faults
    this.handing.add(handed);
    void handed.finally(() => this.handing.delete(handed));
  }
}
