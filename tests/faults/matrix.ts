import { hasRedis, NO_REDIS, NO_REDIS_SERVER, redisServer } from '../setup/redis.js';
import { type Cell, CELLS } from './cells.js';
import type { QueueBackEnd } from './servers.js';

/** A cell with one of the queues. */
export interface Entry {
  cell: Cell;
  queue: QueueBackEnd;
  /** Why it cannot be run here; null: it can. */
  skipped: string | null;
}

const QUEUES = ['Postgres', 'Redis'] as const;

export const nameOf = ({ cell, queue }: Pick<Entry, 'cell' | 'queue'>): string => `queue in ${queue}: ${cell.victim} ${cell.fate} ${cell.moment}${cell.atMostOnce ? ', mails at most once' : ''}`;

export const wholeMatrix = (): Entry[] => entries(({ queues }) => queues);

export const tellingPart = (): Entry[] => entries(({ telling }) => telling);

const entries = (queuesOf: (cell: Cell) => readonly QueueBackEnd[]): Entry[] =>
  QUEUES.flatMap((queue) => CELLS.filter((cell) => queuesOf(cell).includes(queue)).map((cell) => ({ cell, queue, skipped: whyNot(cell, queue) })));

function whyNot({ victim }: Cell, queue: QueueBackEnd): string | null {
  if (queue === 'Redis' && !hasRedis()) return NO_REDIS;
  return victim === 'Redis' && redisServer() === null ? NO_REDIS_SERVER : null; // that of REDIS_URL may hold somebody's data
}

/** One of each queue in turn, since the queues run side by side. */
export function inTurn(all: readonly Entry[]): Entry[] {
  const place = (entry: Entry): number => all.filter(({ queue }) => queue === entry.queue).indexOf(entry);
  return [...all].sort((one, other) => place(one) - place(other));
}
