import type { EmailsService } from '../emails/emails.service.js';
import type { EventsRepository } from './events.repository.js';

const DAY_MS = 86_400_000;
/** Rows that one statement deletes: some tens of milliseconds, so that deliveries go on. */
const BATCH = 2_000;

/** Deletes what has had its time: finished e-mails with their attempts, then events that have none left, with their contents. */
export class Retention {
  constructor(
    private readonly events: EventsRepository,
    private readonly emails: EmailsService,
    private readonly days: number,
    private readonly batch = BATCH,
  ) {}

  /** One batch of each. @returns whether there is nothing left for now */
  async purge(): Promise<boolean> {
    const before = new Date(Date.now() - this.days * DAY_MS);
    const emails = await this.emails.deleteFinished(before, this.batch);
    const events = emails < this.batch ? await this.events.deleteOld(before, this.batch) : this.batch;
    return events < this.batch;
  }
}
