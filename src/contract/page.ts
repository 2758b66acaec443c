import { MailroomError } from '../errors.js';

export const DEFAULT_LIMIT = 50;
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Which part of a list is asked for. */
export interface PageQuery {
  /**
   * How many items at most.
   * @isInt must be a whole number from 1 to 200
   * @minimum 1 must be a whole number from 1 to 200
   * @maximum 200 must be a whole number from 1 to 200
   * @default 50
   */
  limit?: number;
  /**
   * The `nextCursor` of the page before, with everything else in the request as it was.
   * @maxLength 1024 must be the nextCursor of an earlier answer
   */
  cursor?: string;
}

/** The slice that a repository reads: one row more than `limit` tells whether there is a next page. */
export interface Slice {
  limit: number;
  after: string | null;
}

export function sliceOf({ limit, cursor }: PageQuery): Slice {
  return { limit: limit ?? DEFAULT_LIMIT, after: cursor === undefined ? null : decodeCursor(cursor) };
}

/** For lists that are ordered by id: the cursor must hold one, or the database would refuse it. */
export function idSliceOf(query: PageQuery): Slice {
  const slice = sliceOf(query);
  if (slice.after !== null && !ID.test(slice.after)) throw badCursor();
  return slice;
}

/** Makes a page of rows that were read with `limit + 1`. `keyOf` is what the list is ordered by. */
export function pageOf<Row, Item>(rows: Row[], limit: number, keyOf: (row: Row) => string, toItem: (row: Row) => Item): { items: Item[]; nextCursor: string | null } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { items: shown.map(toItem), nextCursor: rows.length > limit && last !== undefined ? encodeCursor(keyOf(last)) : null };
}

const encodeCursor = (key: string): string => Buffer.from(key).toString('base64url');

function decodeCursor(cursor: string): string {
  const key = Buffer.from(cursor, 'base64url').toString('utf8');
  if (encodeCursor(key) !== cursor || key.includes('\0')) throw badCursor();
  return key;
}

export const badCursor = (): MailroomError =>
  new MailroomError('invalid', 'CURSOR_INVALID', 'The cursor is not one that Mailroom gave out. Start again without it.', [
    { parameter: 'cursor', message: 'must be the nextCursor of an earlier answer' },
  ]);
