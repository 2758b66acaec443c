import { jobKind } from '../queue/job-queue.js';

/** A batch, so that a job costs the queue little; a worker claims its e-mails in the rows. */
export const deliverEmails = jobKind<{ emailIds: string[] }>('deliver-emails', 2);

/** E-mails in one job at most. */
export const DELIVERY_BATCH = 250;

/** Makes e-mails that wait for a retry due now, because the settings changed. */
export const releaseDeferred = jobKind<Record<string, never>>('release-deferred', 1);
