import type { Database } from '../db/client.js';
import type { EmailTemplatesService } from '../email-templates/email-templates.service.js';
import { renderEvents } from '../email-templates/event-content.js';
import { DELIVERY_BATCH } from '../emails/deliver-emails.job.js';
import type { EmailsService, MadeEmails, NewContent, SubscriptionCount } from '../emails/emails.service.js';
import type { EventsRepository } from './events.repository.js';

/** E-mails that one transaction makes at most: some seconds of work. */
const PORTION = 50_000;
/** For a database that is slow or busy; the default is five seconds. */
const TRANSACTION_MS = 120_000;
/** E-mails that one matching puts into the queue itself, so that mail starts at once and the queue stays short. The sweeper does the rest. */
const NUDGED_AT_ONCE = 20 * DELIVERY_BATCH;

/** Events that are matched in one transaction; one event alone goes on `after` a subscription when it has very many. */
interface Group {
  eventIds: string[];
  after: string | null;
}

/** Turns events into e-mails: renders each event once and makes its e-mails by set, in portions that are committed one by one. */
export class Matcher {
  constructor(
    private readonly db: Database,
    private readonly events: EventsRepository,
    private readonly templates: EmailTemplatesService,
    private readonly emails: EmailsService,
    private readonly limits = { portion: PORTION, nudged: NUDGED_AT_ONCE },
  ) {}

  /**
   * Does no harm when it runs twice for an event, or at once in two workers: the second finds it matched or locked, or its e-mails there.
   * So a matching that was interrupted begins again and makes what is missing.
   * @param signal stops it between two portions: it rejects with the signal's reason
   */
  async match(eventIds: string[], signal?: AbortSignal): Promise<void> {
    const counts = await this.emails.subscriptionCounts(eventIds, this.limits.portion);
    await this.events.markMatched(this.db.prisma, counts.filter(({ count }) => count === 0).map(({ eventId }) => eventId));
    const groups = groupsOf(counts.filter(({ count }) => count > 0), this.limits.portion);
    let nudgeable = this.limits.nudged;
    for (let group = groups.shift(); group !== undefined; group = groups.shift()) {
      signal?.throwIfAborted();
      if (group.after === null) await this.emails.storeContents(await this.contentsOf(group.eventIds));
      const { nudge, unfinished } = await this.make(group, nudgeable);
      nudgeable -= nudge.length;
      groups.unshift(...unfinished.map(({ eventId, after }) => ({ eventIds: [eventId], after })));
      if (nudge.length > 0) await this.emails.nudge(nudge);
    }
  }

  /** Before the transaction, so that a slow template holds no lock. What another matcher rendered and stored first is what stays. */
  private async contentsOf(eventIds: string[]): Promise<NewContent[]> {
    const events = await this.events.unmatched(eventIds);
    const { types, modified } = await this.templates.forRendering([...new Set(events.map(({ type }) => type))]);
    const contents = await renderEvents(events, types, modified);
    return events.map(({ id }, index) => ({ eventId: id, ...contents[index]! }));
  }

  private make({ eventIds, after }: Group, nudgeable: number): Promise<MadeEmails> {
    return this.db.prisma.$transaction(
      async (tx) => {
        const ids = await this.events.lockUnmatched(tx, eventIds);
        if (ids.length === 0) return { nudge: [], unfinished: [] };
        const made = await this.emails.make(tx, { eventIds: ids, after, limit: this.limits.portion, nudgeable });
        const unfinished = made.unfinished.map(({ eventId }) => eventId);
        await this.events.markMatched(tx, ids.filter((id) => !unfinished.includes(id)));
        await this.events.putOffNudge(tx, unfinished);
        return made;
      },
      { timeout: TRANSACTION_MS },
    );
  }
}

/** In their order, as many in a group as have `limit` subscriptions together; one that has more is a group of its own. */
function groupsOf(counts: SubscriptionCount[], limit: number): Group[] {
  const groups: Group[] = [];
  let room = 0;
  for (const { eventId, count } of counts) {
    if (count > room) {
      groups.push({ eventIds: [], after: null });
      room = limit;
    }
    groups.at(-1)!.eventIds.push(eventId);
    room -= count;
  }
  return groups;
}
