import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Logger } from '../logger.js';
import type { JobDepth } from '../queue/job-queue.js';
import type { SmtpSessionLogsService } from '../smtp-session-logs/smtp-session-logs.service.js';
import { readme } from './readme.js';
import { sessionLogFiles } from './session-log-file.js';
import type { SupportBundleRepository } from './support-bundle.repository.js';
import { MAILROOM_VERSION, processVersions } from './versions.js';
import { type ZipEntry, zipStream } from './zip-stream.js';

export interface SupportBundleParts {
  facts: SupportBundleRepository;
  sessionLogs: SmtpSessionLogsService;
  /** What this process is: its role, its name among the workers. */
  process: Record<string, string>;
  queue: { backEnd: string; depths(): Promise<Record<string, JobDepth>> };
  /** The resources of settings.json by name, each as the API shows it. */
  settings: Record<string, () => Promise<unknown>>;
  logger: Logger;
}

export interface SupportBundle {
  /**
   * Writes the ZIP and ends `destination`. When that fails half way `destination` is destroyed, which its reader notices, and the cause is
   * logged; never throws.
   */
  sendTo(destination: Writable): Promise<void>;
}

/** What a bundle of this moment is called. */
export const fileNameAt = (now: Date): string => `mailroom-support-${now.toISOString().slice(0, 19).replace(/[-:]/g, '')}Z.zip`;

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 2;

export class SupportBundleService {
  constructor(private readonly parts: SupportBundleParts) {}

  /** Reads everything but the logs, so that most of what can fail does so before anything is sent. */
  async prepare(now: Date, days = DEFAULT_DAYS): Promise<SupportBundle> {
    const { sessionLogs, logger } = this.parts;
    const [versions, settings, counts] = await Promise.all([this.versions(now), this.settings(), this.counts(days)]);
    const entries = [
      { name: 'README.txt', content: () => readme(now, days) },
      json('versions.json', versions),
      json('settings.json', settings),
      json('counts.json', counts),
      ...sessionLogFiles(sessionLogs, new Date(now.getTime() - days * DAY_MS), now, MAILROOM_VERSION),
    ];
    return { sendTo: (destination) => pipeline(zipStream(entries, now), destination).catch((error: unknown) => tell(error, logger)) };
  }

  private async versions(now: Date): Promise<object> {
    const { facts, queue, process } = this.parts;
    const [postgres, migrations] = await Promise.all([facts.serverVersion(), facts.migrations()]);
    return { madeAt: now, ...processVersions(), postgres, queue: queue.backEnd, ...process, migrations };
  }

  private async settings(): Promise<object> {
    const read = Object.entries(this.parts.settings).map(async ([name, get]) => [name, await get()] as const);
    return Object.fromEntries(await Promise.all(read));
  }

  private async counts(days: number): Promise<object> {
    const { facts, queue } = this.parts;
    const [emails, reasons, events, subscriptions, users, smtpTests, apiKeys] = await Promise.all([
      facts.emails(days), facts.reasons(), facts.events(days), facts.subscriptions(), facts.users(), facts.smtpTests(), facts.apiKeys(),
    ]);
    return { recentDays: days, emails, reasons, events, subscriptions, users, smtpTests, apiKeys, queue: { backEnd: queue.backEnd, jobs: await depthsOf(queue) } };
  }
}

/** A queue that cannot be reached is what the bundle should tell, and no reason to have none. */
async function depthsOf(queue: SupportBundleParts['queue']): Promise<object> {
  return queue.depths().catch((error: unknown) => ({ error: (error as { code?: string }).code ?? 'QUEUE_UNREACHABLE' }));
}

const json = (name: string, value: object): ZipEntry => ({ name, content: () => `${JSON.stringify(value, null, 2)}\n` });

function tell(error: unknown, logger: Logger): void {
  if ((error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE') logger.info('the download of a support bundle was broken off by its client');
  else logger.error({ err: error }, 'a support bundle could not be finished; its download was broken off');
}
