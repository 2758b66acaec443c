import { describe, expect, test } from '@jest/globals';
import type { EmailStatus } from '../../src/emails/emails.contract.js';
import { type EmailOutcome, isWaiting, nextStatus, statusesWith } from '../../src/emails/status.js';

const OUTCOMES: EmailOutcome[] = ['started', 'accepted', 'retryPlanned', 'refused', 'unanswered', 'workerLost', 'retryAsked', 'cancelAsked'];
const NO = null;

/** Every status and, in the order of OUTCOMES, what it becomes. */
const TABLE: Record<EmailStatus, (EmailStatus | null)[]> = {
  //           started    accepted  retryPlanned   refused   unanswered     workerLost     retryAsked  cancelAsked
  queued:      ['sending', NO,      'deferred',    'failed', NO,            'queued',      NO,         'cancelled'],
  deferred:    ['sending', NO,      'deferred',    'failed', NO,            'deferred',    NO,         'cancelled'],
  sending:     [NO,        'sent',  'deferred',    'failed', 'unconfirmed', 'unconfirmed', NO,         NO],
  unconfirmed: ['sending', NO,      'unconfirmed', 'failed', NO,            'unconfirmed', 'queued',   'cancelled'],
  sent:        [NO,        NO,      NO,            NO,       NO,            NO,            NO,         NO],
  failed:      [NO,        NO,      NO,            NO,       NO,            NO,            'queued',   NO],
  skipped:     [NO,        NO,      NO,            NO,       NO,            NO,            'queued',   NO],
  cancelled:   [NO,        NO,      NO,            NO,       NO,            NO,            'queued',   NO],
};
const STATUSES = Object.keys(TABLE) as EmailStatus[];

describe('nextStatus', () => {
  const cases = STATUSES.flatMap((status) => OUTCOMES.map((outcome, index) => [status, outcome, TABLE[status][index]!] as const));

  test.each(cases)('%s + %s → %s', (status, outcome, next) => {
    expect(nextStatus(status, outcome)).toBe(next);
  });

  test('a server\'s reply counts only for an e-mail that is being sent', () => {
    expect(statusesWith('accepted')).toEqual(['sending']);
    expect(statusesWith('unanswered')).toEqual(['sending']);
  });
});

test.each(OUTCOMES.map((outcome, index) => [outcome, STATUSES.filter((status) => TABLE[status][index] !== null)] as const))('statusesWith %s', (outcome, statuses) => {
  expect(statusesWith(outcome).sort()).toEqual([...statuses].sort());
});

test('what waits for an attempt, or is in one', () => {
  expect(STATUSES.filter(isWaiting).sort()).toEqual(['deferred', 'queued', 'sending', 'unconfirmed']);
});
