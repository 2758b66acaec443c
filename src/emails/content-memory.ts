import type { Relay } from '../smtp-settings/relay.js';
import { type ComposedContent, composeContent } from '../smtp/message.js';
import type { EmailContent } from './delivery.repository.js';

/** Characters of the contents that are remembered together; what was used last stays. */
const REMEMBERED = 4 * 1024 * 1024;

/** Composes at the first call, and answers the same to all. */
export type LazyContent = () => ComposedContent;

interface Remembered {
  row: EmailContent;
  /** For the relay that was asked for last. */
  composed: { version: string; content: LazyContent };
}

/**
 * What the e-mails of an event share, composed once: however many batches they are in, and for a retry that comes soon. A content never changes; how it is
 * composed depends on the relay's settings.
 */
export class ContentMemory {
  /** By event, in the order of their last use. */
  private readonly known = new Map<string, Remembered>();
  private size = 0;

  /** @param read answers the contents of the first of these events, as many as have so many bytes together, but one at least */
  constructor(private readonly read: (eventIds: string[], bytes: number) => Promise<EmailContent[]>) {}

  /** undefined: it is to be loaded. */
  recall(eventId: string, relay: Relay): LazyContent | undefined {
    const remembered = this.known.get(eventId);
    if (remembered === undefined) return undefined;
    this.known.delete(eventId);
    this.known.set(eventId, remembered);
    if (remembered.composed.version !== relay.version) remembered.composed = { version: relay.version, content: lazily(remembered.row, relay) };
    return remembered.composed.content;
  }

  /** Reads the content of the first event, and of those after it what is remembered together. They stay with the caller, whatever is forgotten here meanwhile. */
  async load(eventIds: string[], relay: Relay): Promise<Map<string, LazyContent>> {
    const rows = await this.read(eventIds, REMEMBERED);
    return new Map(rows.map((row) => [row.eventId, this.remember(row, relay)]));
  }

  private remember(row: EmailContent, relay: Relay): LazyContent {
    const content = lazily(row, relay);
    this.forget(row.eventId);
    this.known.set(row.eventId, { row, composed: { version: relay.version, content } });
    this.size += sizeOf(row);
    for (const oldest of this.known.keys()) {
      if (this.size <= REMEMBERED) break;
      this.forget(oldest);
    }
    return content;
  }

  private forget(eventId: string): void {
    const remembered = this.known.get(eventId);
    if (remembered === undefined) return;
    this.size -= sizeOf(remembered.row);
    this.known.delete(eventId);
  }
}

const sizeOf = ({ textBody, htmlBody }: EmailContent): number => textBody.length + htmlBody.length;

function lazily({ subject, textBody, htmlBody, replyTo }: EmailContent, { senderName, senderAddress }: Relay): LazyContent {
  let composed: ComposedContent | undefined;
  return () => (composed ??= composeContent({ fromName: senderName, fromAddress: senderAddress, replyTo, subject, text: textBody, html: htmlBody }));
}
