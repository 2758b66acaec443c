import type { DeliveryRepository } from './delivery.repository.js';
import type { Relay } from '../smtp-settings/relay.js';

/** Keeps to `maxMessagesPerSecond`, over all workers together. */
export class Pace {
  constructor(private readonly slots: Pick<DeliveryRepository, 'takeSlot'>) {}

  /** Resolves when the next e-mail may start, at once when there is no limit, or when `signal` aborts. */
  async take({ serverAddress, maxMessagesPerSecond }: Relay, signal: AbortSignal): Promise<void> {
    if (maxMessagesPerSecond === null || signal.aborted) return;
    const waitMs = await this.slots.takeSlot(serverAddress.toLowerCase(), 1_000 / maxMessagesPerSecond);
    if (waitMs > 0) await pause(waitMs, signal);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
