import { jobKind } from '../queue/job-queue.js';

/** Several events in one job: what piles up within a few milliseconds is matched by the same few statements. */
export const matchEvents = jobKind<{ eventIds: string[] }>('match-events', 2);

/** Events in one job at most; its rendered contents are in memory together. */
export const MATCH_BATCH = 100;
