import { performance } from 'node:perf_hooks';

/** How long an address that did not answer is tried after the others. */
const MEMORY_MS = 60_000;

/** Remembers which addresses just did not answer, so that one dead address of several does not cost a time-out for every connection. */
export class AddressMemory {
  private readonly failedAt = new Map<string, number>();

  /** @param now milliseconds that never go back */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /**
   * The addresses in their order, but those that just failed come last. When the time of one is over, this caller tries it again in its
   * place; for all others it counts as failed until that try has ended.
   */
  inOrder<T extends { address: string }>(addresses: readonly T[], port: number): T[] {
    const failed = addresses.filter(({ address }) => this.isAvoided(keyOf(address, port)));
    return [...addresses.filter((one) => !failed.includes(one)), ...failed];
  }

  failed(address: string, port: number): void {
    this.forgetOld();
    this.failedAt.set(keyOf(address, port), this.now());
  }

  answered(address: string, port: number): void {
    this.failedAt.delete(keyOf(address, port));
  }

  private isAvoided(key: string): boolean {
    const failedAt = this.failedAt.get(key);
    if (failedAt === undefined) return false;
    if (this.now() - failedAt < MEMORY_MS) return true;
    this.failedAt.set(key, this.now());
    return false;
  }

  /** Addresses that are not looked up any more must not pile up. */
  private forgetOld(): void {
    for (const [key, failedAt] of this.failedAt) if (this.now() - failedAt > 10 * MEMORY_MS) this.failedAt.delete(key);
  }
}

const keyOf = (address: string, port: number): string => `${address} ${port}`;
