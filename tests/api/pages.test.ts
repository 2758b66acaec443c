import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { buildEvent } from '../factories/build-event.js';
import { buildSubscription } from '../factories/build-subscription.js';
import { insertEmail } from '../factories/insert-email.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { expectProblem } from './expect-problem.js';

interface Page { items: { id: string }[]; nextCursor: string | null }

let mailroom: TestMailroom;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
});
afterAll(async () => {
  await mailroom.close();
});

const get = async (path: string): Promise<Page> => (await mailroom.as().get(path).expect(200)).body as Page;
const base64url = (text: string): string => Buffer.from(text).toString('base64url');

/** Makes one item of a list and answers its id. */
const ADD: Record<string, () => Promise<string>> = {
  '/v1/subscriptions': async () => (await mailroom.as().post('/v1/subscriptions', buildSubscription()).expect(201)).body.id as string,
  '/v1/events': async () => (await mailroom.as().post('/v1/events', buildEvent()).expect(202)).body.id as string,
  '/v1/api-keys': async () => (await mailroom.as().post('/v1/api-keys', { name: 'a reader', role: 'auditor' }).expect(201)).body.id as string,
  '/v1/emails': async () => (await insertEmail(mailroom.container.database)).id,
};
const LISTS = Object.keys(ADD);

describe.each(LISTS)('%s', (path) => {
  const addSome = async (count: number): Promise<string[]> => {
    const ids: string[] = [];
    while (ids.length < count) ids.push(await ADD[path]!());
    return ids;
  };

  test('pages show each item once, newest first, while items are added', async () => {
    await addSome(7);
    const there = (await get(`${path}?limit=200`)).items.map(({ id }) => id);
    const seen: string[] = [];
    let next: string | null = '';
    while (next !== null) {
      const page: Page = await get(`${path}?limit=3${next && `&cursor=${next}`}`);
      expect(page.items.length).toBeLessThanOrEqual(3);
      seen.push(...page.items.map(({ id }) => id));
      await addSome(1);
      next = page.nextCursor;
    }
    expect(seen).toEqual(there);
    expect(there).toEqual([...there].sort().reverse());
    expect(new Set(there).size).toBe(there.length);
  });

  test('a page that holds the rest exactly is the last', async () => {
    await addSome(2);
    const { items } = await get(`${path}?limit=200`);
    expect(await get(`${path}?limit=${items.length}`)).toMatchObject({ nextCursor: null });
    const { nextCursor } = await get(`${path}?limit=${items.length - 1}`);
    expect(await get(`${path}?cursor=${nextCursor!}`)).toEqual({ items: [items.at(-1)], nextCursor: null });
  });

  test.each(['0', '-1', '201', '1.5', 'abc', '', '1e2', '0x10', '99999999999999999999', 'NaN'])('limit=%s is refused', async (limit) => {
    expectProblem(await mailroom.as().get(`${path}?limit=${limit}`), 400, 'VALIDATION_FAILED', [{ parameter: 'limit' }]);
  });

  test.each([
    ['a word', 'abc'],
    ['nothing', ''],
    ['no base64url', '!!!'],
    ['padded', Buffer.from('01900000-0000-7000-8000-000000000000').toString('base64').padEnd(52, '=')],
    ['no id', base64url('x')],
    ['nearly an id', base64url('-'.repeat(36))],
    ['an id with a letter too far', base64url('0190000g-0000-7000-8000-000000000000')],
    ['SQL', base64url("'; DROP TABLE events; --")],
    ['a bare id', '01900000-0000-7000-8000-000000000000'],
  ])('a cursor that is %s is refused', async (_name, cursor) => {
    expectProblem(await mailroom.as().get(`${path}?cursor=${encodeURIComponent(cursor)}`), 400, 'CURSOR_INVALID', [{ parameter: 'cursor' }]);
  });

  test('what is given twice or is too long is refused', async () => {
    expectProblem(await mailroom.as().get(`${path}?limit=1&limit=2`), 400, 'VALIDATION_FAILED', [{ parameter: 'limit' }]);
    expectProblem(await mailroom.as().get(`${path}?cursor=a&cursor=b`), 400, 'VALIDATION_FAILED', [{ parameter: 'cursor' }]);
    expectProblem(await mailroom.as().get(`${path}?cursor=${'a'.repeat(1_025)}`), 400, 'VALIDATION_FAILED', [{ parameter: 'cursor' }]);
    expectProblem(await mailroom.as().get(`${path}?offset=1`), 400, 'VALIDATION_FAILED', [{ parameter: 'offset' }]);
  });
});

test('50 items are a page by default', async () => {
  const events = Array.from({ length: 60 }, () => buildEvent());
  await mailroom.as().post('/v1/events/batch', { events }).expect(202);
  expect((await get('/v1/events')).items).toHaveLength(50);
});

describe.each([['/v1/event-types', 'name'], ['/v1/email-templates', 'eventType']])('%s', (path, key) => {
  test('pages go through the whole catalogue in the order of names', async () => {
    const names: string[] = [];
    for (let next: string | null = ''; next !== null;) {
      const page = await get(`${path}?limit=200${next && `&cursor=${next}`}`);
      names.push(...page.items.map((item) => (item as unknown as Record<string, string>)[key]!));
      next = page.nextCursor;
    }
    expect(names.length).toBeGreaterThanOrEqual(629);
    expect(names).toEqual([...new Set(names)].sort());
  });
});
