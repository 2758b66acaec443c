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

  /** @param read answers the contents of the first of these events, as many as have so many bytes together, but one at least */
  constructor(private readonly read: (eventIds: string[], bytes: number) => Promise<EmailContent[]>) {}

  /** undefined: it is to be loaded. */
  recall(eventId: string, relay: Relay): LazyContent | undefined {
    const key = keyOf(eventId, relay);
    const remembered = this.known.get(key);
    if (remembered === undefined) return undefined;
    this.known.delete(key);
    this.known.set(key, remembered);
    return remembered.content;
  }

  /** Reads the content of the first event, and of those after it what is remembered together. It stays with the caller, whatever is forgotten here meanwhile. */
  async load(eventIds: string[], relay: Relay): Promise<LazyContent | undefined> {
    const rows = await this.read(eventIds, REMEMBERED);
    const contents = new Map(rows.map((row) => [row.eventId, this.remember(row, relay)]));
    return contents.get(eventIds[0]!);
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
