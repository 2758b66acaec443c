import { PrismaPg } from '@prisma/adapter-pg';
import type pg from 'pg';
import type { Logger } from '../logger.js';
import { type Prisma, PrismaClient } from './generated/client.js';
import { openPool } from './pool.js';
import { Statements } from './statements.js';

export { Prisma } from './generated/client.js';

/** Either the client itself or a transaction of it: what a repository's methods take. */
export type Tx = Prisma.TransactionClient;

export interface Database {
  readonly prisma: PrismaClient;
  /** For what runs for every request or mail. */
  readonly statements: Statements;
  /** Throws when Postgres does not answer within 2 s. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

const PING_TIMEOUT_MS = 2_000;

/** One pool for the process, and a small one for its statements. `max` counts connections of the first. */
export function connectDatabase(url: string, logger: Logger, max = 10): Database {
  const pool = openPool(url, logger, { max });
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool, { disposeExternalPool: false }) });
  const statements = new Statements(url, logger);
  return {
    prisma,
    statements,
    ping: () => pingWithin(pool, PING_TIMEOUT_MS),
    close: async () => {
      await statements.close();
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
