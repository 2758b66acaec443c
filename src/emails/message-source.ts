import type { Relay } from '../smtp-settings/relay.js';
import { type ComposedContent, composeContent, messageFor } from '../smtp/message.js';
import type { ClaimedEmail, EmailContent } from './delivery.repository.js';

/** Makes the messages of a batch: what the e-mails of an event share is composed once, at the first of them. */
export class MessageSource {
  private readonly contents: Map<string, EmailContent>;
  private readonly composed = new Map<string, Promise<ComposedContent>>();

  constructor(
    private readonly relay: Relay,
    contents: EmailContent[],
  ) {
    this.contents = new Map(contents.map((content) => [content.eventId, content]));
  }

  /** The Date is that of the e-mail's making, so that a repeated delivery is identical. */
  async messageFor({ eventId, to, messageId, createdAt }: ClaimedEmail): Promise<Buffer> {
    return messageFor(await this.contentOf(eventId), { to, messageId, date: createdAt });
  }

  private contentOf(eventId: string): Promise<ComposedContent> {
    const composed = this.composed.get(eventId) ?? this.compose(this.contents.get(eventId)!);
    this.composed.set(eventId, composed);
    return composed;
  }

  private compose({ subject, textBody, htmlBody, replyTo }: EmailContent): Promise<ComposedContent> {
    const { senderName, senderAddress } = this.relay;
    return composeContent({ fromName: senderName, fromAddress: senderAddress, replyTo, subject, text: textBody, html: htmlBody });
  }
}
