import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import type { Logger } from '../logger.js';
import { Prisma, PrismaClient } from './generated/client.js';

export { Prisma } from './generated/client.js';

/** Either the client itself or a transaction of it: what a repository's methods take. */
export type Tx = Prisma.TransactionClient;

export interface Database {
  readonly prisma: PrismaClient;
  /** Throws when Postgres does not answer within 2 s. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/**
 * At the start of a statement that runs often: each connection parses and plans it once. For a text that is always the same, and whose plan does not
 * depend on its values.
 */
export const PREPARED = Prisma.raw('/* prepared */');

/** Names by text; there are as many as statements that begin so. */
const names = new Map<string, string>();

function nameOf({ sql }: { sql: string }): string | undefined {
  if (!sql.startsWith('/* prepared */')) return undefined;
  const name = names.get(sql) ?? `mailroom_${names.size}`;
  names.set(sql, name);
  return name;
}

export interface DatabaseOptions {
  /** Connections, at most. */
  max?: number;
  /** SQL that each connection begins with. */
  setUp?: string;
}

/**
 * For statements that find their rows by keys, a few of many: whatever the statistics say, which may be older than the rows, they are never looked for
 * in all of the table, and a plan that is kept stays right while the table grows.
 */
export const BY_KEY = 'SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan';

const POOL = { idleTimeoutMillis: 30_000, connectionTimeoutMillis: 5_000, keepAlive: true };
const PING_TIMEOUT_MS = 2_000;

export function connectDatabase(url: string, logger: Logger, { max = 10, setUp }: DatabaseOptions = {}): Database {
  const onConnect = setUp === undefined ? undefined : async (client: pg.ClientBase): Promise<void> => void (await client.query(setUp));
  const pool = new pg.Pool({ connectionString: url, max, ...POOL, ...(onConnect && { onConnect }) });
  pool.on('error', (error) => logger.warn({ err: error }, 'an idle database connection was lost'));
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool, { disposeExternalPool: false, statementNameGenerator: nameOf as (query: { sql: string }) => string }) });
  return {
    prisma,
    ping: () => pingWithin(pool, PING_TIMEOUT_MS),
    close: async () => {
      await prisma.$disconnect();
      await pool.end();
    },
  };
}

async function pingWithin(pool: pg.Pool, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    await Promise.race([pool.query('SELECT 1'), late]);
  } finally {
    clearTimeout(timer);
  }
}
