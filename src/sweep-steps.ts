import { DELIVERY_BATCH, deliverEmails } from './emails/deliver-emails.job.js';
import type { SweepStep } from './emails/sweeper.js';
import { MATCH_BATCH, matchEvents } from './events/match-events.job.js';
import { runSmtpTest } from './smtp-tests/run-smtp-test.job.js';
import type { WorkerParts } from './worker-parts.js';

/** Jobs of one kind that may wait in the queue before the sweeper stops adding: what waits longer waits in the rows. */
const FULL_QUEUE = 20;
const HOUSEKEEPING_MS = 60_000;
/** How late the end of a certificate may be announced. */
const EXPIRY_LOOK_MS = 10_000;
/** How late a failure may be published. */
const FAILURES_LOOK_MS = 2_000;
/** In one sweep, so that it stays short; a sweep that finds more goes on a second later. */
const PURGED_AT_ONCE = 5_000;
const RELEASED_AT_ONCE = 5_000;

export type SweepParts = Pick<WorkerParts, 'config' | 'queue' | 'dueEmails' | 'relayStates' | 'failureNotices' | 'retention' | 'auditLog' | 'eventsRepository' | 'idempotencyRepository' | 'expiryWatch' | 'sessionLogs' | 'smtpTests' | 'nudgeEmails' | 'logger'>;

/** What was left behind, and what has had its time. Each step is safe in several processes at once. */
export function sweepSteps({ config, queue, dueEmails, relayStates, failureNotices, retention, auditLog, eventsRepository, idempotencyRepository, expiryWatch, sessionLogs, smtpTests, nudgeEmails, logger }: SweepParts): SweepStep[] {
  return [
    async () => {
      const taken = await dueEmails.takeOverExpired(config.retryBaseMs);
      if (taken > 0) logger.warn({ emails: taken }, 'took over e-mails of a worker that died');
    },
    async () => {
      if ((await queue.depth(matchEvents)).waiting >= FULL_QUEUE) return;
      const left = await eventsRepository.takeLeftBehind(FULL_QUEUE * MATCH_BATCH);
      for (let from = 0; from < left.length; from += MATCH_BATCH) await queue.nudge(matchEvents, [{ eventIds: left.slice(from, from + MATCH_BATCH) }]);
    },
    async () => void (await dueEmails.releaseForChange(RELEASED_AT_ONCE)),
    async () => {
      if ((await queue.depth(deliverEmails)).waiting >= FULL_QUEUE) return;
      if (await relayStates.wantsProbe()) await nudgeEmails(await dueEmails.takeOldest());
      // By set, and not by jobs: those would stand before older mail when the relay is back.
      if ((await dueEmails.postponeDue(FULL_QUEUE * DELIVERY_BATCH)) > 0) return;
      await nudgeEmails(await dueEmails.takeDue(FULL_QUEUE * DELIVERY_BATCH));
    },
    async () => {
      const abandoned = await smtpTests.failAbandoned('TEST_WORKER_LOST', 'The process that ran the test ended before the test did.');
      if (abandoned > 0) {
        logger.warn({ tests: abandoned }, 'ended tests of a worker that died');
        await dueEmails.releaseHeld(RELEASED_AT_ONCE);
      }
      const testId = await smtpTests.oldestQueued();
      if (testId !== null && (await queue.depth(runSmtpTest)).waiting === 0) await queue.nudge(runSmtpTest, [{ testId }]);
    },
    every(FAILURES_LOOK_MS, () => failureNotices.publish()),
    every(EXPIRY_LOOK_MS, async () => (await expiryWatch.check(), true)),
    every(HOUSEKEEPING_MS, async () => (await idempotencyRepository.deleteExpired(), true)),
    every(HOUSEKEEPING_MS, async () => (await relayStates.deleteOld(), true)),
    every(HOUSEKEEPING_MS, () => retention.purge()),
    every(HOUSEKEEPING_MS, () => auditLog.purge()),
    every(HOUSEKEEPING_MS, async () => (await smtpTests.deleteOld(), true)),
    every(HOUSEKEEPING_MS, async () => (await sessionLogs.purge(PURGED_AT_ONCE)) < PURGED_AT_ONCE),
  ];
}

/** A step that need not run each second. It runs again with the next sweep while it answers that there is more to do (false). */
function every(ms: number, work: () => Promise<boolean>): SweepStep {
  let doneAt = 0;
  return async () => {
    if (Date.now() - doneAt >= ms && (await work())) doneAt = Date.now();
  };
}
