import type { Logger } from '../logger.js';

const FLUSH_MS = 10_000;

/** Remembers when keys were used, and writes it for all of them together, so that a request costs no write. */
export class KeyUse {
  private uses = new Map<string, Date>();
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly write: (uses: ReadonlyMap<string, Date>) => Promise<void>,
    private readonly logger: Logger,
  ) {
    this.timer = setInterval(() => void this.flush(), FLUSH_MS);
    this.timer.unref();
  }

  used(keyId: string): void {
    this.uses.set(keyId, new Date());
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.flush();
  }

  /** What cannot be written is forgotten: it is worth no more, and the next use comes soon. */
  private async flush(): Promise<void> {
    if (this.uses.size === 0) return;
    const uses = this.uses;
    this.uses = new Map();
    await this.write(uses).catch((error: unknown) => this.logger.debug({ err: error }, 'when keys were used could not be recorded'));
  }
}
