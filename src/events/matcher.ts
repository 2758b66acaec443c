import type { Database } from '../db/client.js';
import type { EmailTemplatesService } from '../email-templates/email-templates.service.js';
import type { EmailsService, NewContent } from '../emails/emails.service.js';
import type { EventsRepository, UnmatchedEvent } from './events.repository.js';

/** Many subscribers of many events take longer than the default five seconds of a transaction. */
const TRANSACTION_MS = 120_000;

/** Turns events into e-mails: renders each event once and makes its e-mails by set. */
export class Matcher {
  constructor(
    private readonly db: Database,
    private readonly events: EventsRepository,
    private readonly templates: EmailTemplatesService,
    private readonly emails: EmailsService,
  ) {}

  /** Does no harm when it runs twice for an event, or at once in two workers: the second finds it matched or locked. */
  async match(eventIds: string[]): Promise<void> {
    const waiting = await this.db.prisma.$transaction(
      async (tx) => {
        const events = await this.events.lockUnmatched(tx, eventIds);
        if (events.length === 0) return [];
        const made = await this.emails.make(tx, events.filter(({ wanted }) => wanted).map((event) => this.contentOf(event)));
        await this.events.markMatched(tx, events.map(({ id }) => id));
        return made;
      },
      { timeout: TRANSACTION_MS },
    );
    await this.emails.nudge(waiting);
  }

  private contentOf({ id, type, properties, occurredAt }: UnmatchedEvent): NewContent {
    return { eventId: id, ...this.templates.render(type, { properties, occurredAt }) };
  }
}
