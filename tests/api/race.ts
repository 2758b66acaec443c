import pg from 'pg';
import { waitFor } from '../setup/wait.js';
import type { TestMailroom } from '../setup/mailroom.js';

const WAITING = `SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;

/**
 * Lets requests meet at one place: holds a lock on rows until all of them wait for it, then lets go. What each of them read before
 * that is what the others are about to change.
 * @param lock a SELECT … FOR UPDATE of what they all change
 */
export async function meetAtLock<T>({ databaseUrl }: TestMailroom, lock: string, requests: (() => PromiseLike<T>)[]): Promise<T[]> {
  const holder = new pg.Client({ connectionString: databaseUrl });
  const observer = new pg.Client({ connectionString: databaseUrl });
  await Promise.all([holder.connect(), observer.connect()]);
  try {
    await holder.query(`BEGIN; ${lock}`);
    const answers = requests.map(async (send) => send());
    await waitFor(async () => (await observer.query<{ count: number }>(WAITING)).rows[0]!.count, (count) => count === requests.length);
    await holder.query('COMMIT');
    return await Promise.all(answers);
  } finally {
    await Promise.all([holder.end(), observer.end()]);
  }
}
