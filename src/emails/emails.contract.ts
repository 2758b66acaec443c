import type { Timestamp, Uuid } from '../contract/scalars.js';
import type { DeliveryPolicy } from '../event-types/event-type.js';

/**
 * `queued`: waits for its first attempt, or for the next one after a retry was asked for. `sending`: a worker is at it. `sent`: the server took it. `deferred`: a retry is planned at
 * `nextAttemptAt`. `failed`: final. `unconfirmed`: the connection, or the worker, died after the message was handed over, so only the
 * server knows whether it has it (RFC 1047); it is sent again at `nextAttemptAt` with the same Message-ID, or not at all when the event type's
 * `deliveryPolicy` is `atMostOnce`. `skipped`: not sent on
 * purpose, because the e-mail client or the user was disabled, or the user deleted. `cancelled`: by an administrator.
 */
export type EmailStatus = 'queued' | 'sending' | 'sent' | 'deferred' | 'failed' | 'unconfirmed' | 'skipped' | 'cancelled';

/** How many e-mails have which status. */
export interface EmailCounts {
  /** @isInt */
  queued: number;
  /** @isInt */
  sending: number;
  /** @isInt */
  sent: number;
  /** @isInt */
  deferred: number;
  /** @isInt */
  failed: number;
  /** @isInt */
  unconfirmed: number;
  /** @isInt */
  skipped: number;
  /** @isInt */
  cancelled: number;
}

/** Why an e-mail has its status. */
export interface EmailReason {
  /**
   * Stable.
   * @example "CONNECTION_REFUSED"
   */
  code: string;
  /** @example "The server 192.0.2.25 port 25 refused the connection." */
  message: string;
}

/** One e-mail: an event for one address. */
export interface Email {
  id: Uuid;
  eventId: Uuid;
  /** @example "PasswordCheckFailed" */
  eventType: string;
  /** The subscription that asked for it; null for a mail that tries a template. */
  subscriptionId: Uuid | null;
  /** The user whose subscription asked for it, or null. The user is read again when the mail is sent. */
  userId: Uuid | null;
  /** The address; for a user the one that it was, or is to be, sent to first. */
  to: string;
  subject: string;
  status: EmailStatus;
  /** Why it is deferred, failed, unconfirmed, skipped or cancelled; null otherwise. */
  reason: EmailReason | null;
  /** @isInt */
  attemptCount: number;
  /** That of the event type when the e-mail was made. */
  deliveryPolicy: DeliveryPolicy;
  /** When it is tried (again); null when no attempt is planned. */
  nextAttemptAt: Timestamp | null;
  /** The Message-ID header (RFC 5322 §3.6.4), the same in every attempt. */
  messageId: string;
  createdAt: Timestamp;
  updatedAt: Timestamp;
  sentAt: Timestamp | null;
  /** What the server answered when it took the mail. */
  serverReply: string | null;
  /** The id under which the server's own log has it, when its reply tells. */
  serverQueueId: string | null;
  /** What went wrong when it was rendered; the mail was still made. */
  warnings: string[];
}

/** One try to hand an e-mail over. */
export interface EmailAttempt {
  /** @isInt */
  number: number;
  startedAt: Timestamp;
  /** @isInt */
  durationMs: number;
  /** The worker process: host and process id. */
  worker: string;
  /** The server address that was tried; null when there was none. */
  address: string | null;
  port: number | null;
  /** The status that the attempt led to. */
  outcome: EmailStatus;
  /** The step of the SMTP dialogue in which it ended. */
  stage: string | null;
  code: string | null;
  /** What the server said. */
  reply: string | null;
  /** The enhanced status code of the reply (RFC 3463). */
  enhancedCode: string | null;
  message: string | null;
  /** What to do about it. */
  hint: string | null;
}

export interface EmailWithAttempts extends Email {
  /** Oldest first. */
  attempts: EmailAttempt[];
}

export interface EmailPage {
  items: Email[];
  /** Ask for the next page with it; null on the last page. */
  nextCursor: string | null;
}

export interface EmailQuery {
  /**
   * How many items at most.
   * @isInt must be a whole number from 1 to 200
   * @minimum 1 must be a whole number from 1 to 200
   * @maximum 200 must be a whole number from 1 to 200
   * @default 50
   */
  limit?: number;
  /**
   * The `nextCursor` of the page before.
   * @maxLength 1024 must be the nextCursor of an earlier answer
   */
  cursor?: string;
  /** Only e-mails with this status. */
  status?: EmailStatus;
  /**
   * Only e-mails to this address, whatever its case.
   * @maxLength 320 must have at most 320 characters
   */
  to?: string;
  /** Only e-mails of this event. */
  eventId?: Uuid;
  /** Only e-mails made at this time or later. */
  from?: Timestamp;
  /** Only e-mails made before this time. */
  until?: Timestamp;
}

/**
 * Which e-mails to send again. Name at least one field.
 * @example { "status": "failed" }
 */
export interface EmailRetryFilter {
  /** Left out: all four. */
  status?: 'failed' | 'skipped' | 'cancelled' | 'unconfirmed';
  /**
   * Only e-mails to this address, whatever its case.
   * @maxLength 320 must have at most 320 characters
   */
  to?: string;
  eventId?: Uuid;
  /** Made at this time or later. */
  from?: Timestamp;
  /** Made before this time. */
  until?: Timestamp;
}

export interface EmailsRetried {
  /**
   * How many e-mails are queued again, oldest first; at most 100,000 in one request.
   * @isInt
   * @maximum 100000
   */
  retried: number;
  /** Whether there may be more that match: repeat the request until it is false. */
  more: boolean;
}
