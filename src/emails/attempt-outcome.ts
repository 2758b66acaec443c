import { DnsFailure } from '../dns/dns-failure.js';
import { classify } from '../smtp/classify.js';
import { SmtpFailure } from '../smtp/failure.js';
import type { Accepted } from '../smtp/send.js';
import { MailboxError } from '../smtp/mailbox.js';
import type { ClaimedEmail, OutcomeMark } from './delivery.repository.js';
import { LeaseLost } from './leases.js';
import { told } from './relay-opener.js';
import { retryDelayMs } from './retry.js';
import { type EmailOutcome, nextStatus } from './status.js';

/** What is known of an attempt, however it ended. */
export interface Attempt {
  email: ClaimedEmail;
  /** Attempts in this retry window, this one included. */
  tries: number;
  /** null when it ended before it could start: no connection. */
  number: number | null;
  startedAt: Date;
  durationMs: number;
  worker: string;
  relayVersion: string;
  address: string | null;
  port: number | null;
}

/** How the planning of retries is set: the first delay, and chance (from 0 to 1). */
export interface RetryPlan {
  baseMs: number;
  random: () => number;
}

/** @param earlier what went wrong at other addresses of the server before this one took the mail */
export function acceptedOutcome(attempt: Attempt, { reply, enhancedCode, queueId }: Accepted, earlier: readonly SmtpFailure[] = []): OutcomeMark {
  const message = earlier.length === 0 ? null : `${attempt.address} took the mail. Before: ${told(earlier)}`;
  return { ...rowOf(attempt), ...NO_FAULT, message, status: 'sent', retryInMs: null, stage: 'data', reply, enhancedCode, queueId };
}

/** Turns a failure into the row of its attempt and the e-mail's next status. A retryable one whose window has ended is final. */
export function failedOutcome(attempt: Attempt, error: unknown, plan: RetryPlan): OutcomeMark {
  const fault = faultOf(error);
  const delay = retryDelayMs(attempt.tries, plan.baseMs, plan.random());
  const isOver = fault.outcome !== 'refused' && delay > attempt.email.windowMs;
  const current = attempt.number === null ? attempt.email.status : 'sending';
  const status = nextStatus(current, isOver ? 'refused' : fault.outcome) ?? 'deferred';
  const { code, message, stage, reply, enhancedCode, hint } = fault;
  const told = isOver ? `No success within the retry window. Last: ${message}` : message;
  const isEnd = status === 'failed' || (status === 'unconfirmed' && attempt.email.atMostOnce);
  return { ...rowOf(attempt), status, retryInMs: isEnd ? null : delay, stage, code, reply, enhancedCode, message: told, hint, queueId: null };
}

const NO_FAULT = { code: null, message: null, hint: null };

type AttemptRow = Pick<OutcomeMark, 'id' | 'leaseId' | 'relayVersion' | 'number' | 'startedAt' | 'durationMs' | 'worker' | 'address' | 'port'>;

const rowOf = ({ email, relayVersion, number, startedAt, durationMs, worker, address, port }: Attempt): AttemptRow =>
  ({ id: email.id, leaseId: email.leaseId, relayVersion, number, startedAt, durationMs, worker, address, port });

interface Fault {
  outcome: Extract<EmailOutcome, 'retryPlanned' | 'refused' | 'unanswered'>;
  code: string;
  message: string;
  stage: string | null;
  reply: string | null;
  enhancedCode: string | null;
  hint: string | null;
}

const OUTCOMES = { retry: 'retryPlanned', final: 'refused', unconfirmed: 'unanswered' } as const;

function faultOf(error: unknown): Fault {
  if (error instanceof SmtpFailure) {
    const { code, message, stage, reply, enhancedCode, hint } = error;
    return { outcome: OUTCOMES[classify(error).outcome], code, message, stage, reply, enhancedCode, hint };
  }
  if (error instanceof DnsFailure) {
    return { outcome: 'retryPlanned', code: error.code, message: error.message, stage: 'connect', reply: null, enhancedCode: null, hint: error.hint };
  }
  if (error instanceof MailboxError) {
    return { outcome: 'refused', code: error.code, message: error.message, stage: null, reply: null, enhancedCode: null, hint: 'Correct the address, then retry the e-mail.' };
  }
  if (error instanceof LeaseLost) {
    return { outcome: 'retryPlanned', code: error.code, message: error.message, stage: 'data', reply: null, enhancedCode: null, hint: null };
  }
  return { outcome: 'retryPlanned', code: 'INTERNAL', message: 'The attempt failed by a fault of Mailroom; its log tells more.', stage: null, reply: null, enhancedCode: null, hint: null };
}

/** Whether it is one of the failures that are told to people as they are; all others are faults of ours. */
export const isDiagnosed = (error: unknown): boolean => error instanceof SmtpFailure || error instanceof DnsFailure || error instanceof MailboxError || error instanceof LeaseLost;
