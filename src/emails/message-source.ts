import { messageFor } from '../smtp/message.js';
import type { Relay } from '../smtp-settings/relay.js';
import type { ContentMemory, LazyContent } from './content-memory.js';
import type { ClaimedEmail } from './delivery.repository.js';

/** The contents of a batch, read when they are wanted: never all of them when they are large. */
export class MessageSource {
  /** In the order in which they will be wanted. */
  private readonly eventIds: string[];
  private loading: Promise<unknown> | null = null;

  constructor(private readonly memory: ContentMemory, private readonly relay: Relay, emails: readonly ClaimedEmail[]) {
    this.eventIds = [...new Set(emails.map(({ eventId }) => eventId))];
  }

  async contentOf({ eventId }: ClaimedEmail): Promise<LazyContent | undefined> {
    for (;;) {
      const known = this.memory.recall(eventId, this.relay);
      if (known !== undefined) return known;
      if (this.loading === null) return this.load(eventId);
      await this.loading; // of another connection: it may bring this one too
    }
  }

  private load(eventId: string): Promise<LazyContent | undefined> {
    const loaded = this.memory.load(this.eventIds.slice(this.eventIds.indexOf(eventId)), this.relay);
    this.loading = loaded.then(() => undefined, () => undefined).finally(() => { this.loading = null; });
    return loaded;
  }
}

/** The Date is that of the e-mail's making, so that a repeated delivery is identical. */
export const messageOf = ({ to, messageId, createdAt }: ClaimedEmail, content: LazyContent): Buffer => messageFor(content(), { to, messageId, date: createdAt });
