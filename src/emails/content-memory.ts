import type { Relay } from '../smtp-settings/relay.js';
import { type ComposedContent, composeContent } from '../smtp/message.js';
import type { EmailContent } from './delivery.repository.js';

/** Characters of the contents that are remembered together; what was used last stays. */
const REMEMBERED = 4 * 1024 * 1024;

/** Composes at the first call, and answers the same to all. */
export type LazyContent = () => ComposedContent;

interface Remembered {
  content: LazyContent;
  size: number;
}

/**
 * What the e-mails of an event share, composed once: however many batches they are in, and for a retry that comes soon. A content never changes; how it is
 * composed depends on the relay's settings.
 */
export class ContentMemory {
  /** By relay version and event, in the order of their last use. */
  private readonly known = new Map<string, Remembered>();
  private size = 0;

  constructor(private readonly read: (eventIds: string[]) => Promise<EmailContent[]>) {}

  /** The contents of these events, by event. They stay with the caller, whatever is forgotten here meanwhile. */
  async contentsOf(eventIds: Iterable<string>, relay: Relay): Promise<ReadonlyMap<string, LazyContent>> {
    const contents = new Map<string, LazyContent>();
    const missing: string[] = [];
    for (const eventId of new Set(eventIds)) {
      const known = this.recall(keyOf(eventId, relay));
      if (known) contents.set(eventId, known);
      else missing.push(eventId);
    }
    const read = missing.length === 0 ? [] : await this.read(missing);
    for (const row of read) contents.set(row.eventId, this.remember(row, relay));
    return contents;
  }

  private recall(key: string): LazyContent | undefined {
    const remembered = this.known.get(key);
    if (remembered === undefined) return undefined;
    this.known.delete(key);
    this.known.set(key, remembered);
    return remembered.content;
  }

  private remember(row: EmailContent, relay: Relay): LazyContent {
    const [key, content, size] = [keyOf(row.eventId, relay), lazily(row, relay), row.textBody.length + row.htmlBody.length];
    this.forget(key);
    this.known.set(key, { content, size });
    this.size += size;
    for (const oldest of this.known.keys()) {
      if (this.size <= REMEMBERED) break;
      this.forget(oldest);
    }
    return content;
  }

  private forget(key: string): void {
    this.size -= this.known.get(key)?.size ?? 0;
    this.known.delete(key);
  }
}

const keyOf = (eventId: string, { version }: Relay): string => `${version} ${eventId}`;

function lazily({ subject, textBody, htmlBody, replyTo }: EmailContent, { senderName, senderAddress }: Relay): LazyContent {
  let composed: ComposedContent | undefined;
  return () => (composed ??= composeContent({ fromName: senderName, fromAddress: senderAddress, replyTo, subject, text: textBody, html: htmlBody }));
}
