import type { Database } from '../db/client.js';
import { newId } from '../ids.js';
import type { EmailStatus } from './emails.contract.js';
import { CLAIM, CONTENTS, MARK, MARK_FOR_USERS, MAY_SEND, POSTPONE, POSTPONE_UNREACHABLE, RELEASE, RENEW } from './delivery.statements.js';

/** An e-mail that this worker holds a lease on, with what it takes to send it. */
export interface ClaimedEmail {
  id: string;
  eventId: string;
  leaseId: string;
  to: string;
  /** Whether it is for a user, who is read again at the start. */
  forUser: boolean;
  messageId: string;
  createdAt: Date;
  status: EmailStatus;
  tries: number;
  attemptCount: number;
  /** Not sent again when it is not known whether the server took it. */
  atMostOnce: boolean;
  /** Milliseconds from now to the end of the retry window; negative when it is over. */
  windowMs: number;
}

/** What a worker holds by one lease, and how its relay does. */
export interface Claim {
  leaseId: string;
  /** By age. */
  emails: ClaimedEmail[];
  /** Of the current relay. */
  relayVersion: string;
  /** It could not be reached when it was tried last. */
  isUnreachable: boolean;
}

/** Ids of e-mails whose end is not on record, with the status that they were claimed with; null once their attempt has begun. */
export type OpenEmails = Map<string, EmailStatus | null>;

export interface EmailContent {
  eventId: string;
  subject: string;
  textBody: string;
  htmlBody: string;
  replyTo: string | null;
}

/** An attempt that is about to say MAIL. */
export interface StartMark {
  id: string;
  leaseId: string;
  forUser: boolean;
  /** The relay that it would go to: it counts only while that is the current one. */
  relayVersion: string;
}

/** How an attempt ended. `number` is null when it never started (no connection): then it is counted now. */
export interface OutcomeMark {
  id: string;
  leaseId: string;
  /** The relay that was tried: a retry is due at once when the settings have changed meanwhile. */
  relayVersion: string;
  number: number | null;
  status: EmailStatus;
  /** Milliseconds until the next attempt; null when none is planned. */
  retryInMs: number | null;
  startedAt: Date;
  durationMs: number;
  worker: string;
  address: string | null;
  port: number | null;
  stage: string | null;
  code: string | null;
  reply: string | null;
  enhancedCode: string | null;
  message: string | null;
  hint: string | null;
  queueId: string | null;
}

/** What became of a start. */
export interface Started {
  id: string;
  leaseId: string;
  /** True: it must not be sent, for the user is gone; nothing has begun. */
  skipped: boolean;
  /** The address, which is the user's as it is now when the e-mail is for a user. */
  to: string;
  attemptCount: number;
  tries: number;
  /** Milliseconds between two mails that the relay asked for; 0: it did not. */
  slowIntervalMs: number;
}

/** The rows of deliveries, as those who deliver see them: leases and marks. Each method is one statement. */
export class DeliveryRepository {
  constructor(private readonly db: Database) {}

  /**
   * Takes a lease on those of `emailIds` that are due and that nobody holds; on none while a test holds the gate. A job with few e-mails takes others along,
   * the oldest that are queued, up to `most` together: so what many small jobs are for costs no more than one large one, and the later jobs find it done.
   */
  async claim(emailIds: string[], worker: string, most: number): Promise<Claim> {
    const leaseId = newId();
    const rows = await this.db.statements.rows<ClaimedEmail & Pick<Claim, 'relayVersion' | 'isUnreachable'>>(CLAIM(leaseId, emailIds, worker, most));
    const { relayVersion = '', isUnreachable = false } = rows[0] ?? {};
    return { leaseId, emails: rows.sort(byAge), relayVersion, isUnreachable };
  }

  /** Of the first of these events, as many as have so many bytes together, but one at least. */
  contents(eventIds: string[], bytes: number): Promise<EmailContent[]> {
    return this.db.statements.rows(CONTENTS(eventIds, bytes));
  }

  /** Answers those of the leases that nobody has taken over. */
  async renew(leaseIds: string[]): Promise<string[]> {
    const rows = await this.db.statements.rows<{ id: string }>(RENEW(leaseIds));
    return rows.map(({ id }) => id);
  }

  /**
   * Ends a lease. What it still holds is due at once, as it was claimed: also when its start is on record, but its worker never heard of it. An attempt that
   * had begun, and whose end could not be recorded, keeps the lease, which is over now: the sweeper takes it over.
   */
  async release(leaseId: string, open: OpenEmails): Promise<void> {
    await this.db.statements.rows(RELEASE(leaseId, [...open.keys()], [...open.values()]));
  }

  /**
   * Writes outcomes and starts in one commit. A start counts only while its lease holds: an e-mail that was cancelled or taken over is
   * left out of the answer and must not be sent. An outcome counts for the lease's holder; that a mail was sent is kept also when the
   * lease was lost meanwhile, unless somebody else tries it already. While a test holds the gate no start counts: reading the gate's row
   * FOR SHARE makes that exact, for the test cannot close it in the middle of this statement. For an e-mail to a user the user is read now: its
   * address is what the user has, and it is skipped when the user is gone or disabled. That the lease is NOT DISTINCT keeps the planner from looking for
   * each e-mail among all that the lease holds.
   */
  async mark(starts: StartMark[], outcomes: OutcomeMark[]): Promise<Started[]> {
    return this.db.statements.rows((starts.some(({ forUser }) => forUser) ? MARK_FOR_USERS : MARK)(storable(starts), storable(outcomes)));
  }

  /** Puts off, without an attempt, what a worker holds while the e-mail client is disabled; when it has been enabled meanwhile that is due at once. */
  async postpone(leaseId: string, seconds: number, code: string, reason: string): Promise<void> {
    await this.db.statements.rows(POSTPONE(leaseId, seconds, code, reason));
  }

  /**
   * Puts off, without an attempt, what a worker holds while the relay cannot be reached; nothing when it is back by now. What has had its time fails.
   */
  async postponeUnreachable(leaseId: string, relay: string): Promise<void> {
    await this.db.statements.rows(POSTPONE_UNREACHABLE(leaseId, relay));
  }

  /** Whether e-mails may start for this relay: it is the current one, and no test holds the gate. */
  async maySend(relayVersion: string): Promise<boolean> {
    const [row] = await this.db.statements.rows<{ open: boolean }>(MAY_SEND(relayVersion));
    return row!.open;
  }
}

const byAge = (one: ClaimedEmail, other: ClaimedEmail): number => (one.id < other.id ? -1 : 1); // ids count up with time

/** JSON that Postgres takes whatever a server said: jsonb knows no NUL and no half of a surrogate pair. */
function storable(marks: readonly object[]): string {
  const text = JSON.stringify(marks);
  return UNSTORABLE.test(text) ? JSON.stringify(marks, (_name, value: unknown) => (typeof value === 'string' ? value.toWellFormed().replaceAll('\0', '\uFFFD') : value)) : text;
}

/** How JSON has them. Text that only looks so takes the long way too. */
const UNSTORABLE = /\\u(0000|d[89a-f])/;
