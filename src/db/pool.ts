import pg from 'pg';
import type { Logger } from '../logger.js';

const SETTINGS = { idleTimeoutMillis: 30_000, connectionTimeoutMillis: 5_000, keepAlive: true };

export interface PoolOptions {
  /** Connections, at most. */
  max: number;
  /** SQL that each connection begins with. */
  setUp?: string;
  /** Milliseconds that a statement may take: then it rejects, and its connection is given up. */
  timeoutMs?: number;
}

export function openPool(url: string, logger: Logger, { max, setUp, timeoutMs }: PoolOptions): pg.Pool {
  const onConnect = setUp === undefined ? undefined : (client: pg.ClientBase): unknown => client.query(setUp); // the pool waits for it
  const pool = new pg.Pool({ connectionString: url, max, ...SETTINGS, ...(onConnect && { onConnect }), ...(timeoutMs !== undefined && { query_timeout: timeoutMs }) });
  // The pool's end does not wait for its last good-byes: a server that stops right after it may still cut a connection.
  pool.on('error', (error) => pool.ending || logger.warn({ err: error }, 'an idle database connection was lost'));
  return pool;
}
