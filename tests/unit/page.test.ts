import { describe, expect, test } from '@jest/globals';
import { DEFAULT_LIMIT, idSliceOf, pageOf, sliceOf } from '../../src/contract/page.js';
import { MailroomError } from '../../src/errors.js';

const ID = '019ab3c1-7d20-7000-8000-4d61696c726d';
const cursorOf = (key: string): string => pageOf([key, 'next'], 1, (row) => row, (row) => row).nextCursor!;

describe('a slice', () => {
  test('starts at the beginning, with 50 items, when nothing is asked for', () => {
    expect(sliceOf({})).toEqual({ limit: DEFAULT_LIMIT, after: null });
    expect(DEFAULT_LIMIT).toBe(50);
  });

  test.each(['PasswordCheckFailed', 'ä😀', 'a~b/c', ID])('starts after the key in the cursor: %s', (key) => {
    expect(cursorOf(key)).toMatch(/^[\w-]+$/);
    expect(sliceOf({ limit: 7, cursor: cursorOf(key) })).toEqual({ limit: 7, after: key });
  });

  test.each([
    ['padding', `${Buffer.from(`${ID}x`).toString('base64url')}=`],
    ['the other alphabet', Buffer.from('>>>???').toString('base64')],
    ['white space', ` ${Buffer.from('abc').toString('base64url')}`],
    ['bits that mean nothing', 'YWJ='.replace('=', '').replace('J', 'K')],
    ['bytes that are no UTF-8', Buffer.from([0xff, 0xfe]).toString('base64url')],
    ['a NUL', Buffer.from('a\0b').toString('base64url')],
  ])('refuses a cursor with %s', (_name, cursor) => {
    expect(() => sliceOf({ cursor })).toThrow(MailroomError);
    expect(() => sliceOf({ cursor })).toThrow(expect.objectContaining({ code: 'CURSOR_INVALID', errors: [expect.objectContaining({ parameter: 'cursor' })] }));
  });

  test.each(['', 'abc', '-'.repeat(36), ID.toUpperCase(), `${ID}0`, ID.replaceAll('-', ''), ID.replace('-', 'a'), `${ID}\n`])('of a list by id refuses %j', (key) => {
    expect(() => idSliceOf({ cursor: Buffer.from(key).toString('base64url') })).toThrow(expect.objectContaining({ code: 'CURSOR_INVALID' }));
  });

  test('of a list by id takes an id', () => {
    expect(idSliceOf({ cursor: cursorOf(ID) }).after).toBe(ID);
    expect(idSliceOf({}).after).toBeNull();
  });
});

describe('a page', () => {
  const page = (rows: string[], limit: number) => pageOf(rows, limit, (row) => row, (row) => row.toUpperCase());

  test('leaves the row out that only tells of a next page', () => {
    expect(page(['c', 'b', 'a'], 2)).toEqual({ items: ['C', 'B'], nextCursor: cursorOf('b') });
  });

  test.each([[[], 2], [['a'], 2], [['b', 'a'], 2]])('%j with limit %d is the last', (rows, limit) => {
    expect(page(rows, limit)).toEqual({ items: rows.map((row) => row.toUpperCase()), nextCursor: null });
  });
});
