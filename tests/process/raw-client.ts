import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import type { Problem } from '../../src/contract/problem.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { waitFor } from '../setup/wait.js';
import { ADMIN_KEY, MailroomProcess, SHARED } from './mailroom-process.js';

export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** What Node.js may use for objects: left to itself its collector comes late when the cores are busy, and garbage looks like what is kept. */
const HEAP_MIB = 400;
/** Buffers, code and stacks are beside the heap. A process that keeps what it is sent comes to the end of its heap and dies. */
const MOST_MEMORY_MIB = 800;
const ANSWER_MS = 15_000;
/** Lines of stack traces, places in files, names of packages, versions. */
const INSIDE = /\n\s+at |node_modules|node:|\.[cm]?[jt]s\b|HPE_|ERR_|\b(llhttp|express|body-parser|busboy|multer|tsoa|prisma|zlib)\b|(?<![\d.])\d+\.\d+\.\d+(?![\d.])/i;
const LAST_CHUNK = '0\r\n\r\n';
const TELLING_HEADERS = ['x-powered-by', 'server', 'via'];

/** A client that sends just the bytes that it is told to, for what no HTTP library would send. */
export class RawClient {
  private text = '';
  ended = false;

  private constructor(readonly socket: Socket) {
    socket.setNoDelay(true).on('error', () => undefined); // servers cut such clients off
    socket.setEncoding('latin1').on('data', (chunk: string) => (this.text += chunk)).once('close', () => (this.ended = true));
  }

  static async open(url: string): Promise<RawClient> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    opened.add(socket);
    socket.once('close', () => opened.delete(socket));
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  send(bytes: string | Buffer): void {
    if (this.socket.writable) this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Sends the same chunk so many times, no faster than it is taken, and stops when the server closes. */
  async pour(chunk: Buffer, times: number): Promise<void> {
    for (let sent = 0; sent < times && !this.ended; sent += 1) {
      if (!this.socket.write(chunk)) await waitFor(() => this.ended || !this.socket.writableNeedDrain, Boolean, ANSWER_MS);
    }
  }

  /** All complete answers so far, in their order. */
  get answers(): Answer[] {
    const found: Answer[] = [];
    for (let rest = this.text; ;) {
      const end = rest.indexOf('\r\n\r\n') + 4;
      const [first, ...lines] = rest.slice(0, end).trimEnd().split('\r\n');
      const headers = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
      const bodyEnd = headers['transfer-encoding'] === undefined ? end + Number(headers['content-length'] ?? 0) : rest.indexOf(LAST_CHUNK, end) + LAST_CHUNK.length;
      if (end < 4 || bodyEnd < end || rest.length < bodyEnd) return found;
      found.push({ status: Number(first!.split(' ')[1]), headers, body: Buffer.from(rest.slice(end, bodyEnd).replace(LAST_CHUNK, ''), 'latin1').toString('utf8') });
      rest = rest.slice(bodyEnd);
    }
  }

  /** The answer to the request of this number; null when the server closes instead. */
  async answer(index = 0, deadlineMs = ANSWER_MS): Promise<Answer | null> {
    await waitFor(() => this.ended || this.answers.length > index, Boolean, deadlineMs);
    return this.answers[index] ?? null;
  }

  /** Waits until the server has closed the connection. */
  async end(deadlineMs = ANSWER_MS): Promise<void> {
    await waitFor(() => this.ended, Boolean, deadlineMs);
  }
}

const opened = new Set<Socket>();

/** What may follow on a connection that can still be used; it is the last request on it. */
export const LAST = 'GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
const isLast = ({ status, body }: Answer): boolean => status === 404 && body.includes('GET /last');

export interface Exchange {
  answers: Answer[];
  /** Whether the connection took another request after the answer. */
  usable: boolean;
}

/** Sends bytes; once they are answered, a last request; and waits for the connection's end. */
export async function exchange(url: string, ...bytes: (string | Buffer)[]): Promise<Exchange> {
  const client = await RawClient.open(url);
  bytes.forEach((part) => client.send(part));
  await client.answer();
  client.send(LAST);
  await client.end();
  const { answers } = client;
  answers.forEach(expectClear);
  return { answers: answers.filter((answer) => !isLast(answer)), usable: answers.some(isLast) };
}

/** An answer that is the client's to understand, and that tells nothing of the inside. */
export function expectClear({ status, headers, body }: Answer): void {
  expect({ status, clear: status >= 200 && status < 500, body }).toMatchObject({ clear: true });
  for (const name of TELLING_HEADERS) expect(headers).not.toHaveProperty(name);
  if (status < 400 || body === '') return;
  expect(headers['content-type']).toBe('application/problem+json');
  expect(JSON.parse(body)).toMatchObject({ status, code: expect.stringMatching(/^[A-Z][A-Z0-9_]+$/), detail: expect.stringMatching(/\w/) });
  expect(body).not.toMatch(INSIDE);
}

export const codeOf = ({ body }: Answer): string => (JSON.parse(body) as Problem).code;

/** A request to an operation that takes JSON, by the administrator. The headers and the body are as they are given. */
export const jsonRequest = (path: string, headers: string[], body = '', method = 'POST'): string =>
  [`${method} ${path} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${ADMIN_KEY}`, 'Content-Type: application/json', ...headers, '', body].join('\r\n');

/** One process for a whole file. After each test it must be well, have logged no fault of its own, and have kept to its memory. */
export function useMailroom(): () => MailroomProcess {
  let database: TestDatabase;
  let mailroom: MailroomProcess;
  beforeAll(async () => {
    database = await createTestDatabase();
    mailroom = await new MailroomProcess({ ...SHARED, NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB}`, MAILROOM_LOG_LEVEL: 'info', DATABASE_URL: database.url }).ready();
  }, 60_000);
  beforeEach(() => forgetPeak(mailroom.pid));
  afterEach(async () => {
    await mailroom.as().get('/health/ready').expect(200);
    await mailroom.as().get('/v1/events').expect(200);
    expect(mailroom.stdout.split('\n').filter((line) => /"level":[56]0/.test(line))).toEqual([]);
    expect(mailroom.stderr).toBe('');
    expect(peakMemoryMib(mailroom.pid)).toBeLessThan(MOST_MEMORY_MIB);
  }, 30_000);
  afterAll(async () => {
    opened.forEach((socket) => socket.destroy());
    await mailroom?.kill();
    await database?.drop();
  });
  return () => mailroom;
}

/** The most memory that a process had since `forgetPeak`; 0 where the system does not tell. */
function peakMemoryMib(pid: number): number {
  if (process.platform !== 'linux') return 0;
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
}

function forgetPeak(pid: number): void {
  if (process.platform === 'linux') writeFileSync(`/proc/${pid}/clear_refs`, '5');
}
