import { jobKind } from '../queue/job-queue.js';

/** Several events in one job: what piles up within a few milliseconds is matched by the same few statements. So are several jobs of one process. */
export const matchEvents = jobKind<{ eventIds: string[] }>('match-events', 20);

/** Events that are matched together at most; their rendered contents are in memory. */
export const MATCH_BATCH = 100;

/** Such batches that one process works on at a time: a large one does not hold up small ones. */
export const MATCHED_AT_ONCE = 2;
