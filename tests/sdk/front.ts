import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

export interface Seen {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** What is done with a request instead of passing it on. */
export type Trick = (res: ServerResponse, pass: () => Promise<void>) => void | Promise<void>;

export interface Front {
  url: string;
  /** Every request that came, in order. */
  seen: Seen[];
  /** One for each of the next requests; the rest is passed on. */
  tricks: Trick[];
  close(): Promise<void>;
}

/** A real HTTP server between a client and Mailroom that first does what it is told, and then passes on. */
export async function startFront(target: string): Promise<Front> {
  const [seen, tricks]: [Seen[], Trick[]] = [[], []];
  const handle = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const body = Buffer.concat(await req.toArray() as Buffer[]);
    seen.push({ method: req.method!, url: req.url!, headers: req.headers, body });
    const pass = () => passOn(target, seen.at(-1)!, res);
    await (tricks.shift() ?? ((_res, on) => on()))(res, pass);
  };
  const server = createServer((req, res) => void handle(req, res).catch(() => res.destroy())).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    tricks,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function passOn(target: string, { method, url, headers, body }: Seen, res: ServerResponse): Promise<void> {
  const { connection: _connection, host: _host, 'content-length': _length, ...kept } = headers;
  const answer = await fetch(`${target}${url}`, { method, headers: kept as Record<string, string>, ...(body.length > 0 && { body }) });
  const bytes = Buffer.from(await answer.arrayBuffer());
  res.writeHead(answer.status, { ...Object.fromEntries([...answer.headers].filter(([name]) => !/^(connection|keep-alive|transfer-encoding|content-encoding|content-length)$/.test(name))) }).end(bytes);
}

/** Answers with this status; nothing is passed on. */
export const answers = (status: number, headers: Record<string, string> = {}, body: object = { code: 'OF_THE_FRONT', detail: 'No.', title: 'No', requestId: 'r-1' }): Trick => (res) => {
  res.writeHead(status, { 'Content-Type': 'application/problem+json', ...headers }).end(JSON.stringify(body));
};
/** The connection breaks before an answer. */
export const breaks: Trick = (res) => void res.destroy();
/** Mailroom gets the request, and its answer is lost. */
export const losesAnswer = (mailroomUrl: string, seen: () => Seen): Trick => async (res) => {
  const { method, url, headers, body } = seen();
  const { connection: _connection, host: _host, 'content-length': _length, ...kept } = headers;
  await (await fetch(`${mailroomUrl}${url}`, { method, headers: kept as Record<string, string>, body })).arrayBuffer();
  res.destroy();
};
/** The head of a JSON answer and half of its body. */
export const halfAnswers: Trick = (res) => {
  res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': '100' });
  res.write('{"items":', () => res.destroy());
};
