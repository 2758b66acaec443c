import type { Database, Tx } from '../db/client.js';
import type { EmailsService, UntoldFailures } from '../emails/emails.service.js';
import type { EventPublish } from './events.contract.js';
import type { EventsRepository } from './events.repository.js';

export interface FailureNoticesParts {
  database: Database;
  events: EventsRepository;
  emails: EmailsService;
  /** Publishes events of Mailroom itself in the transaction; what it answers is to be called after the commit. */
  publish(tx: Tx, events: EventPublish[]): Promise<() => void>;
}

const TYPE = 'EmailNotificationFailed';
/** Events that tell of failures in one minute: when more fail, the last one tells of all the others. */
const A_MINUTE = 20;
/** Events whose failures are told at once. */
const AT_ONCE = 5_000;

/**
 * Publishes that e-mails failed for good: one event for each event whose e-mails did, at most one a minute, and never for a mail that itself tells of
 * failures. What was published and that it was are one transaction, so that each failure is told once, whoever looks when.
 */
export class FailureNotices {
  constructor(private readonly parts: FailureNoticesParts) {}

  /** @returns whether there is nothing left for now */
  async publish(): Promise<boolean> {
    const { database, events, emails, publish } = this.parts;
    const committed = await database.prisma.$transaction(async (tx) => {
      if (!(await events.lockFailures(tx))) return null;
      const room = A_MINUTE - (await events.countRecent(tx, TYPE, A_MINUTE));
      const failures = room <= 0 ? [] : await emails.takeUntoldFailures(tx, AT_ONCE);
      if (failures.length === 0) return null;
      await events.markFailuresTold(tx, failures.map(({ eventId }) => eventId));
      return publish(tx, noticesOf(failures, room));
    });
    committed?.();
    return true;
  }
}

/** As many notices as there is room for; the last one tells of all the rest together. */
export function noticesOf(failures: UntoldFailures[], room: number): EventPublish[] {
  if (failures.length <= room) return failures.map(noticeOf);
  const rest = failures.slice(room - 1);
  return [...failures.slice(0, room - 1).map(noticeOf), collective(rest)];
}

function noticeOf({ eventId, eventType, count, addresses }: UntoldFailures): EventPublish {
  return { type: TYPE, objectId: eventId, properties: { FailedEventId: eventId, FailedEventName: eventType, FailedCount: count, FailedAddresses: addresses.join(', ') } };
}

function collective(failures: UntoldFailures[]): EventPublish {
  const names = [...new Set(failures.map(({ eventType }) => eventType))];
  const told = names.slice(0, 5).join(', ') + (names.length > 5 ? ` and ${names.length - 5} more` : '');
  const addresses = [...new Set(failures.flatMap((failure) => failure.addresses))].slice(0, 5);
  const count = failures.reduce((sum, failure) => sum + failure.count, 0);
  return { type: TYPE, properties: { FailedEventName: told, FailedEventCount: failures.length, FailedCount: count, FailedAddresses: addresses.join(', ') } };
}
