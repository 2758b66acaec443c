import { performance } from 'node:perf_hooks';

/**
 * One timer for all the waits of a connection, which would otherwise start and clear several timers for each mail. `arm` and `disarm`
 * only note a time; the timer that runs already looks at it when it fires. It never keeps the process alive: the socket does.
 */
export class Deadline {
  #timer: NodeJS.Timeout | null = null;
  #firesAt = 0;
  #dueAt = Infinity;

  constructor(private readonly onExpired: () => void) {}

  arm(ms: number): void {
    this.#dueAt = performance.now() + ms;
    if (this.#timer === null || this.#firesAt > this.#dueAt) this.#schedule(ms);
  }

  disarm(): void {
    this.#dueAt = Infinity;
  }

  close(): void {
    this.disarm();
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #schedule(ms: number): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#firesAt = performance.now() + ms;
    this.#timer = setTimeout(() => this.#fired(), Math.ceil(ms)).unref();
  }

  #fired(): void {
    this.#timer = null;
    if (this.#dueAt === Infinity) return;
    const left = this.#dueAt - performance.now();
    if (left > 0) return this.#schedule(left);
    this.disarm();
    this.onExpired();
  }
}
