import type { Logger } from '../logger.js';
import type { BackEnd, BackEndEvents } from './back-end.js';
import { BullmqJobQueue } from './bullmq-job-queue.js';
import type { JobQueue } from './job-queue.js';
import { Outage } from './outage.js';
import { PostgresBackEnd } from './postgres.js';
import { RedisBackEnd } from './redis.js';

export interface JobQueueOptions {
  /** `url`: redis:// or rediss://, postgres:// or postgresql://. */
  readonly backEnd: { readonly type: 'redis' | 'postgres'; readonly url: string };
  /** Sets the queues of one Mailroom apart from those of another on the same server. `mailroom` by default. */
  readonly prefix?: string;
  readonly logger: Logger;
}

/**
 * Opens the job queue of this process. Redis may still be down: it is connected to in the background. Postgres has to be there, since
 * the queue's schema is created or upgraded first.
 * @throws StartError when the queue cannot be set up in Postgres
 */
export async function createJobQueue({ backEnd: { type, url }, prefix = 'mailroom', logger }: JobQueueOptions): Promise<JobQueue> {
  const outage = new Outage(type, logger);
  const events: BackEndEvents = {
    lost: (error) => outage.begin(error),
    connected: () => outage.end(),
    advice: (message) => logger.warn({ backEnd: type }, message),
  };
  const backEnd: BackEnd = type === 'redis' ? new RedisBackEnd(url, prefix, events) : await PostgresBackEnd.connect(url, prefix, events);
  return new BullmqJobQueue(backEnd, outage, logger);
}
