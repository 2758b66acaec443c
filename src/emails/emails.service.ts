import { changeResource } from '../audit-log/change-resource.js';
import type { Actor } from '../contract/actor.js';
import { digestOf } from '../contract/etag.js';
import { idSliceOf, pageOf } from '../contract/page.js';
import { refuseStale } from '../contract/preconditions.js';
import { timeOf } from '../contract/time.js';
import type { Database, Tx } from '../db/client.js';
import { invalid, MailroomError, notFound } from '../errors.js';
import { parseMailbox } from '../smtp/mailbox.js';
import { addressKey } from '../smtp/mailbox-fault.js';
import type { SmtpSettingsService } from '../smtp-settings/smtp-settings.service.js';
import type { Email, EmailAttempt, EmailCounts, EmailPage, EmailQuery, EmailRetryFilter, EmailsRetried, EmailStatus, EmailWithAttempts } from './emails.contract.js';
import type { AttemptRow, EmailFilter, EmailRow, EmailsRepository, MadeEmails, NewContentRow, SubscriptionCount, UntoldFailures } from './emails.repository.js';
import type { Portion } from './making.js';
import { nextStatus, statusesWith } from './status.js';

export type NewContent = NewContentRow;
export type { MadeEmails, SubscriptionCount, UntoldFailures };

/** Tells the workers that these e-mails wait. Never fails: the rows are durable, the sweeper finds what a nudge missed. */
type Nudge = (emailIds: string[]) => Promise<void>;

/** A retry by filter works in steps, so that no transaction is long, and up to a number that a request can wait for (some seconds). */
const RETRY_LIMITS = { step: 5_000, request: 100_000 };

export class EmailsService {
  constructor(
    private readonly db: Database,
    private readonly emails: EmailsRepository,
    private readonly settings: SmtpSettingsService,
    readonly nudge: Nudge,
    private readonly retryLimits = RETRY_LIMITS,
  ) {}

  /** How many subscriptions ask for each of those events that are not matched yet, counted up to `limit`. */
  subscriptionCounts(eventIds: string[], limit: number): Promise<SubscriptionCount[]> {
    return this.emails.subscriptionCounts(eventIds, limit);
  }

  /** Stores what was rendered for events; what an interrupted matching stored before stays. */
  async storeContents(contents: NewContent[]): Promise<void> {
    if (contents.length > 0) await this.emails.insertContents(contents);
  }

  /** Makes the next e-mails of events whose contents are stored. */
  async make(tx: Tx, portion: Portion): Promise<MadeEmails> {
    const { settings } = await this.settings.get();
    return this.emails.insertForSubscribers(tx, portion, messageIdDomain(settings.senderAddress));
  }

  /** Makes one e-mail of an event for an address that nobody's subscription names. It is for the caller to nudge after the commit. */
  async makeOne(tx: Tx, content: NewContent, to: string): Promise<Email> {
    const { settings } = await this.settings.get();
    return toEmail(await this.emails.insertOne(tx, content, { address: to, key: addressKey(to) }, messageIdDomain(settings.senderAddress)));
  }

  /** Failures that are to be published now, of at most `limit` events; the caller does that in the same transaction. */
  takeUntoldFailures(tx: Tx, limit: number): Promise<UntoldFailures[]> {
    return this.emails.takeUntoldFailures(tx, limit);
  }

  /** Deletes up to `limit` finished e-mails that were made before a time; answers how many. */
  deleteFinished(before: Date, limit: number): Promise<number> {
    return this.emails.deleteFinished(before, limit);
  }

  async countsByEvent(eventIds: string[]): Promise<Map<string, EmailCounts>> {
    const counts = new Map<string, EmailCounts>();
    if (eventIds.length === 0) return counts;
    for (const { eventId, status, count } of await this.emails.countsByEvent(eventIds)) {
      counts.set(eventId, { ...(counts.get(eventId) ?? noEmails()), [status]: count });
    }
    return counts;
  }

  async list(actor: Actor, query: EmailQuery): Promise<EmailPage> {
    const slice = idSliceOf(query);
    const rows = await this.emails.list(slice, { ...filterOf(query, 'parameter'), publisherKeyId: ownOnly(actor) });
    return pageOf(rows, slice.limit, (row) => row.id, toEmail);
  }

  async get(actor: Actor, id: string): Promise<EmailWithAttempts> {
    const row = await this.emails.find(this.db.prisma, id, ownOnly(actor));
    if (row === null) throw notFound('e-mail', id);
    return this.withAttempts(this.db.prisma, row);
  }

  async retry(actor: Actor, id: string, ifMatch: string | undefined): Promise<EmailWithAttempts> {
    await this.change(actor, id, ifMatch, 'retryAsked', (tx) => this.emails.requeue(tx, id));
    await this.nudge([id]);
    return this.get(actor, id);
  }

  async cancel(actor: Actor, id: string, ifMatch: string | undefined): Promise<EmailWithAttempts> {
    await this.change(actor, id, ifMatch, 'cancelAsked', (tx) => this.emails.cancel(tx, id, `Cancelled by ${actor.name}.`));
    return this.get(actor, id);
  }

  async retryMany(actor: Actor, filter: EmailRetryFilter): Promise<EmailsRetried> {
    if (Object.values(filter).every((value) => value === undefined)) {
      throw invalid('RETRY_FILTER_EMPTY', '', 'must name at least one of status, to, eventId, from, until');
    }
    const which = { ...filterOf(filter, 'pointer'), statuses: filter.status === undefined ? statusesWith('retryAsked') : [filter.status] };
    const retried: EmailsRetried = { retried: 0, more: true };
    try {
      await this.requeueAll(which, retried);
    } finally {
      await this.auditRetry(actor, filter, retried); // also when a step failed: those before it are committed
    }
    return retried;
  }

  /** Step by step, each one committed; adds to `retried`. The sweeper enqueues what became due. */
  private async requeueAll(filter: EmailFilter, retried: EmailsRetried): Promise<void> {
    for (let after: string | null = null; retried.more && retried.retried < this.retryLimits.request; ) {
      const { count, last } = await this.emails.requeueNext(filter, after, this.retryLimits.step);
      retried.retried += count;
      retried.more = count === this.retryLimits.step;
      after = last;
    }
  }

  private async auditRetry(actor: Actor, filter: EmailRetryFilter, retried: EmailsRetried): Promise<void> {
    await changeResource(this.db, actor, {
      type: 'emails',
      id: 'retry',
      load: () => Promise.resolve({ ...filter }), // the e-mails were there before: an update
      apply: () => Promise.resolve({ ...filter, ...retried }),
      describe: (row) => row,
    });
  }

  private async withAttempts(tx: Tx, row: EmailRow): Promise<EmailWithAttempts> {
    return { ...toEmail(row), attempts: (await this.emails.attempts(tx, row.id)).map(toAttempt) };
  }

  private change(actor: Actor, id: string, ifMatch: string | undefined, outcome: 'retryAsked' | 'cancelAsked', write: (tx: Tx) => Promise<unknown>): Promise<EmailRow> {
    return changeResource(this.db, actor, {
      type: 'email',
      id,
      load: async (tx) => {
        const row = await this.emails.lock(tx, id);
        if (row === null) throw notFound('e-mail', id);
        if (nextStatus(row.status, outcome) === null) throw notPossible(row.status, outcome);
        if (ifMatch !== undefined) refuseStale({ ifMatch }, digestOf(await this.withAttempts(tx, row)));
        return row;
      },
      apply: async (tx) => {
        await write(tx);
        return (await this.emails.find(tx, id))!;
      },
      describe: ({ status, toAddress }) => ({ status, to: toAddress }),
    });
  }
}

/** RFC 5322 §3.6.4: the right side of a Message-ID is a domain of ours, as A-labels, or an address literal. */
const messageIdDomain = (senderAddress: string | null): string => (senderAddress === null ? 'mailroom.invalid' : parseMailbox(senderAddress).asciiDomain);

export const noEmails = (): EmailCounts => ({ queued: 0, sending: 0, sent: 0, deferred: 0, failed: 0, unconfirmed: 0, skipped: 0, cancelled: 0 });

/** A publisher reads the outcome of what it published itself; the other readers everything. */
const ownOnly = ({ role, keyId }: Actor): string | null => (role === 'publisher' ? keyId : null);

/** @param place how a fault is told: of a query parameter, or by a pointer into the body */
function filterOf({ status, to, eventId, from, until }: EmailQuery | EmailRetryFilter, place: 'parameter' | 'pointer'): EmailFilter {
  return {
    statuses: status === undefined ? undefined : [status],
    toKey: to === undefined ? undefined : addressKey(to),
    eventId,
    from: timeOf('from', from, place),
    until: timeOf('until', until, place),
  };
}

const OR = new Intl.ListFormat('en-GB', { type: 'disjunction' });

function notPossible(status: EmailStatus, outcome: 'retryAsked' | 'cancelAsked'): MailroomError {
  const [code, verb] = outcome === 'retryAsked' ? ['EMAIL_NOT_RETRYABLE', 'retried'] : ['EMAIL_NOT_CANCELLABLE', 'cancelled'];
  return new MailroomError('conflict', code, `The e-mail is ${status}; only one that is ${OR.format(statusesWith(outcome))} can be ${verb}.`);
}

function toEmail(row: EmailRow): Email {
  return {
    id: row.id,
    eventId: row.eventId,
    eventType: row.eventType,
    subscriptionId: row.subscriptionId,
    userId: row.userId,
    to: row.toAddress,
    subject: row.subject,
    status: row.status,
    reason: row.reasonCode === null ? null : { code: row.reasonCode, message: row.reason ?? '' },
    attemptCount: row.attemptCount,
    deliveryPolicy: row.atMostOnce ? 'atMostOnce' : 'atLeastOnce',
    nextAttemptAt: row.nextAttemptAt?.toISOString() ?? null,
    messageId: row.messageId,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
    sentAt: row.sentAt?.toISOString() ?? null,
    serverReply: row.serverReply,
    serverQueueId: row.serverQueueId,
    warnings: row.warnings,
  };
}

function toAttempt({ number, startedAt, durationMs, worker, address, port, outcome, stage, code, reply, enhancedCode, message, hint }: AttemptRow): EmailAttempt {
  return { number, startedAt: startedAt.toISOString(), durationMs, worker, address, port, outcome: outcome as EmailStatus, stage, code, reply, enhancedCode, message, hint };
}
