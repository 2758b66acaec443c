import { deliverEmails, releaseDeferred } from './emails/deliver-emails.job.js';
import { Deliverer } from './emails/deliverer.js';
import { ContentMemory } from './emails/content-memory.js';
import type { DueEmailsRepository } from './emails/due-emails.repository.js';
import { Leases } from './emails/leases.js';
import { RelayHealth } from './emails/relay-health.js';
import { RelayMemory } from './emails/relay-memory.js';
import { RelayOpener } from './emails/relay-opener.js';
import { RelaySessions } from './emails/relay-sessions.js';
import { Sweeper } from './emails/sweeper.js';
import { Grouping } from './db/grouping.js';
import { MATCH_BATCH, MATCHED_AT_ONCE, matchEvents } from './events/match-events.job.js';
import { Matcher } from './events/matcher.js';
import type { SmtpSettingsDraft } from './smtp-settings/draft.js';
import { runSmtpTest } from './smtp-tests/run-smtp-test.job.js';
import { SmtpTestRunner } from './smtp-tests/runner.js';
import { sweepSteps } from './sweep-steps.js';
import type { WorkerParts } from './worker-parts.js';

export interface Workers {
  /** Takes no more, lets mails that are under way end, and cuts the connections after three quarters of `graceMs`. */
  close(graceMs: number): Promise<void>;
}

const RELEASED_AT_ONCE = 5_000;

/** Connects the jobs to what does them, and starts the sweeper. */
export async function startWorkers(parts: WorkerParts): Promise<Workers> {
  const { config, logger, queue, database, deliveries, dueEmails, relayStates, eventsRepository, emails, emailTemplates, smtpSettings, dns, denyList, metrics } = parts;
  const leases = new Leases((ids) => deliveries.renew(ids), logger);
  const sessions = new RelaySessions(new RelayOpener({ dns, denies: (address) => denyList.denies(address) }));
  const matcher = new Matcher(database, eventsRepository, emailTemplates, emails);
  const deliverer = new Deliverer({
    relays: new RelayMemory(() => smtpSettings.relay()),
    contents: new ContentMemory((eventIds, bytes) => deliveries.contents(eventIds, bytes)),
    deliveries,
    leases,
    sessions,
    sessionLog: parts.sessionLog,
    health: new RelayHealth(relayStates, config.retryBaseMs),
    retries: { baseMs: config.retryBaseMs, random: Math.random },
    worker: config.worker,
    logger,
    attempted: metrics.attempted,
  });
  const runner = new SmtpTestRunner({
    tests: parts.smtpTests,
    relayOf: ({ candidate, secretCiphertext }) =>
      candidate === null ? smtpSettings.relay() : smtpSettings.relayOf(candidate as unknown as SmtpSettingsDraft, secretCiphertext),
    resolve: (server, resolveMx, options) => dns.resolve(server, resolveMx, options),
    denies: (address) => denyList.denies(address),
    log: (session) => parts.sessionLog.test(session),
    opened: () => void afterTest(parts),
    worker: config.worker,
    logger,
  });
  const sweeper = new Sweeper(sweepSteps(parts), logger);

  const matching = new Grouping((jobs: MatchJob[]) => matchTogether(matcher, jobs), { most: MATCH_BATCH, statements: MATCHED_AT_ONCE, sizeOf: ({ eventIds }) => eventIds.length });
  await queue.work(matchEvents, ({ eventIds }, signal) => matching.ask({ eventIds, signal }));
  await queue.work(deliverEmails, ({ emailIds }, signal) => deliverer.deliver(emailIds, signal));
  await queue.work(releaseDeferred, () => releaseAll(dueEmails));
  await queue.work(runSmtpTest, (_job, signal) => runner.run(signal));
  sweeper.start();

  return {
    close: async (graceMs) => {
      await sweeper.close();
      const cut = setTimeout(() => sessions.cut(), (graceMs * 3) / 4);
      await queue.close(graceMs);
      clearTimeout(cut);
      await sessions.close();
      leases.close();
    },
  };
}

interface MatchJob {
  eventIds: string[];
  /** The same for all jobs of a process. */
  signal: AbortSignal;
}

/** The jobs that came while others were under way cost as much as one. */
async function matchTogether(matcher: Matcher, jobs: MatchJob[]): Promise<void[]> {
  await matcher.match(jobs.flatMap(({ eventIds }) => eventIds), jobs[0]!.signal);
  return jobs.map(() => undefined);
}

async function releaseAll(dueEmails: DueEmailsRepository): Promise<void> {
  while (!(await dueEmails.releaseForChange(RELEASED_AT_ONCE)));
}

/** What was held goes on, and the next test that waits gets its turn; when this fails the sweeper does it. */
async function afterTest({ dueEmails, smtpTests, queue, nudgeEmails, logger }: WorkerParts): Promise<void> {
  try {
    while ((await dueEmails.releaseHeld(RELEASED_AT_ONCE)) === RELEASED_AT_ONCE);
    await nudgeEmails(await dueEmails.takeDue(RELEASED_AT_ONCE));
    const testId = await smtpTests.oldestQueued();
    if (testId !== null) await queue.nudge(runSmtpTest, [{ testId }]);
  } catch (error) {
    logger.warn({ err: error }, 'mail that waited for a test goes on with the next sweep');
  }
}
