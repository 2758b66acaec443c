import type pg from 'pg';
import type { Logger } from '../logger.js';
import type { Prisma } from './generated/client.js';
import { openPool } from './pool.js';

/** An SQL statement with places for its arguments. Its text is made once, and each connection parses and plans it once. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  /** The parameters in the order of the text. */
  valuesOf(args: unknown[]): unknown[];
}

class Place {
  constructor(readonly index: number) {}
}

/** @param name unique */
export function statement<Args extends unknown[]>(name: string, build: (...args: Args) => Prisma.Sql): Statement {
  const places = Array.from({ length: build.length }, (_, index) => new Place(index));
  const { text, values } = build(...(places as unknown as Args));
  return { name, text, valuesOf: (args) => values.map((value: unknown) => (value instanceof Place ? args[value.index] : value)) };
}

/**
 * What is planned on these connections finds its rows by keys, a few of many: whatever the statistics say, which may be older than the rows, they are never
 * looked for in all of the table, and a plan that is kept stays right while the table grows.
 */
const BY_KEY = 'SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan';

/**
 * Connections for the few statements that run for every mail. They go to pg directly: Prisma's raw queries write and read each parameter as JSON once more,
 * which for the contents of mails takes longer than all the rest.
 */
export class Statements {
  private readonly pool: pg.Pool;

  constructor(url: string, logger: Logger) {
    this.pool = openPool(url, logger, CONNECTIONS, BY_KEY);
  }

  /** @returns what the statement answers; the caller knows its shape */
  async rows<Row extends object>(statement: Statement, ...args: unknown[]): Promise<Row[]> {
    const { rows } = await this.pool.query<Row>({ name: statement.name, text: statement.text, values: statement.valuesOf(args) });
    return rows;
  }

  close(): Promise<void> {
    return this.pool.end();
  }
}

/** Claims, marks and what else delivery writes wait for no request, and no request for them. */
const CONNECTIONS = 4;
