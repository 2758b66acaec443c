import type { Logger } from '../logger.js';

const RENEW_MS = 3_000;

/** Keeps the leases of this process alive: one statement every three seconds, however many. A process that dies stops doing so. */
export class Leases {
  private readonly held = new Set<string>();
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly renew: (leaseIds: string[]) => Promise<void>,
    private readonly logger: Logger,
  ) {
    this.timer = setInterval(() => void this.renewAll(), RENEW_MS);
    this.timer.unref();
  }

  async hold<T>(leaseId: string, work: () => Promise<T>): Promise<T> {
    this.held.add(leaseId);
    try {
      return await work();
    } finally {
      this.held.delete(leaseId);
    }
  }

  close(): void {
    clearInterval(this.timer);
  }

  private async renewAll(): Promise<void> {
    if (this.held.size === 0) return;
    await this.renew([...this.held]).catch((error: unknown) => this.logger.warn({ err: error }, 'leases could not be renewed'));
  }
}
