import type { PageQuery } from '../contract/page.js';

const LARGEST_PAGE = 200;

/** All items of a list that is read in pages. For lists that people keep, which are short. */
export async function everyItem<T>(list: (query: PageQuery) => Promise<{ items: T[]; nextCursor: string | null }>): Promise<T[]> {
  const items: T[] = [];
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = await list({ limit: LARGEST_PAGE, ...(cursor !== undefined && { cursor }) });
    items.push(...page.items);
    cursor = page.nextCursor;
  }
  return items;
}
