import { secondsOf } from './retry-after.js';

export interface RetryOptions {
  /** How often a request is sent at most. 5 by default. */
  maxTries?: number;
  /** No try starts later than this after the first one. A minute by default. */
  maxTotalMs?: number;
}

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** Milliseconds. Without a Retry-After the wait doubles from the first of these to the second, and is spread at random. */
const [FIRST_WAIT_MS, LONGEST_WAIT_MS] = [500, 8_000];
const IDEMPOTENT_METHODS = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'];
const IN_PROGRESS = 'IDEMPOTENCY_KEY_IN_PROGRESS';

/** How a try ended. */
type Ending = { response: Response } | { failure: unknown };

/**
 * A fetch that repeats what is safe to repeat: after 429, which says that nothing was done; after 503 and without an answer, which do not say, when
 * the method is idempotent or the request carries an Idempotency-Key. All tries are the same request: the same body, the same headers.
 */
export function retryingFetch(fetch: Fetch, { maxTries = 5, maxTotalMs = 60_000 }: RetryOptions): (input: Request) => Promise<Response> {
  return async (input) => {
    const { url, signal } = input;
    const init = await initOf(input);
    const isRepeatable = IDEMPOTENT_METHODS.includes(input.method) || input.headers.has('Idempotency-Key');
    const latest = Date.now() + maxTotalMs;
    let isInDoubt = false;
    for (let tries = 1; ; tries += 1) {
      const ending = await attempt(fetch, url, init);
      signal.throwIfAborted();
      isInDoubt ||= 'failure' in ending || ending.response.status === 503;
      const mayRepeat = 'failure' in ending ? isRepeatable : await asksToRepeat(ending.response, isRepeatable, isInDoubt);
      const waitMs = waitOf(ending, tries);
      if (!mayRepeat || tries >= maxTries || Date.now() + waitMs > latest) return answerOf(ending);
      if ('response' in ending) await ending.response.body?.cancel().catch(() => undefined);
      signal.throwIfAborted();
      await pause(waitMs, signal);
    }
  };
}

/** Everything of the request, with a body that can be sent again. Plain values, because an own fetch may know another class Request. */
async function initOf(request: Request): Promise<RequestInit> {
  const { method, signal } = request;
  const headers: Record<string, string> = {};
  request.headers.forEach((value, name) => (headers[name] = value));
  const body = await request.arrayBuffer();
  // A redirected POST would become a GET, and its answer would pass for that of the POST.
  return { method, headers, signal, redirect: 'manual', ...(body.byteLength > 0 && { body }) };
}

async function attempt(fetch: Fetch, url: string, init: RequestInit): Promise<Ending> {
  try {
    return { response: await whole(await fetch(url, init)) };
  } catch (failure) {
    return { failure };
  }
}

/** A JSON answer that breaks off is a failure of this try. Files and streams are read by whoever asked for them. */
async function whole(response: Response): Promise<Response> {
  const { body, status, statusText, headers } = response;
  if (body === null || !/^application\/(?:[\w.-]+\+)?json\b/i.test(headers.get('Content-Type') ?? '')) return response;
  return new Response(await response.arrayBuffer(), { status, statusText, headers });
}

/** After a try without an answer Mailroom may still work on it: then it refuses the same key for a moment. */
async function asksToRepeat(response: Response, isRepeatable: boolean, isInDoubt: boolean): Promise<boolean> {
  if (response.status === 429) return true;
  if (response.status === 503) return isRepeatable;
  return isInDoubt && response.status === 409 && (await response.clone().text()).includes(`"${IN_PROGRESS}"`);
}

function waitOf(ending: Ending, tries: number): number {
  const asked = 'response' in ending ? secondsOf(ending.response.headers.get('Retry-After')) : undefined;
  if (asked !== undefined) return asked * 1_000;
  return Math.min(FIRST_WAIT_MS * 2 ** (tries - 1), LONGEST_WAIT_MS) * (0.5 + Math.random() / 2);
}

function answerOf(ending: Ending): Response {
  if ('response' in ending) return ending.response;
  throw ending.failure;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop, { once: true });
  });
}
