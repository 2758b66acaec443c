import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createMailroom, MailroomProblem, type RetryOptions } from '../../openapi/client/src/index.js';
import { ADMIN_KEY, startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { answers, breaks, type Front, halfAnswers, losesAnswer, startFront } from './front.js';

const EVENT = { body: { type: 'PasswordCheckFailed', properties: { AccountName: 'ü' } } };
const USER = { body: { name: 'Dana', emailAddress: 'dana@example.com' } };
const NOW = { 'Retry-After': '0' };

let mailroom: TestMailroom;
let front: Front;
beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
  front = await startFront(mailroom.url);
});
afterEach(() => {
  expect(front.tricks).toEqual([]); // each was used
  front.seen.length = 0;
});
afterAll(async () => {
  await front?.close();
  await mailroom?.close();
});

const sdkOf = (retry?: RetryOptions | false) => createMailroom({ baseUrl: front.url, apiKey: ADMIN_KEY, ...(retry !== undefined && { retry }) });
const keys = () => front.seen.map(({ headers }) => headers['idempotency-key']);
const eventsWith = async (id: string) => (await mailroom.sdk.listEvents({ query: { limit: 200 } })).items.filter((event) => event.id === id).length;
const countEvents = async () => (await mailroom.sdk.listEvents({ query: { limit: 200 } })).items.length;

describe('the Idempotency-Key', () => {
  test('is a new one for each call where the contract has one, and nowhere else', async () => {
    const sdk = sdkOf();
    await sdk.publishEvent(EVENT);
    await sdk.publishEvent(EVENT);
    await sdk.publishEvents({ body: { events: [EVENT.body] } });
    await sdk.createUser(USER);
    await sdk.listEvents();
    const [first, second, batch, ...others] = keys();
    for (const key of [first, second, batch]) expect(key).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[\da-f]{4}-[\da-f]{12}$/);
    expect(new Set([first, second, batch]).size).toBe(3);
    expect(others).toEqual([undefined, undefined]);
  });

  test.each(['Idempotency-Key', 'idempotency-key'])('of the caller wins (%s)', async (name) => {
    const [one, again] = [await sdkOf().publishEvent({ ...EVENT, headers: { [name]: `own-${name}` } }), await sdkOf().publishEvent({ ...EVENT, headers: { [name]: `own-${name}` } })];
    expect(keys()).toEqual([`own-${name}`, `own-${name}`]);
    expect(again.id).toBe(one.id);
  });
});

describe('429 and 503', () => {
  test('are tried again after Retry-After, with the same key and the same body', async () => {
    front.tricks.push(answers(503, { 'Retry-After': '1' }), answers(429, { 'Retry-After': new Date(Date.now() - 5_000).toUTCString() }));
    const startedAt = performance.now();
    const { id } = await sdkOf().publishEvent(EVENT);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(990);
    expect(new Set(keys()).size).toBe(1);
    expect(front.seen.map(({ body }) => JSON.parse(body.toString()) as object)).toEqual([EVENT.body, EVENT.body, EVENT.body]);
    expect(await eventsWith(id)).toBe(1);
  });

  test('a date in Retry-After is waited for', async () => {
    const until = Math.ceil(Date.now() / 1_000) * 1_000 + 1_000;
    front.tricks.push(answers(503, { 'Retry-After': new Date(until).toUTCString() }));
    await sdkOf().publishEvent(EVENT);
    expect(Date.now()).toBeGreaterThanOrEqual(until - 5);
  });

  test('a call without a key is repeated after 429, which says that nothing was done, and not after 503; a file is sent again whole', async () => {
    front.tricks.push(answers(429, NOW));
    await sdkOf().createUser(USER);
    front.tricks.push(answers(503, NOW));
    await expect(sdkOf().createUser(USER)).rejects.toMatchObject({ status: 503 });
    front.tricks.push(answers(429, NOW));
    const file = new Blob([new Uint8Array(100_000).fill(7)]);
    await expect(sdkOf().uploadClientCertificate({ body: { file, passphrase: 'of the file' } })).rejects.toMatchObject({ status: 400 });
    const [, , , first, second] = front.seen;
    expect(second!.headers['content-type']).toBe(first!.headers['content-type']);
    expect(first!.body.length).toBeGreaterThan(100_000);
    expect(second!.body.equals(first!.body)).toBe(true);
  });

  test('without Retry-After the wait is short, and at random', async () => {
    front.tricks.push(answers(503));
    await sdkOf().listEvents();
    expect(front.seen).toHaveLength(2);
  });

  test('five tries at most, or as many as are wanted; then the last problem is thrown', async () => {
    front.tricks.push(...Array.from({ length: 5 }, () => answers(503, NOW)));
    const thrown = await sdkOf().publishEvent(EVENT).catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(MailroomProblem);
    expect(thrown).toMatchObject({ status: 503, code: 'OF_THE_FRONT', requestId: 'r-1', retryAfter: 0 });
    expect(front.seen).toHaveLength(5);
    front.tricks.push(answers(429, NOW), answers(429, NOW));
    await expect(sdkOf({ maxTries: 2 }).publishEvent(EVENT)).rejects.toMatchObject({ status: 429 });
    front.tricks.push(answers(503, NOW));
    await expect(sdkOf(false).publishEvent(EVENT)).rejects.toMatchObject({ status: 503 });
    expect(front.seen).toHaveLength(8);
  });

  test('a Retry-After beyond the time that there is ends the call at once', async () => {
    front.tricks.push(answers(429, { 'Retry-After': '3600' }), answers(503, { 'Retry-After': '2' }));
    await expect(sdkOf().publishEvent(EVENT)).rejects.toMatchObject({ status: 429, retryAfter: 3_600 });
    await expect(sdkOf({ maxTotalMs: 1_000 }).publishEvent(EVENT)).rejects.toMatchObject({ status: 503, retryAfter: 2 });
    expect(front.seen).toHaveLength(2);
  });
});

test.each([400, 401, 403, 404, 409, 412, 422, 500, 502, 504])('%i is not tried again', async (status) => {
  front.tricks.push(answers(status, NOW));
  await expect(sdkOf().publishEvent(EVENT)).rejects.toMatchObject({ status, code: 'OF_THE_FRONT' });
  expect(front.seen).toHaveLength(1);
});

describe('no answer', () => {
  test('a call with a key is repeated, and makes one event although Mailroom had got it', async () => {
    const before = await countEvents();
    front.tricks.push(losesAnswer(mailroom.url, () => front.seen.at(-1)!));
    const { id } = await sdkOf().publishEvent(EVENT);
    expect(front.seen).toHaveLength(2);
    expect(await countEvents()).toBe(before + 1);
    expect(await eventsWith(id)).toBe(1);
  });

  test('while Mailroom still works on the first try, the second waits', async () => {
    front.tricks.push(breaks, answers(409, NOW, { code: 'IDEMPOTENCY_KEY_IN_PROGRESS', detail: 'Repeat yours in a moment.' }));
    await sdkOf().publishEvent(EVENT);
    expect(front.seen).toHaveLength(3);
    front.tricks.push(answers(409, NOW, { code: 'IDEMPOTENCY_KEY_IN_PROGRESS', detail: 'Repeat yours in a moment.' }));
    await expect(sdkOf().publishEvent(EVENT)).rejects.toMatchObject({ status: 409 }); // another one's request
  });

  test.each([['before it', breaks], ['in the middle of it', halfAnswers]])('a call that only reads is repeated when the connection breaks %s', async (_when, trick) => {
    front.tricks.push(trick);
    await expect(sdkOf().listEvents()).resolves.toHaveProperty('items');
    expect(front.seen).toHaveLength(2);
  });

  test('a call that makes something, without a key, is not', async () => {
    front.tricks.push(breaks);
    const thrown = await sdkOf().createUser(USER).catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(MailroomProblem);
    expect(thrown).toMatchObject({ status: 0, code: 'CONNECTION_FAILED', cause: expect.objectContaining({ message: expect.any(String) }) });
    expect(front.seen).toHaveLength(1);
  });

  test('nobody listens: the problem says why', async () => {
    const gone = await startFront(mailroom.url);
    await gone.close();
    const sdk = createMailroom({ baseUrl: gone.url, apiKey: ADMIN_KEY, retry: { maxTries: 2 } });
    const { data, error, response } = await sdk.results.publishEvent(EVENT);
    expect([data, response]).toEqual([undefined, undefined]);
    expect(error).toMatchObject({ code: 'CONNECTION_FAILED', detail: expect.stringContaining('ECONNREFUSED') });
  });
});

describe('a signal', () => {
  test('ends the wait for the next try, with its reason', async () => {
    const leaving = new AbortController();
    front.tricks.push((res) => {
      void answers(503, { 'Retry-After': '30' })(res, () => Promise.resolve());
      setTimeout(() => leaving.abort(new Error('enough waited')), 100);
    });
    const startedAt = performance.now();
    await expect(sdkOf().publishEvent({ ...EVENT, signal: leaving.signal })).rejects.toThrow('enough waited');
    expect(performance.now() - startedAt).toBeLessThan(15_000);
    expect(front.seen).toHaveLength(1);
  });

  test('ends a try that gets no answer, in both styles, and no other follows', async () => {
    for (const style of [sdkOf(), sdkOf().results]) {
      const leaving = new AbortController();
      front.tricks.push(() => leaving.abort(new Error('no time')));
      await expect(style.publishEvent({ ...EVENT, signal: leaving.signal })).rejects.toThrow('no time');
    }
    expect(front.seen).toHaveLength(2);
    await expect(sdkOf().publishEvent({ ...EVENT, signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before');
    expect(front.seen).toHaveLength(2);
  });
});

describe('answers that are not of Mailroom', () => {
  test('a page of a proxy', async () => {
    front.tricks.push((res) => void res.writeHead(502, { 'Content-Type': 'text/html' }).end('<h1>Bad Gateway</h1>'));
    await expect(sdkOf().listEvents()).rejects.toMatchObject({ status: 502, code: 'UNEXPECTED_ANSWER', title: 'Bad Gateway', errors: [] });
  });

  test('a redirection is not followed: a POST would become a GET', async () => {
    front.tricks.push((res) => void res.writeHead(301, { Location: `${mailroom.url}/v1/events` }).end());
    await expect(sdkOf().publishEvent(EVENT)).rejects.toMatchObject({ status: 301, detail: expect.stringContaining(mailroom.url) });
    expect(front.seen).toHaveLength(1);
  });
});
