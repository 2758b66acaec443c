import type { EmailStatus } from './emails.contract.js';

/** What can happen to an e-mail. */
export type EmailOutcome =
  | 'started'
  | 'accepted'
  | 'retryPlanned'
  | 'refused'
  | 'unanswered'
  | 'workerLost'
  | 'recipientGone'
  | 'retryAsked'
  | 'cancelAsked';

const NEXT: Record<EmailStatus, Partial<Record<EmailOutcome, EmailStatus>>> = {
  queued: { started: 'sending', retryPlanned: 'deferred', refused: 'failed', workerLost: 'queued', recipientGone: 'skipped', cancelAsked: 'cancelled' },
  deferred: { started: 'sending', retryPlanned: 'deferred', refused: 'failed', workerLost: 'deferred', recipientGone: 'skipped', cancelAsked: 'cancelled' },
  sending: { accepted: 'sent', retryPlanned: 'deferred', refused: 'failed', unanswered: 'unconfirmed', workerLost: 'unconfirmed' },
  unconfirmed: { started: 'sending', retryPlanned: 'unconfirmed', refused: 'failed', workerLost: 'unconfirmed', recipientGone: 'skipped', retryAsked: 'queued', cancelAsked: 'cancelled' },
  sent: {},
  failed: { retryAsked: 'queued' },
  skipped: { retryAsked: 'queued' },
  cancelled: { retryAsked: 'queued' },
};

/** The status after an outcome; null when the outcome is not possible in this status. */
export function nextStatus(current: EmailStatus, outcome: EmailOutcome): EmailStatus | null {
  return NEXT[current][outcome] ?? null;
}

/** The statuses from which this outcome is possible. */
export function statusesWith(outcome: EmailOutcome): EmailStatus[] {
  return (Object.keys(NEXT) as EmailStatus[]).filter((status) => NEXT[status][outcome] !== undefined);
}

/** Whether an e-mail with this status waits for, or is in, an attempt. */
export const isWaiting = (status: EmailStatus): boolean => NEXT[status].started !== undefined || status === 'sending';

/** Whether what was queued came to an end, or to a plan for another time. */
export const wasTried = ({ status }: { status: EmailStatus }): boolean => status !== 'queued' && status !== 'sending';
