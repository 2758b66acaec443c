import type pg from 'pg';
import type { Logger } from '../logger.js';
import type { Prisma } from './generated/client.js';
import { openPool } from './pool.js';

/** At most: for one process, as an API and a worker. */
const CONNECTIONS = 6;
/** None of these statements takes that long. Others may wait for it, so a connection that is dead and does not say so is not waited for. */
const STATEMENT_MS = 15_000;

/** A statement with its parameters in the order of its text. */
export interface Query {
  readonly name: string;
  readonly text: string;
  readonly values: unknown[];
}

class Place {
  constructor(readonly index: number) {}
}

/**
 * A statement that is to be called with its arguments. Its text is made once, and each connection parses and plans it once.
 * @param name unique
 */
export function statement<Args extends unknown[]>(name: string, build: (...args: Args) => Prisma.Sql): (...args: Args) => Query {
  const places = Array.from({ length: build.length }, (_, index) => new Place(index));
  const { text, values } = build(...(places as unknown as Args));
  return (...args) => ({ name, text, values: values.map((value: unknown) => (value instanceof Place ? args[value.index] : value)) });
}

/**
 * What is planned on these connections finds its rows by keys, a few of many: whatever the statistics say, which may be older than the rows, they are never
 * looked for in all of the table, and a plan that is kept stays right while the table grows.
 */
const BY_KEY = 'SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan';

/**
 * Connections for the few statements that run for every request or mail. They go to pg directly: Prisma's raw queries write and read each parameter as JSON
 * once more, which for the contents of mails takes longer than all the rest.
 */
export class Statements {
  private readonly pool: pg.Pool;

  constructor(url: string, logger: Logger, timeoutMs = STATEMENT_MS) {
    this.pool = openPool(url, logger, { max: CONNECTIONS, setUp: BY_KEY, timeoutMs });
  }

  /** @returns what the statement answers; the caller knows its shape */
  async rows<Row extends object>({ name, text, values }: Query): Promise<Row[]> {
    return (await this.pool.query<Row>({ name, text, values })).rows;
  }

  close(): Promise<void> {
    return this.pool.end();
  }
}

