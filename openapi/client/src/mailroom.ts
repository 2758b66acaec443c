import { type Client, createClient } from './generated/client/index.js';
import { IDEMPOTENT_BY_KEY } from './generated/contract.gen.js';
import * as generated from './generated/sdk.gen.js';
import { eventsOf, type StreamedEvent } from './event-stream.js';
import type { Items, Operations, Result, Results } from './operations.js';
import { MailroomProblem } from './problem.js';
import { type Fetch, retryingFetch, type RetryOptions } from './retrying-fetch.js';

export interface MailroomOptions {
  /** Where Mailroom is, such as `https://mailroom.example.com`; with or without `/v1`. */
  baseUrl: string;
  /** The API key, or what gives it: it is asked once for each call. */
  apiKey: string | (() => string | Promise<string>);
  /** How often and how long a call is repeated; `false` for not at all. */
  retry?: RetryOptions | false;
  /** Sends the requests; `globalThis.fetch` by default. */
  fetch?: Fetch;
}

interface Page {
  items: unknown[];
  nextCursor: string | null;
}

type Paginate = <Options extends { query?: unknown }, List extends Page>(list: (options?: Options) => Promise<List>, options?: NoInfer<Options>) => AsyncGenerator<Items<List>, void, undefined>;

export interface Mailroom extends Operations {
  /** The same operations, without throwing: `{ data, error, response }`. */
  readonly results: Results;
  /** All items of a list, page by page as they are needed: `for await (const email of mailroom.paginate(mailroom.listEmails))`. */
  paginate: Paginate;
  /** For the functions that are generated, which take it as `client`. */
  readonly client: Client;
}

export function createMailroom(options: MailroomOptions): Mailroom {
  const client = clientOf(options);
  const [operations, results]: Record<string, unknown>[] = [{}, {}];
  for (const [name, operation] of Object.entries(generated) as [string, Generic][]) {
    results![name] = (input?: object) => resultOf(operation, client, input);
    operations![name] = (input?: object) => dataOf(operation, client, input);
  }
  operations!['streamSmtpTest'] = (input: object) => streamOf(generated.streamSmtpTest as unknown as Streaming, client, input);
  delete results!['streamSmtpTest'];
  return { ...(operations as Operations), results: results as Results, paginate: paginate as Paginate, client };
}

function clientOf({ baseUrl, apiKey, retry = {}, fetch = globalThis.fetch }: MailroomOptions): Client {
  const send = retryingFetch((url, init) => fetch(url, init), retry === false ? { maxTries: 1 } : retry);
  const client = createClient({ baseUrl: versioned(baseUrl), auth: apiKey, fetch: (async (request: Request) => ofMailroom(await send(request))) as typeof globalThis.fetch });
  client.interceptors.request.use((request, { method, url }) => {
    // Once for each call, not for each try: all tries are the same request.
    if (IDEMPOTENT_BY_KEY.has(`${method} ${url}`) && !request.headers.has('Idempotency-Key')) request.headers.set('Idempotency-Key', crypto.randomUUID());
    return request;
  });
  client.interceptors.error.use((error, response: Response | undefined, request) => {
    if (error instanceof MailroomProblem) return error;
    if (response !== undefined) return MailroomProblem.ofAnswer(error, response);
    return request.signal.aborted ? error : MailroomProblem.ofConnection(error);
  });
  client.sse.get = (async (options: Parameters<Client['get']>[0]) => {
    const { data } = await client.get<NonNullable<Response['body']>, unknown, true>({ ...options, parseAs: 'stream', throwOnError: true });
    return { stream: eventsOf(data, options.signal) };
  }) as unknown as Client['sse']['get'];
  return client;
}

/** What Mailroom answers. A page of a portal that says 200 to everything is none of it. */
const TYPES = /^(application\/([\w.-]+\+)?json|application\/(zip|x-pem-file|pkcs10)|text\/event-stream)\b/i;

function ofMailroom(response: Response): Response {
  if (response.ok && response.status !== 204 && !TYPES.test(response.headers.get('Content-Type') ?? '')) throw MailroomProblem.ofAnswer(undefined, response);
  return response;
}

/** People copy the address from a browser, from the contract, or from a line that ends with a slash. */
function versioned(baseUrl: string): string {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') throw new TypeError(`baseUrl ${baseUrl} is not the address of a Mailroom, such as https://mailroom.example.com`);
  return `${url.origin}${url.pathname.replace(/\/+$/, '').replace(/\/v1$/, '')}/v1`;
}

type Generic = (options: object) => Promise<{ data?: unknown; error?: unknown; response?: Response }>;
type Streaming = (options: object) => Promise<{ stream: AsyncGenerator<StreamedEvent, void, undefined> }>;

async function resultOf(operation: Generic, client: Client, input?: { signal?: AbortSignal | null }): Promise<Result<unknown>> {
  const { data, error, response } = await answerOf(operation, client, input);
  if (error instanceof MailroomProblem) return { data: undefined, error, response };
  if (error !== undefined) throw error as Error; // the caller's own signal ended the call
  return { data: data ?? undefined, error: undefined, response: response! };
}

/** What is generated reads files outside of its own care: one that breaks off is a problem too. */
async function answerOf(operation: Generic, client: Client, input?: { signal?: AbortSignal | null }): ReturnType<Generic> {
  let response: Response | undefined;
  const fetch = async (request: Request): Promise<Response> => (response = await client.getConfig().fetch!(request));
  try {
    return await operation({ ...input, client, fetch, throwOnError: false, responseStyle: 'fields' });
  } catch (failure) {
    if (response === undefined || input?.signal?.aborted) throw failure; // the function that gives the key, or the caller's own signal
    return { error: MailroomProblem.ofConnection(failure), response };
  }
}

async function dataOf(operation: Generic, client: Client, input?: object): Promise<unknown> {
  const { data, error } = await resultOf(operation, client, input);
  if (error !== undefined) throw error;
  return data;
}

async function* streamOf(operation: Streaming, client: Client, input: object): AsyncGenerator<StreamedEvent, void, undefined> {
  const { stream } = await operation({ ...input, client });
  yield* stream;
}

async function* paginate(list: (options?: { query?: unknown }) => Promise<Page>, options?: { query?: unknown }): AsyncGenerator<never, void, undefined> {
  let cursor: string | null | undefined;
  do {
    const query = { ...(options?.query as object | undefined), ...(cursor != null && { cursor }) };
    const page = await list({ ...options, query });
    yield* page.items as never[];
    cursor = page.nextCursor;
  } while (cursor != null);
}
