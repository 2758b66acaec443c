import pg from 'pg';
import type { Logger } from '../logger.js';

const SETTINGS = { idleTimeoutMillis: 30_000, connectionTimeoutMillis: 5_000, keepAlive: true };

/** @param setUp SQL that each connection begins with */
export function openPool(url: string, logger: Logger, max: number, setUp?: string): pg.Pool {
  const onConnect = setUp === undefined ? undefined : (client: pg.ClientBase): unknown => client.query(setUp); // the pool waits for it
  const pool = new pg.Pool({ connectionString: url, max, ...SETTINGS, ...(onConnect && { onConnect }) });
  pool.on('error', (error) => logger.warn({ err: error }, 'an idle database connection was lost'));
  return pool;
}
