import { messageFor } from '../smtp/message.js';
import type { Relay } from '../smtp-settings/relay.js';
import type { ContentMemory, LazyContent } from './content-memory.js';
import type { ClaimedEmail } from './delivery.repository.js';

/** The contents of a batch, read when they are wanted: never all of them when they are large. */
export class MessageSource {
  /** In the order in which they will be wanted. */
  private readonly eventIds: string[];
  /** What was read last: other batches may have it forgotten in the memory that all share. */
  private read: ReadonlyMap<string, LazyContent> = new Map();
  private loading: Promise<unknown> | null = null;

  constructor(private readonly memory: ContentMemory, private readonly relay: Relay, emails: readonly ClaimedEmail[]) {
    this.eventIds = [...new Set(emails.map(({ eventId }) => eventId))];
  }

  async contentOf({ eventId }: ClaimedEmail): Promise<LazyContent | undefined> {
    for (;;) {
      const known = this.read.get(eventId) ?? this.memory.recall(eventId, this.relay);
      if (known !== undefined) return known;
      if (this.loading === null) return this.load(eventId);
      await this.loading; // of another connection: it may bring this one too
    }
  }

  private async load(eventId: string): Promise<LazyContent | undefined> {
    const reading = this.memory.load(this.eventIds.slice(this.eventIds.indexOf(eventId)), this.relay);
    this.loading = reading.catch(() => undefined);
    try {
      this.read = await reading;
      return this.read.get(eventId);
    } finally {
      this.loading = null;
    }
  }
}

/** The Date is that of the e-mail's making, so that a repeated delivery is identical. */
export const messageOf = ({ to, messageId, createdAt }: ClaimedEmail, content: LazyContent): Buffer => messageFor(content(), { to, messageId, date: createdAt });
