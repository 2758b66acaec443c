import { messageFor } from '../smtp/message.js';
import type { LazyContent } from './content-memory.js';
import type { ClaimedEmail } from './delivery.repository.js';

/** Makes the messages of a batch. */
export class MessageSource {
  /** @param contents by event */
  constructor(private readonly contents: ReadonlyMap<string, LazyContent>) {}

  /** The Date is that of the e-mail's making, so that a repeated delivery is identical. */
  messageFor({ eventId, to, messageId, createdAt }: ClaimedEmail): Buffer {
    return messageFor(this.contents.get(eventId)!(), { to, messageId, date: createdAt });
  }
}
