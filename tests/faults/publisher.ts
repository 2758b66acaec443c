import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { ADMIN_KEY } from '../process/mailroom-process.js';

/** An event as its publisher knows it: the name is in its properties, and so in the subject of its mails. */
export interface PlannedEvent {
  name: string;
  type: string;
}

const AT_ONCE = 4;
const PAUSE_MS = 100;
const ANSWER_MS = 10_000;
/** Not now: the database is away, or the first request with this key is still being worked on. */
const REPEAT = new Set([409, 503]);

/**
 * Publishes as a client should be written: each event has an Idempotency-Key, and while no answer comes the same request is sent again
 * with the same key.
 */
export class Publisher {
  /** The id that each event got, by the event's name. */
  readonly accepted = new Map<string, string>();
  /** Answers that a client does not expect. */
  readonly refusals: string[] = [];
  /** How many requests were sent again. */
  repeats = 0;
  private given = false;

  constructor(private readonly url: string) {}

  /** Resolves when every event has got its answer. */
  async publish(events: readonly PlannedEvent[]): Promise<void> {
    const waiting = [...events];
    const one = async (): Promise<void> => {
      for (let event = waiting.shift(); event; event = waiting.shift()) await this.publishOne(event);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, one));
  }

  /** Ends a burst whose cell has failed. */
  giveUp(): void {
    this.given = true;
  }

  private async publishOne({ name, type }: PlannedEvent): Promise<void> {
    const key = randomUUID();
    const body = JSON.stringify({ type, properties: { AccountName: name } });
    for (let answer = await this.post(key, body); !this.given; answer = await this.post(key, body)) {
      if (answer !== null && !REPEAT.has(answer.status)) return this.keep(name, answer);
      this.repeats += 1;
      await delay(PAUSE_MS);
    }
  }

  private keep(name: string, { status, text }: { status: number; text: string }): void {
    if (status === 202) this.accepted.set(name, (JSON.parse(text) as { id: string }).id);
    else this.refusals.push(`${name}: ${status} ${text}`);
  }

  /** null: no answer, or only a part of one. */
  private async post(key: string, body: string): Promise<{ status: number; text: string } | null> {
    const headers = { Authorization: `Bearer ${ADMIN_KEY}`, 'Content-Type': 'application/json', 'Idempotency-Key': key };
    try {
      const response = await fetch(`${this.url}/v1/events`, { method: 'POST', headers, body, signal: AbortSignal.timeout(ANSWER_MS) });
      return { status: response.status, text: await response.text() };
    } catch {
      return null;
    }
  }
}
