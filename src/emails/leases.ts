import type { Logger } from '../logger.js';
import { LEASE_SECONDS } from './delivery-sql.js';

const RENEW_MS = 3_000;

/** This worker held the e-mail no longer: another one may be sending it. */
export class LeaseLost extends Error {
  readonly code = 'LEASE_LOST';

  constructor() {
    super(`The worker stood still for longer than its lease holds (${LEASE_SECONDS} s). The mail was not handed over by it; whichever worker holds the e-mail now sends it.`);
  }
}

/**
 * Keeps the leases of this process alive: one statement every three seconds, however many. A process that dies stops doing so. One that stood still (a
 * stopped process, a machine that was paused) finds out by its own clock that they are over.
 */
export class Leases {
  /** When each lease was taken or renewed last. */
  private readonly held = new Map<string, Instant>();
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly renew: (leaseIds: string[]) => Promise<string[]>,
    private readonly logger: Logger,
  ) {
    this.timer = setInterval(() => void this.renewAll(), RENEW_MS);
    this.timer.unref();
  }

  /** @param takenAt a moment before the lease was asked for */
  async hold<T>(leaseId: string, takenAt: Instant, work: () => Promise<T>): Promise<T> {
    this.held.set(leaseId, takenAt);
    try {
      return await work();
    } finally {
      this.held.delete(leaseId);
    }
  }

  /** @throws LeaseLost when the lease may be over, whatever its row says */
  assertHeld(leaseId: string): void {
    const since = this.held.get(leaseId);
    if (since === undefined || elapsedMs(since) >= LEASE_SECONDS * 1_000) throw new LeaseLost();
  }

  close(): void {
    clearInterval(this.timer);
  }

  private async renewAll(): Promise<void> {
    if (this.held.size === 0) return;
    const askedAt = instant();
    try {
      const renewed = await this.renew([...this.held.keys()]);
      for (const leaseId of renewed) if (this.held.has(leaseId)) this.held.set(leaseId, askedAt);
    } catch (error) {
      this.logger.warn({ err: error }, 'leases could not be renewed');
    }
  }
}

/** By two clocks: one does not know of the time that a machine was paused, the other one can be set. */
export interface Instant {
  monotonic: number;
  wall: number;
}

export const instant = (): Instant => ({ monotonic: performance.now(), wall: Date.now() });

const elapsedMs = ({ monotonic, wall }: Instant): number => Math.max(performance.now() - monotonic, Date.now() - wall);
