import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** A request as the token server got it. */
export interface TokenRequest {
  method: string;
  path: string;
  authorization: string | null;
  contentType: string | null;
  /** The fields of the form. */
  form: Record<string, string>;
}

/** What it answers; a function may also do what it likes with the response, and then gives nothing. */
export interface TokenAnswer {
  status?: number;
  headers?: Record<string, string>;
  body: string | object;
}

type Answers = (request: TokenRequest, response: ServerResponse, count: number) => TokenAnswer | void | Promise<TokenAnswer | void>;

export interface TokenServerOptions {
  /** PEM; with it the server speaks https. */
  tls?: { key: string; cert: string };
  /** An IP literal; 127.0.0.1 by default. */
  host?: string;
  /** To come back where an earlier server was. */
  port?: number;
  /** In the token responses; 3600 by default. */
  expiresIn?: number;
}

export interface TokenServer {
  url: string;
  port: number;
  requests: TokenRequest[];
  /** The token it gave out last. */
  readonly lastToken: string | null;
  /** Answers otherwise from now on; null: honestly again. */
  answer(answers: Answers | null): void;
  close(): Promise<void>;
}

/** A token server on a free port that gives out `token-1-…`, `token-2-…`, to whoever knows `client` and `client-secret`. */
export async function startTokenServer({ tls, host = '127.0.0.1', port = 0, expiresIn = 3_600 }: TokenServerOptions = {}): Promise<TokenServer> {
  const requests: TokenRequest[] = [];
  const label = Math.random().toString(36).slice(2);
  let [given, answers]: [number, Answers | null] = [0, null];
  let lastToken: string | null = null;
  const honest = ({ form }: TokenRequest): TokenAnswer => {
    if (form['grant_type'] !== 'client_credentials') return { status: 400, body: { error: 'unsupported_grant_type' } };
    if (form['client_id'] !== CLIENT.clientId || form['client_secret'] !== CLIENT.clientSecret) return { status: 401, body: { error: 'invalid_client', error_description: 'No such client' } };
    given += 1;
    lastToken = `token-${given}-${label}`;
    return { body: { access_token: lastToken, token_type: 'Bearer', expires_in: expiresIn } };
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    void read(request).then(async (read) => {
      requests.push(read);
      const answer = await (answers ?? honest)(read, response, requests.length);
      if (!answer) return;
      response.writeHead(answer.status ?? 200, { 'content-type': 'application/json', ...answer.headers });
      response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
    }).catch((error: unknown) => response.destroy(error as Error));
  };
  const server = tls ? createSecureServer(tls, listener) : createServer(listener);
  server.listen(port, host);
  await once(server, 'listening');
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `${tls ? 'https' : 'http'}://localhost:${taken}/oauth2/token`,
    port: taken,
    requests,
    get lastToken() { return lastToken; },
    answer: (next) => { answers = next; },
    close: () => new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}

/** What the honest server lets in. */
export const CLIENT = { clientId: 'mailroom client', clientSecret: 'client+secret/with=signs&ümlaut' };

async function read(request: IncomingMessage): Promise<TokenRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return {
    method: request.method!,
    path: request.url!,
    authorization: request.headers.authorization ?? null,
    contentType: request.headers['content-type'] ?? null,
    form: Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString('utf8'))),
  };
}
