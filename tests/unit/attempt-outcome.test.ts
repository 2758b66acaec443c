import { describe, expect, test } from '@jest/globals';
import { DnsFailure } from '../../src/dns/dns-failure.js';
import { type Attempt, failedOutcome, isDiagnosed } from '../../src/emails/attempt-outcome.js';
import type { ClaimedEmail } from '../../src/emails/delivery.repository.js';
import { LeaseLost } from '../../src/emails/leases.js';
import { RETRY_WINDOW_MS } from '../../src/emails/retry.js';
import { MailboxError } from '../../src/smtp/mailbox.js';
import { SmtpFailure, type FailureDetails } from '../../src/smtp/failure.js';

const BASE_MS = 30_000;
const PLAN = { baseMs: BASE_MS, random: () => 0.5 };

const email = (overrides: Partial<ClaimedEmail> = {}): ClaimedEmail => ({
  id: '01900000-0000-7000-8000-000000000001', eventId: '01900000-0000-7000-8000-000000000002', leaseId: '01900000-0000-7000-8000-000000000003', to: 'ops@example.com', forUser: false,
  messageId: '<1@example.com>', createdAt: new Date(), status: 'queued', tries: 0, attemptCount: 0, atMostOnce: false, windowMs: RETRY_WINDOW_MS, ...overrides,
});
const attempt = (overrides: Partial<Attempt> = {}): Attempt =>
  ({ email: email(), tries: 1, number: 1, startedAt: new Date(), durationMs: 5, worker: 'w:1', relayVersion: '1', address: '192.0.2.25', port: 25, ...overrides });
const smtp = (details: Partial<FailureDetails>): SmtpFailure => new SmtpFailure({ code: 'X', stage: 'connect', message: 'It failed.', hint: 'Do this.', address: '192.0.2.25', ...details });
const reply = (stage: FailureDetails['stage'], replyCode: number): SmtpFailure => smtp({ code: 'REFUSED', stage, replyCode, reply: `${replyCode} words` });

describe('what becomes of an e-mail whose attempt failed', () => {
  test.each<[string, unknown, string, string]>([
    ['451 to the message', reply('data', 451), 'deferred', 'REFUSED'],
    ['421 to MAIL', reply('mailFrom', 421), 'deferred', 'REFUSED'],
    ['452 to RCPT', reply('rcptTo', 452), 'deferred', 'REFUSED'],
    ['550 to RCPT', reply('rcptTo', 550), 'failed', 'REFUSED'],
    ['554 to the message', reply('data', 554), 'failed', 'REFUSED'],
    ['554 to the connection', reply('greeting', 554), 'deferred', 'REFUSED'],
    ['535 to AUTH', reply('auth', 535), 'deferred', 'REFUSED'],
    ['a refused connection', smtp({ code: 'CONNECTION_REFUSED' }), 'deferred', 'CONNECTION_REFUSED'],
    ['silence', smtp({ code: 'CONNECT_TIMEOUT' }), 'deferred', 'CONNECT_TIMEOUT'],
    ['a reset before the message', smtp({ code: 'CONNECTION_LOST', stage: 'rcptTo' }), 'deferred', 'CONNECTION_LOST'],
    ['a reset after the final dot', smtp({ code: 'CONNECTION_LOST_AFTER_DATA', stage: 'data', messageHandedOver: true }), 'unconfirmed', 'CONNECTION_LOST_AFTER_DATA'],
    ['silence after the final dot', smtp({ code: 'DATA_TIMEOUT', stage: 'data', messageHandedOver: true }), 'unconfirmed', 'DATA_TIMEOUT'],
    ['a certificate that is not trusted', smtp({ code: 'CERTIFICATE_UNKNOWN_ISSUER', stage: 'tls' }), 'deferred', 'CERTIFICATE_UNKNOWN_ISSUER'],
    ['STARTTLS that is not offered', smtp({ code: 'STARTTLS_NOT_OFFERED', stage: 'startTls' }), 'deferred', 'STARTTLS_NOT_OFFERED'],
    ['a message that the server says is too large', smtp({ code: 'MESSAGE_TOO_LARGE', stage: 'mailFrom' }), 'failed', 'MESSAGE_TOO_LARGE'],
    ['a name that does not exist', new DnsFailure('DNS_NOT_FOUND', 'mail.example.com', 'There is no such name.', 'Check it.'), 'deferred', 'DNS_NOT_FOUND'],
    ['name servers that do not answer', new DnsFailure('DNS_TIMEOUT', 'mail.example.com', 'No answer.', 'Check them.'), 'deferred', 'DNS_TIMEOUT'],
    ['an address that is none', new MailboxError('It is no address.'), 'failed', 'INVALID_ADDRESS'],
    ['a lease that was lost before the final dot', new LeaseLost(), 'deferred', 'LEASE_LOST'],
    ['a fault of our own', new TypeError('x is undefined'), 'deferred', 'INTERNAL'],
  ])('%s', (_name, error, status, code) => {
    const outcome = failedOutcome(attempt(), error, PLAN);
    expect(outcome).toMatchObject({ status, code, retryInMs: status === 'failed' ? null : BASE_MS });
    expect(isDiagnosed(error)).toBe(code !== 'INTERNAL');
  });

  test('waits twice as long after each attempt', () => {
    const delays = [1, 2, 3, 4].map((tries) => failedOutcome(attempt({ tries }), reply('data', 451), PLAN).retryInMs);
    expect(delays).toEqual([BASE_MS, 2 * BASE_MS, 4 * BASE_MS, 8 * BASE_MS]);
  });

  test('is final when the next attempt would come after the retry window, and says what went wrong last', () => {
    const late = attempt({ email: email({ windowMs: BASE_MS - 1 }) });
    expect(failedOutcome(late, reply('data', 451), PLAN)).toMatchObject({ status: 'failed', retryInMs: null, message: 'No success within the retry window. Last: It failed.' });
    expect(failedOutcome(attempt({ email: email({ windowMs: BASE_MS }) }), reply('data', 451), PLAN)).toMatchObject({ status: 'deferred' });
  });

  test('in doubt is not tried again when it must not come twice', () => {
    const once = attempt({ email: email({ atMostOnce: true }) });
    expect(failedOutcome(once, smtp({ code: 'DATA_TIMEOUT', stage: 'data', messageHandedOver: true }), PLAN)).toMatchObject({ status: 'unconfirmed', retryInMs: null });
    expect(failedOutcome(once, reply('data', 451), PLAN)).toMatchObject({ status: 'deferred', retryInMs: BASE_MS });
  });

  test('stays unconfirmed when a later attempt does not even start', () => {
    const doubtful = attempt({ email: email({ status: 'unconfirmed' }), number: null });
    expect(failedOutcome(doubtful, smtp({ code: 'CONNECTION_REFUSED' }), PLAN)).toMatchObject({ status: 'unconfirmed', number: null, retryInMs: BASE_MS });
  });
});
