import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Express } from 'express';
import { StartError } from '../errors.js';
import { answerBrokenRequest } from './broken-request.js';

export interface Listener {
  /** Where people reach it, without a slash at the end. */
  url: string;
  /** Takes no new request, waits for the running ones, then cuts what is left after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/** Milliseconds. Whoever is slower with the head or the whole of a request is cut off, within CHECK_MS of that. */
const [HEAD_MS, REQUEST_MS, IDLE_MS, CHECK_MS] = [10_000, 60_000, 65_000, 2_000];

/** Starts to listen. A port in use, or one that this account may not open, is a StartError of one line. */
export async function listen(app: Express, host: string, port: number): Promise<Listener> {
  const handler = bounded(app);
  // An unknown expectation, or no host, is told by the application, which says what is wrong.
  const server = createServer({ requireHostHeader: false, keepAliveTimeout: IDLE_MS, headersTimeout: HEAD_MS, requestTimeout: REQUEST_MS, connectionsCheckingInterval: CHECK_MS }, handler);
  server.on('checkExpectation', handler);
  server.on('clientError', answerBrokenRequest);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(startError(cause, host, port)));
    server.listen(port, host, resolve);
  });
  const { port: actual } = server.address() as AddressInfo;
  return { url: `http://${shownHost(host)}:${actual}`, close: (graceMs) => close(server, graceMs) };
}

/** Requests on one connection whose answers are not sent yet. Clients wait for each answer, or have a few at once. */
const MOST_AT_ONCE = 10;

/** Whoever sends request after request and reads no answer would make Mailroom keep all the answers: such a connection is cut. */
function bounded(app: RequestListener): RequestListener {
  const underWay = new WeakMap<Socket, number>();
  return (req, res) => {
    const { socket } = req;
    const count = (underWay.get(socket) ?? 0) + 1;
    if (count > MOST_AT_ONCE) return void socket.destroy();
    underWay.set(socket, count);
    res.once('close', () => underWay.set(socket, underWay.get(socket)! - 1));
    app(req, res);
  };
}

function startError(cause: NodeJS.ErrnoException, host: string, port: number): StartError {
  if (cause.code === 'EADDRINUSE') return new StartError(`Port ${port} on ${host} is in use. Stop what uses it, or set PORT to another one.`, { cause });
  if (cause.code === 'EACCES') return new StartError(`Port ${port} may not be opened by this account. Set PORT to one above 1023.`, { cause });
  return new StartError(`Mailroom cannot listen on ${host}:${port}: ${cause.message}. Check MAILROOM_HOST and PORT.`, { cause });
}

/** A wildcard address is reached as localhost. */
function shownHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}

const IDLE_CHECK_MS = 50;

async function close(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
  server.closeIdleConnections();
  // A connection that a client keeps becomes idle when its running request is answered.
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed.finally(() => {
    clearInterval(idle);
    clearTimeout(cut);
  });
}
