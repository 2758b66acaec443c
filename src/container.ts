import type { Express } from 'express';
import { AccountsController } from './accounts/accounts.controller.js';
import { AccountsRepository } from './accounts/accounts.repository.js';
import { AccountsService } from './accounts/accounts.service.js';
import { ApiKeysController } from './api-keys/api-keys.controller.js';
import { ApiKeysRepository } from './api-keys/api-keys.repository.js';
import { ApiKeysService } from './api-keys/api-keys.service.js';
import { KeyUse } from './api-keys/key-use.js';
import { AuditLogController } from './audit-log/audit-log.controller.js';
import { AuditLogRepository } from './audit-log/audit-log.repository.js';
import { AuditLogService } from './audit-log/audit-log.service.js';
import { CertificateRequestsController } from './certificate-requests/certificate-requests.controller.js';
import { CertificateRequestsRepository } from './certificate-requests/certificate-requests.repository.js';
import { CertificateRequestsService } from './certificate-requests/certificate-requests.service.js';
import { ClientCertificatesController } from './client-certificates/client-certificates.controller.js';
import { ClientCertificatesRepository } from './client-certificates/client-certificates.repository.js';
import { ClientCertificatesService } from './client-certificates/client-certificates.service.js';
import { ExpiryWatch } from './client-certificates/expiry-watch.js';
import type { Config } from './config.js';
import { connectDatabase, type Database, type Tx } from './db/client.js';
import { DenyList } from './dns/deny-list.js';
import { Dns } from './dns/resolve.js';
import { DnsSettingsController } from './dns-settings/dns-settings.controller.js';
import { DnsSettingsRepository } from './dns-settings/dns-settings.repository.js';
import { DnsSettingsService } from './dns-settings/dns-settings.service.js';
import { EmailPreviewsController } from './email-previews/email-previews.controller.js';
import { EmailPreviewsService } from './email-previews/email-previews.service.js';
import { EmailTemplatesController } from './email-templates/email-templates.controller.js';
import { EmailTemplatesRepository } from './email-templates/email-templates.repository.js';
import { EmailTemplatesService } from './email-templates/email-templates.service.js';
import { DELIVERY_BATCH, deliverEmails, releaseDeferred } from './emails/deliver-emails.job.js';
import { DeliveryRepository } from './emails/delivery.repository.js';
import { DueEmailsRepository } from './emails/due-emails.repository.js';
import { EmailsController } from './emails/emails.controller.js';
import { EmailsRepository } from './emails/emails.repository.js';
import { RelayStatesRepository } from './emails/relay-states.repository.js';
import { EmailsService } from './emails/emails.service.js';
import { EventTypesController } from './event-types/event-types.controller.js';
import { EventTypesRepository } from './event-types/event-types.repository.js';
import { EventTypesService } from './event-types/event-types.service.js';
import { KnownEventTypes } from './event-types/known-event-types.js';
import { Coalescer } from './events/coalesce.js';
import { EventsController } from './events/events.controller.js';
import { EventsRepository } from './events/events.repository.js';
import { EventsService } from './events/events.service.js';
import { FailureNotices } from './events/failure-notices.js';
import { Retention } from './events/retention.js';
import { MATCH_BATCH, matchEvents } from './events/match-events.job.js';
import { Metrics } from './health/metrics.js';
import { readinessOf } from './health/readiness.js';
import { createApp, createWorkerApp } from './http/app.js';
import { IdempotencyRepository } from './idempotency/idempotency.repository.js';
import { IdempotencyService } from './idempotency/idempotency.service.js';
import type { Logger } from './logger.js';
import { InstallationRepository } from './installation/installation.repository.js';
import { AccessTokens } from './oauth2/access-tokens.js';
import { CertificateFileReader } from './pki/certificate-file-reader.js';
import { createJobQueue } from './queue/create-job-queue.js';
import type { JobDepth, JobQueue } from './queue/job-queue.js';
import type { KeyRing } from './secrets/key-ring.js';
import { SmtpSessionLog } from './smtp-session-logs/smtp-session-log.js';
import { SmtpSessionLogsRepository } from './smtp-session-logs/smtp-session-logs.repository.js';
import { SmtpSessionLogsService } from './smtp-session-logs/smtp-session-logs.service.js';
import { SmtpSettingsController } from './smtp-settings/smtp-settings.controller.js';
import { SmtpSettingsRepository } from './smtp-settings/smtp-settings.repository.js';
import { SmtpSettingsService } from './smtp-settings/smtp-settings.service.js';
import { runSmtpTest } from './smtp-tests/run-smtp-test.job.js';
import { SmtpTestsController } from './smtp-tests/smtp-tests.controller.js';
import { SmtpTestsRepository } from './smtp-tests/smtp-tests.repository.js';
import { SmtpTestsService } from './smtp-tests/smtp-tests.service.js';
import { SubscriptionsController } from './subscriptions/subscriptions.controller.js';
import { SubscriptionsRepository } from './subscriptions/subscriptions.repository.js';
import { SubscriptionsService } from './subscriptions/subscriptions.service.js';
import { everyItem } from './support-bundle/every-item.js';
import { SupportBundleController } from './support-bundle/support-bundle.controller.js';
import { SupportBundleRepository } from './support-bundle/support-bundle.repository.js';
import { SupportBundleService } from './support-bundle/support-bundle.service.js';
import { TlsMaterialRepository } from './tls-material/tls-material.repository.js';
import { TlsMaterialService } from './tls-material/tls-material.service.js';
import { TrustedCertificatesController } from './trusted-certificates/trusted-certificates.controller.js';
import { TrustedCertificatesRepository } from './trusted-certificates/trusted-certificates.repository.js';
import { TrustedCertificatesService } from './trusted-certificates/trusted-certificates.service.js';
import { UsersController } from './users/users.controller.js';
import { UsersRepository } from './users/users.repository.js';
import { UsersService } from './users/users.service.js';
import { startWorkers, type Workers } from './workers.js';

export interface Container {
  readonly database: Database;
  readonly queue: JobQueue;
  readonly apiKeys: ApiKeysService;
  /** The HTTP side of this process's role. */
  readonly app: Express;
  /** Starts to work on jobs, in the roles that do. */
  startWorkers(): Promise<void>;
  /** Lets running work end, within the time that is left, and closes everything; the database last. */
  close(graceMs: number): Promise<void>;
}

export interface ContainerOptions {
  config: Config;
  databaseUrl: string;
  keys: KeyRing;
  logger: Logger;
}

/** Between two jobs of one process that name many new events: a job costs as much as to store some events. */
const NUDGE_PAUSE_MS = 50;

/** The one place where the parts are made. */
export async function createContainer({ config, databaseUrl, keys, logger }: ContainerOptions): Promise<Container> {
  const metrics = new Metrics();
  const database = connectDatabase(databaseUrl, logger);
  const backEnd = config.redisUrl === null ? { type: 'postgres' as const, url: databaseUrl } : { type: 'redis' as const, url: config.redisUrl };
  const queue = await createJobQueue({ backEnd, logger, prefix: `mailroom-${await new InstallationRepository(database).id()}` });
  const nudgeEmails = async (ids: string[]): Promise<void> => void (await queue.nudge(deliverEmails, batches(ids, DELIVERY_BATCH).map((emailIds) => ({ emailIds }))));
  const nudges = new Coalescer<string>((eventIds) => queue.nudge(matchEvents, [{ eventIds }]), MATCH_BATCH, NUDGE_PAUSE_MS);

  const denyList = new DenyList(config.smtpDenyNetworks);

  const emailsRepository = new EmailsRepository(database);
  const eventsRepository = new EventsRepository(database);
  const deliveries = new DeliveryRepository(database);
  const dueEmails = new DueEmailsRepository(database);
  const relayStates = new RelayStatesRepository(database);
  const idempotencyRepository = new IdempotencyRepository(database);
  const sessionLogsRepository = new SmtpSessionLogsRepository(database);

  const { apiKeys, keyUse, auditLog } = accessOf(database, config, logger);
  const releaseWaiting = (): void => void queue.nudge(releaseDeferred, [{}]);
  const accounts = new AccountsService(database, new AccountsRepository(database), keys, releaseWaiting, { dnsServers: () => dnsSettings.servers(), trustsOwnAuthorities: () => tlsMaterial.trustsOwnAuthorities() });
  const { tlsMaterial, certificateRequests, clientCertificates, clientCertificatesRepository, trustedCertificates } = certificatesOf({ database, keys, config, changed: releaseWaiting, refuseRedirect: async (tx, secret) => smtpSettings.refuseRedirect(tx, 'authority', await dnsSettings.lockedServers(tx), secret) });
  const smtpSettings: SmtpSettingsService = new SmtpSettingsService({
    database,
    settings: new SmtpSettingsRepository(database),
    keys,
    accounts,
    tokens: new AccessTokens(denyList),
    tlsMaterial,
    policy: denyList,
    dnsVersion: async () => (await dnsSettings.get()).version,
    changed: releaseWaiting,
  });
  const dnsSettings: DnsSettingsService = new DnsSettingsService({
    database,
    settings: new DnsSettingsRepository(database),
    refuseRedirect: (tx, servers, secret) => smtpSettings.refuseRedirect(tx, 'dnsServers', servers, secret),
    changed: releaseWaiting,
  });
  const dns = new Dns(() => dnsSettings.servers());
  const sessionLog = new SmtpSessionLog(sessionLogsRepository, config.worker, logger);
  const sessionLogs = new SmtpSessionLogsService(sessionLogsRepository);
  const isClientEnabled = async (): Promise<boolean> => (await smtpSettings.get()).settings.enabled;
  const { knownEventTypes, eventTypes, emailTemplates, users, subscriptions } = audienceOf(database, isClientEnabled);
  const emails = new EmailsService(database, emailsRepository, smtpSettings, nudgeEmails);
  const idempotency = new IdempotencyService(database, idempotencyRepository, keys);
  const events = new EventsService(eventsRepository, knownEventTypes, emails, idempotency, (ids) => nudges.add(ids));
  const emailPreviews = new EmailPreviewsService({ templates: emailTemplates, events, emails, idempotency, isClientEnabled });
  const expiryWatch = new ExpiryWatch({ database, certificates: clientCertificatesRepository, publish: (tx, own) => events.publishOwn(tx, own) });
  const failureNotices = new FailureNotices({ database, events: eventsRepository, emails, publish: (tx, own) => events.publishOwn(tx, own) });
  const retention = new Retention(eventsRepository, emails, config.retentionDays);
  const smtpTests = new SmtpTestsRepository(database);
  const smtpTestsService = new SmtpTestsService(smtpTests, smtpSettings, idempotency, (testId) => void queue.nudge(runSmtpTest, [{ testId }]));

  const supportBundles = new SupportBundleService({
    facts: new SupportBundleRepository(database),
    sessionLogs,
    process: { role: config.role, process: config.worker },
    queue: { backEnd: queue.backEnd, depths: () => depthsOf(queue) },
    settings: {
      smtpSettings: async () => (await smtpSettings.get()).settings,
      dnsSettings: async () => (await dnsSettings.get()).settings,
      accounts: () => everyItem((query) => accounts.list(query)),
      certificateRequests: () => everyItem((query) => certificateRequests.list(query)),
      clientCertificates: () => everyItem((query) => clientCertificates.list(query)),
      trustedCertificates: () => everyItem((query) => trustedCertificates.list(query)),
      eventTypes: () => everyItem((query) => eventTypes.list({ ...query, builtIn: false })),
      emailTemplates: () => everyItem((query) => emailTemplates.list({ ...query, isModified: true })),
    },
    logger,
  });

  gaugeWaiting(metrics, queue, emailsRepository);
  const operations = { readiness: readinessOf({ database: () => database.ping(), queue: () => queue.ping() }), metrics: metrics.text, answered: metrics.answered, logger, trustedProxies: config.trustedProxies };
  const controllers = new Map<unknown, () => unknown>([
    [AccountsController, () => new AccountsController(accounts)],
    [ApiKeysController, () => new ApiKeysController(apiKeys)],
    [AuditLogController, () => new AuditLogController(auditLog)],
    [CertificateRequestsController, () => new CertificateRequestsController(certificateRequests)],
    [ClientCertificatesController, () => new ClientCertificatesController(clientCertificates)],
    [DnsSettingsController, () => new DnsSettingsController(dnsSettings)],
    [EmailPreviewsController, () => new EmailPreviewsController(emailPreviews)],
    [EmailTemplatesController, () => new EmailTemplatesController(emailTemplates)],
    [EmailsController, () => new EmailsController(emails)],
    [EventTypesController, () => new EventTypesController(eventTypes)],
    [EventsController, () => new EventsController(events)],
    [SmtpSettingsController, () => new SmtpSettingsController(smtpSettings)],
    [SmtpTestsController, () => new SmtpTestsController(smtpTestsService)],
    [SubscriptionsController, () => new SubscriptionsController(subscriptions)],
    [SupportBundleController, () => new SupportBundleController(supportBundles)],
    [TrustedCertificatesController, () => new TrustedCertificatesController(trustedCertificates)],
    [UsersController, () => new UsersController(users)],
  ]);
  const app = config.role === 'worker' ? createWorkerApp(operations) : createApp({ ...operations, controllers, rateLimit: config.rateLimit, corsOrigins: config.corsOrigins, holderOf: (key) => apiKeys.holderOf(key), used: (keyId) => keyUse.used(keyId) });

  let workers: Workers | null = null;
  return {
    database,
    queue,
    apiKeys,
    app,
    startWorkers: async () => {
      if (config.role === 'api') return;
      workers = await startWorkers({ config, logger, queue, database, deliveries, dueEmails, relayStates, eventsRepository, idempotencyRepository, emails, emailTemplates, expiryWatch, failureNotices, retention, auditLog, smtpSettings, dns, denyList, sessionLog, sessionLogs, smtpTests, metrics, nudgeEmails });
    },
    close: async (graceMs) => {
      await nudges.close();
      await keyUse.close();
      await workers?.close(graceMs);
      await sessionLog.close();
      await queue.close(graceMs);
      await database.close();
    },
  };
}

/** Who may call, and what they changed. */
// eslint-disable-next-line @typescript-eslint/explicit-function-return-type -- it says nothing that the last line does not
function accessOf(database: Database, config: Config, logger: Logger) {
  const repository = new ApiKeysRepository(database);
  const apiKeys = new ApiKeysService(database, repository);
  const keyUse = new KeyUse((uses) => repository.setLastUsed(uses), logger);
  const auditLog = new AuditLogService(new AuditLogRepository(database), config.auditRetentionDays);
  return { apiKeys, keyUse, auditLog };
}

/** What can happen, how it is told, and to whom. */
// eslint-disable-next-line @typescript-eslint/explicit-function-return-type -- it says nothing that the last line does not
function audienceOf(database: Database, isClientEnabled: () => Promise<boolean>) {
  const eventTypesRepository = new EventTypesRepository(database);
  const knownEventTypes = new KnownEventTypes(eventTypesRepository);
  const emailTemplates = new EmailTemplatesService(database, new EmailTemplatesRepository(database), knownEventTypes);
  const users: UsersService = new UsersService(database, new UsersRepository(database), (tx, actor, userId) => subscriptions.forgetUser(tx, actor, userId));
  const subscriptions: SubscriptionsService = new SubscriptionsService({ database, subscriptions: new SubscriptionsRepository(database), eventTypes: knownEventTypes, users, isClientEnabled });
  const eventTypes = new EventTypesService(database, eventTypesRepository, {
    templates: emailTemplates,
    subscriptions: { to: (name, limit) => subscriptions.to(name, limit), forget: (tx, actor, name) => subscriptions.forgetEventType(tx, actor, name) },
  });
  return { knownEventTypes, eventTypes, emailTemplates, users, subscriptions };
}

interface CertificatesBasis {
  config: Config;
  database: Database;
  keys: KeyRing;
  refuseRedirect(tx: Tx, secret: string | null | undefined): Promise<void>;
  changed(): void;
}

/** What has to do with certificates. */
// eslint-disable-next-line @typescript-eslint/explicit-function-return-type -- it says nothing that the last line does not
function certificatesOf({ config, database, keys, changed, refuseRedirect }: CertificatesBasis) {
  const tlsMaterial = new TlsMaterialService(new TlsMaterialRepository(database), keys, config.extraCertificates);
  const files = new CertificateFileReader();
  const certificateRequests = new CertificateRequestsService(database, new CertificateRequestsRepository(database), keys);
  const clientCertificatesRepository = new ClientCertificatesRepository(database);
  const clientCertificates = new ClientCertificatesService({
    database,
    certificates: clientCertificatesRepository,
    requests: certificateRequests,
    material: tlsMaterial,
    files,
    keys,
    changed,
  });
  const trustedCertificates = new TrustedCertificatesService({ database, certificates: new TrustedCertificatesRepository(database), material: tlsMaterial, files, refuseRedirect, changed });
  return { tlsMaterial, certificateRequests, clientCertificates, clientCertificatesRepository, trustedCertificates };
}

export function batches<T>(items: T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));
}

/** What waits, for the metrics: read when they are. */
function gaugeWaiting(metrics: Metrics, queue: JobQueue, emails: EmailsRepository): void {
  metrics.gauge('mailroom_queue_jobs', 'Jobs in the queue by kind and state', ['kind', 'state'], async () =>
    Object.entries(await depthsOf(queue)).flatMap(([kind, { waiting, active }]) => [[{ kind, state: 'waiting' }, waiting], [{ kind, state: 'active' }, active]]));
  metrics.gauge('mailroom_emails_waiting', 'E-mails that are not finished, by status; 100,000 stands for that many or more', ['status'], async () =>
    Object.entries(await emails.waitingCounts()).map(([status, count]) => [{ status }, count]));
}

async function depthsOf(queue: JobQueue): Promise<Record<string, JobDepth>> {
  const depths = [matchEvents, deliverEmails].map(async (kind) => [kind.name, await queue.depth(kind)] as const);
  return Object.fromEntries(await Promise.all(depths));
}
