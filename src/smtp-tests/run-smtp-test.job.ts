import { jobKind } from '../queue/job-queue.js';

/** The job asks for the oldest test that waits: which one that is stands in the rows. */
export const runSmtpTest = jobKind<{ testId: string }>('run-smtp-test', 1);
