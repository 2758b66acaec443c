import type { ExpiryWatch } from './client-certificates/expiry-watch.js';
import type { AuditLogService } from './audit-log/audit-log.service.js';
import type { Config } from './config.js';
import type { Database } from './db/client.js';
import type { DenyList } from './dns/deny-list.js';
import type { Dns } from './dns/resolve.js';
import type { EmailTemplatesService } from './email-templates/email-templates.service.js';
import type { DeliveryRepository } from './emails/delivery.repository.js';
import type { DueEmailsRepository } from './emails/due-emails.repository.js';
import type { RelayStatesRepository } from './emails/relay-states.repository.js';
import type { EmailsService } from './emails/emails.service.js';
import type { EventsRepository } from './events/events.repository.js';
import type { FailureNotices } from './events/failure-notices.js';
import type { Retention } from './events/retention.js';
import type { Metrics } from './health/metrics.js';
import type { IdempotencyRepository } from './idempotency/idempotency.repository.js';
import type { Logger } from './logger.js';
import type { JobQueue } from './queue/job-queue.js';
import type { SmtpSessionLog } from './smtp-session-logs/smtp-session-log.js';
import type { SmtpSessionLogsService } from './smtp-session-logs/smtp-session-logs.service.js';
import type { SmtpSettingsService } from './smtp-settings/smtp-settings.service.js';
import type { SmtpTestsRepository } from './smtp-tests/smtp-tests.repository.js';

/** What the workers are made of, from the container. */
export interface WorkerParts {
  config: Config;
  logger: Logger;
  queue: JobQueue;
  database: Database;
  deliveries: DeliveryRepository;
  dueEmails: DueEmailsRepository;
  relayStates: RelayStatesRepository;
  eventsRepository: EventsRepository;
  idempotencyRepository: IdempotencyRepository;
  emails: EmailsService;
  emailTemplates: EmailTemplatesService;
  expiryWatch: ExpiryWatch;
  failureNotices: FailureNotices;
  retention: Retention;
  auditLog: AuditLogService;
  smtpSettings: SmtpSettingsService;
  dns: Dns;
  denyList: DenyList;
  sessionLog: SmtpSessionLog;
  sessionLogs: SmtpSessionLogsService;
  smtpTests: SmtpTestsRepository;
  metrics: Metrics;
  nudgeEmails(ids: string[]): Promise<void>;
}
