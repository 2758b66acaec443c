import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Problem } from '../contract/problem.js';
import { newId } from '../ids.js';

type Cause = Error & { code?: string };
type Told = Pick<Problem, 'status' | 'code' | 'title' | 'detail'>;

const TOO_LATE: Told = { status: 408, code: 'REQUEST_TIMEOUT', title: 'The request took too long', detail: 'The request did not come in time. Send its head within 10 seconds, and all of it within 60.' };
const TOO_LARGE: Told = { status: 431, code: 'HEADERS_TOO_LARGE', title: 'The head of the request is too large', detail: 'The URL and the headers may have 16 KiB together.' };
const BROKEN: Told = { status: 400, code: 'REQUEST_INVALID', title: 'The request is not valid', detail: 'This is no HTTP request that can be read. Check its first line, its headers and the length of its body.' };

/** Answers what is no HTTP request, so that no handler sees it, as problem+json, and ends the connection: where the next request would begin is not known. */
export function answerBrokenRequest(error: Cause, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable || isAnswering(socket)) return void socket.destroy();
  const told = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? TOO_LATE : error.code === 'HPE_HEADER_OVERFLOW' ? TOO_LARGE : BROKEN;
  const body = JSON.stringify({ type: `urn:mailroom:problem:${told.code}`, ...told, instance: '', requestId: newId() } satisfies Problem);
  const head = [
    `HTTP/1.1 ${told.status} ${STATUS_CODES[told.status]}`, 'Content-Type: application/problem+json', `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store', 'X-Content-Type-Options: nosniff', 'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

interface Under {
  headersSent: boolean;
  req: { complete: boolean };
}

/**
 * An answer has begun, or a request before this one is whole and waits for its answer: what is said now would be taken for a part of that
 * answer, or for the answer to that request, which may well be done.
 */
const isAnswering = (socket: Duplex): boolean => {
  const message = (socket as { _httpMessage?: Under | null })._httpMessage;
  return message != null && (message.headersSent || message.req.complete);
};
