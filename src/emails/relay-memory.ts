import type { Relay } from '../smtp-settings/relay.js';

/** What a version does not tell of: the same secret may be encrypted anew. */
const REMEMBERED_MS = 5_000;

/** The relay as it was read last. It is read again when its version has changed, which whoever asks has just read. */
export class RelayMemory {
  private last: { relay: Relay; readAt: number } | null = null;

  constructor(private readonly read: () => Promise<Relay | null>) {}

  /** null: the e-mail client is disabled. */
  async relayOf(version: string): Promise<Relay | null> {
    const readAt = performance.now();
    if (this.last?.relay.version === version && readAt - this.last.readAt < REMEMBERED_MS) return this.last.relay;
    const relay = await this.read();
    this.last = relay && { relay, readAt };
    return relay;
  }
}
