import type { Config } from './config.js';
import type { Database } from './db/client.js';
import type { EmailTemplatesService } from './email-templates/email-templates.service.js';
import { DELIVERY_BATCH, deliverEmails, releaseDeferred } from './emails/deliver-emails.job.js';
import { Deliverer } from './emails/deliverer.js';
import type { DeliveryRepository } from './emails/delivery.repository.js';
import type { EmailsService } from './emails/emails.service.js';
import { Leases } from './emails/leases.js';
import { Pace } from './emails/pace.js';
import { RelaySessions } from './emails/relay-sessions.js';
import { Sweeper } from './emails/sweeper.js';
import type { EventsRepository } from './events/events.repository.js';
import { MATCH_BATCH, matchEvents } from './events/match-events.job.js';
import { Matcher } from './events/matcher.js';
import type { Metrics } from './health/metrics.js';
import type { IdempotencyRepository } from './idempotency/idempotency.repository.js';
import type { Logger } from './logger.js';
import type { JobQueue } from './queue/job-queue.js';
import type { SmtpSettingsService } from './smtp-settings/smtp-settings.service.js';

export interface WorkerParts {
  config: Config;
  logger: Logger;
  queue: JobQueue;
  database: Database;
  deliveries: DeliveryRepository;
  eventsRepository: EventsRepository;
  idempotencyRepository: IdempotencyRepository;
  emails: EmailsService;
  emailTemplates: EmailTemplatesService;
  smtpSettings: SmtpSettingsService;
  metrics: Metrics;
  nudgeEmails(ids: string[]): Promise<void>;
}

export interface Workers {
  /** Takes no more, lets mails that are under way end, and cuts the connections after three quarters of `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/** Jobs of one kind that may wait in the queue before the sweeper stops adding: what waits longer waits in the rows. */
const FULL_QUEUE = 20;
const SWEPT_AT_ONCE = 5_000;
const RELEASED_AT_ONCE = 5_000;
const HOUSEKEEPING_MS = 60_000;

/** Connects the jobs to what does them, and starts the sweeper. */
export async function startWorkers(parts: WorkerParts): Promise<Workers> {
  const { config, logger, queue, database, deliveries, eventsRepository, emails, emailTemplates, smtpSettings, metrics } = parts;
  const leases = new Leases((ids) => deliveries.renew(ids), logger);
  const sessions = new RelaySessions();
  const matcher = new Matcher(database, eventsRepository, emailTemplates, emails);
  const deliverer = new Deliverer({
    relay: () => smtpSettings.relay(),
    deliveries,
    leases,
    sessions,
    pace: new Pace(deliveries),
    retries: { baseMs: config.retryBaseMs, random: Math.random },
    worker: config.worker,
    logger,
    attempted: metrics.attempted,
  });
  const sweeper = new Sweeper(sweepSteps(parts), logger);

  await queue.work(matchEvents, ({ eventIds }) => matcher.match(eventIds));
  await queue.work(deliverEmails, ({ emailIds }, signal) => deliverer.deliver(emailIds, signal));
  await queue.work(releaseDeferred, () => releaseAll(deliveries));
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

async function releaseAll(deliveries: DeliveryRepository): Promise<void> {
  while ((await deliveries.releaseDeferred(RELEASED_AT_ONCE)) === RELEASED_AT_ONCE);
}

function sweepSteps({ queue, deliveries, eventsRepository, idempotencyRepository, nudgeEmails, logger }: WorkerParts): (() => Promise<void>)[] {
  let tidiedAt = 0;
  return [
    async () => {
      const taken = await deliveries.takeOverExpired();
      if (taken > 0) logger.warn({ emails: taken }, 'took over e-mails of a worker that died');
    },
    async () => {
      if ((await queue.depth(matchEvents)).waiting >= FULL_QUEUE) return;
      const left = await eventsRepository.takeLeftBehind(FULL_QUEUE * MATCH_BATCH);
      for (let from = 0; from < left.length; from += MATCH_BATCH) await queue.nudge(matchEvents, [{ eventIds: left.slice(from, from + MATCH_BATCH) }]);
    },
    async () => {
      if ((await queue.depth(deliverEmails)).waiting >= FULL_QUEUE) return;
      await nudgeEmails(await deliveries.takeDue(Math.min(SWEPT_AT_ONCE, FULL_QUEUE * DELIVERY_BATCH)));
    },
    async () => {
      if (Date.now() - tidiedAt < HOUSEKEEPING_MS) return;
      tidiedAt = Date.now();
      await idempotencyRepository.deleteExpired();
    },
  ];
}
