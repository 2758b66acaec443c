import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, test } from '@jest/globals';
import supertest from 'supertest';
import type { ReceivedMail } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';

export const ADMIN_KEY = 'test-administrator-key';
export const SECRET_KEY = 'test-secret-key-of-32-characters';
/** What processes with a database of their own share. */
export const SHARED = { PORT: '0', MAILROOM_ADMIN_KEY: ADMIN_KEY, MAILROOM_SECRET_KEY: SECRET_KEY, MAILROOM_LOG_LEVEL: 'debug', MAILROOM_RETRY_BASE_MS: '300' };
/** A stop may take 10 s, from the signal to the end of the process. */
export const STOP_LIMIT_MS = 10_000;

const MAIN = resolve('dist/main.js');
const OBSERVE = resolve('tests/contract/observe-process.mjs');
const RECORD = 'CONTRACT_RECORD';
const READY_MS = 45_000;
const REQUEST_MS = 15_000;
/** `(?=\s)`: a chunk of output may end in the middle of the value. */
const PRINTED = { ready: /^Mailroom is ready[.:]/m, url: /(http:\/\/\S+?)\/(?:docs|health\/ready,)\s/, key: /API key +(mr_\S+)(?=\s)/ };

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** `node dist/main.js`, whose answers are judged by the contract, too. */
const PROGRAM = [process.execPath, '--import', OBSERVE, MAIN];

/** Mailroom as people start it, with nothing in its environment but what the test gives. */
export class MailroomProcess {
  stdout = '';
  stderr = '';
  readonly ended: Promise<Ended>;
  private readonly child: ChildProcess;
  private readonly leadsGroup: boolean;

  constructor(readonly env: Record<string, string>, options: { uid?: number; gid?: number; detached?: boolean } = {}, [program, ...args] = PROGRAM) {
    this.child = spawn(program!, args, { env: { ...env, [RECORD]: process.env[RECORD]! }, stdio: ['ignore', 'pipe', 'pipe'], ...options });
    this.leadsGroup = options.detached === true;
    this.ended = once(this.child, 'close').then(([code, signal]: unknown[]) => ({ code, signal }) as Ended);
    this.child.stdout!.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.child.stderr!.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
  }

  get pid(): number {
    return this.child.pid!;
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Resolves when it says that it is ready; rejects when it ends instead. */
  async ready(deadlineMs = READY_MS): Promise<this> {
    await waitFor(() => PRINTED.ready.test(this.stdout) || !this.running, Boolean, deadlineMs);
    if (!PRINTED.ready.test(this.stdout)) throw new Error(`Mailroom ended instead of getting ready: ${this.stderr}`);
    await waitFor(() => !this.running || !this.env['PORT'] || PRINTED.url.test(this.stdout), Boolean);
    return this;
  }

  /** As it was printed, without a path. */
  get url(): string {
    return PRINTED.url.exec(this.stdout)![1]!;
  }

  /** The administrator key that it printed; null when it printed none. */
  get printedKey(): string | null {
    return PRINTED.key.exec(this.stdout)?.[1] ?? null;
  }

  as(key = ADMIN_KEY): Api {
    return { get: (path) => this.send('get', key, path), put: (path, body) => this.send('put', key, path, body), post: (path, body) => this.send('post', key, path, body) };
  }

  /** Sends the signal and waits for the end. `ms` is how long that took. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended & { ms: number }> {
    const began = Date.now();
    this.child.kill(signal);
    const ended = await within(2 * STOP_LIMIT_MS, this.ended, `the end of process ${this.pid} after ${signal}`);
    return { ...ended, ms: Date.now() - began };
  }

  /** At once, whatever it does, and with it its group when it leads one; harmless when it has ended. */
  async kill(): Promise<void> {
    if (this.leadsGroup) attempt(() => process.kill(-this.pid, 'SIGKILL'), false);
    else if (this.running) this.child.kill('SIGKILL');
    await this.ended;
  }

  get output(): string {
    return `process ${this.pid} ${JSON.stringify(this.env)}\nstdout: ${this.stdout}\nstderr: ${this.stderr}`;
  }

  private send(method: 'get' | 'put' | 'post', key: string, path: string, body?: object): supertest.Test {
    const request = supertest(this.url)[method](path).set('Authorization', `Bearer ${key}`).timeout(REQUEST_MS);
    return body === undefined ? request : request.send(body);
  }
}

export interface Api {
  get(path: string): supertest.Test;
  put(path: string, body: object): supertest.Test;
  post(path: string, body?: object): supertest.Test;
}

const started: MailroomProcess[] = [];
const closers: (() => unknown)[] = [];

/** Starts a Mailroom that the end of the test ends, if the test did not. */
export function startProcess(env: Record<string, string>, account?: { uid: number; gid: number }): MailroomProcess {
  const mailroom = new MailroomProcess(env, account);
  started.push(mailroom);
  return mailroom;
}

/** As `startProcess`, by `npm start`, in a process group of its own as a terminal's shell makes one. A signal goes to npm alone. */
export function startWithNpm(env: Record<string, string>): MailroomProcess {
  const npm = new MailroomProcess({ ...env, PATH: process.env['PATH']! }, { detached: true }, ['npm', 'start']);
  started.push(npm);
  return npm;
}

/** Runs at the end of the test, after the processes have ended; the last one given first. */
export const atEnd = (close: () => unknown): number => closers.push(close);

afterEach(async () => {
  await Promise.all(started.splice(0).map((mailroom) => mailroom.kill()));
  const failures: unknown[] = [];
  for (let close = closers.pop(); close; close = closers.pop()) await Promise.resolve().then(close).catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}, 60_000);

/** A test that prints what its processes said when it fails. */
export function processTest(name: string, body: () => Promise<void>, limitMs = 60_000): void {
  test(name, async () => {
    try {
      await within(limitMs, body(), 'the end of the test');
    } catch (error) {
      process.stderr.write(`\n${name}\n${started.map(({ output }) => output).join('\n')}\n`);
      throw error;
    }
  }, limitMs + 5_000);
}

async function within<T>(ms: number, work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => { timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms); });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A data folder that the unprivileged account of Postgres may enter when we are root, removed at the end of the test. */
export async function makeDataFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'mailroom-process-'));
  await chmod(folder, 0o755);
  atEnd(async () => {
    try {
      await waitFor(() => processesIn(folder), (left) => left.length === 0, 20_000); // the guard needs a moment after a SIGKILL
    } finally {
      for (const line of processesIn(folder)) process.kill(Number.parseInt(line, 10), 'SIGKILL');
      await rm(folder, { recursive: true, force: true, maxRetries: 10 });
    }
  });
  return folder;
}

/** Living processes that have to do with a folder: by an argument, their working directory, or a variable that names it. Empty without /proc. */
export function processesIn(folder: string): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    const [command, variables, directory] = [read(`/proc/${pid}/cmdline`), read(`/proc/${pid}/environ`), link(`/proc/${pid}/cwd`)];
    return [command, variables, directory].some((text) => text.includes(folder)) ? [`${pid} ${command}`] : [];
  });
}

const read = (file: string): string => attempt(() => readFileSync(file, 'utf8').replaceAll('\0', ' '), '');
const link = (file: string): string => attempt(() => readlinkSync(file), '');

/** Processes end while one looks at them. */
function attempt<T>(look: () => T, whenGone: T): T {
  try {
    return look();
  } catch {
    return whenGone;
  }
}

/** The embedded Postgres' own process. */
export const postmasterOf = async (dataDir: string): Promise<number> => Number((await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0]);

/** Connects Mailroom to a mail server on this machine. */
export async function useRelay(api: Api, port: number, overrides: object = {}): Promise<void> {
  await api.put('/v1/smtp-settings', { serverAddress: '127.0.0.1', port, security: 'none', senderAddress: 'mailroom@example.com', ...overrides }).expect(200);
}

/** Subscribes `count` addresses to an event type: 1@, 2@, … */
export async function subscribe(api: Api, eventType: string, count = 1): Promise<void> {
  for (let n = 1; n <= count; n += 1) await api.post('/v1/subscriptions', { emailAddress: `${n}@example.com`, eventTypes: [eventType] }).expect(201);
}

export const publish = async (api: Api, type: string): Promise<string> => (await api.post('/v1/events', { type }).expect(202)).body.id as string;

/** Waits until so many e-mails of each event are sent. */
export async function allSent(api: Api, eventIds: string[], each: number, deadlineMs = 25_000): Promise<void> {
  for (const id of eventIds) {
    await waitFor(async () => (await api.get(`/v1/events/${id}`).expect(200)).body, ({ emails }) => emails.sent === each, deadlineMs);
  }
}

export interface Attempt {
  number: number;
  startedAt: string;
  durationMs: number;
  worker: string;
  outcome: string;
  code: string | null;
}

export interface EmailOfEvent {
  id: string;
  status: string;
  messageId: string;
  reason: { code: string } | null;
  attempts: Attempt[];
}

/** Every e-mail of an event, with its attempts. */
export async function emailsOf(api: Api, eventId: string): Promise<EmailOfEvent[]> {
  const { items } = (await api.get(`/v1/emails?eventId=${eventId}&limit=200`).expect(200)).body as { items: { id: string }[] };
  return Promise.all(items.map(async ({ id }) => (await api.get(`/v1/emails/${id}`).expect(200)).body as EmailOfEvent));
}

/** How often each Message-ID came. */
export function copiesById(mails: ReceivedMail[]): Map<string, number> {
  const copies = new Map<string, number>();
  for (const { raw } of mails) {
    const id = /^Message-ID:\s*(<[^>]+>)/im.exec(raw)?.[1] ?? 'none';
    copies.set(id, (copies.get(id) ?? 0) + 1);
  }
  return copies;
}
