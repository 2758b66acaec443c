import { Prisma } from './client.js';

/** A column with an index on (column, id), and the value that it must have. */
export interface Equality {
  column: Prisma.Sql;
  value: Prisma.Sql;
}

/** Ids between two others, without them. null: no bound. */
export interface IdRange {
  above: string | null;
  below: string | null;
}

const [LOWEST_ID, HIGHEST_ID] = ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'];

/**
 * The condition for rows with these values and ids, and the columns to order them by: together one range of the index on the first equality's
 * column and the id, however large the table is. It is written as a comparison of rows: with `column = value` the planner may walk along the
 * primary key instead, past everything that does not match.
 * @param id the column
 * @param equalities the one that leaves the fewest rows first
 */
export function indexRange(id: Prisma.Sql, { above, below }: IdRange, equalities: Equality[]): { where: Prisma.Sql; columns: Prisma.Sql[] } {
  const lead = equalities.slice(0, 1);
  const columns = [...lead.map(({ column }) => column), id];
  const rowWith = (bound: string): Prisma.Sql => Prisma.join([...lead.map(({ value }) => value), Prisma.sql`${bound}::uuid`]);
  const conditions = [
    Prisma.sql`(${Prisma.join(columns)}) > (${rowWith(above ?? LOWEST_ID)})`,
    Prisma.sql`(${Prisma.join(columns)}) < (${rowWith(below ?? HIGHEST_ID)})`,
    ...equalities.slice(1).map(({ column, value }) => Prisma.sql`${column} = ${value}`),
  ];
  return { where: Prisma.join(conditions, ' AND '), columns };
}
