import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';

export interface TestRedis {
  readonly url: string;
  stop(): Promise<void>;
}

/** Why a suite that needs Redis is skipped, in the words of the report. */
export const NO_REDIS = 'skipped, no REDIS_URL and no redis-server on PATH';
export const NO_REDIS_SERVER = 'skipped, no redis-server on PATH';

/** The path of the `redis-server` program, or null. */
export function redisServer(): string | null {
  const candidates = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'redis-server'));
  return candidates.find(isProgram) ?? null;
}

export const hasRedis = (): boolean => Boolean(process.env['REDIS_URL']) || redisServer() !== null;

/**
 * A Redis for a test file: that of REDIS_URL, else a server of our own, else null. Keep to a key prefix of your own and flush nothing:
 * the Redis of REDIS_URL may hold somebody's data.
 */
export async function findRedis(): Promise<TestRedis | null> {
  const url = process.env['REDIS_URL'];
  if (url) return { url, stop: () => Promise.resolve() };
  return redisServer() === null ? null : startRedis();
}

/** Starts an empty Redis on 127.0.0.1 that keeps nothing on disk. `port` 0 takes a free one. */
export async function startRedis(settings: string[] = [], port = 0): Promise<TestRedis & { readonly port: number }> {
  const program = redisServer();
  if (program === null) throw new Error('There is no redis-server on PATH.');
  const chosen = port || (await freePort());
  const folder = mkdtempSync(join(tmpdir(), 'mailroom-redis-'));
  const always = ['--port', String(chosen), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no', '--daemonize', 'no'];
  const server = spawn(program, [...always, ...settings], { stdio: ['ignore', 'pipe', 'inherit'] });
  await accepting(server);
  return { url: `redis://127.0.0.1:${chosen}`, port: chosen, stop: () => end(server, folder) };
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

async function accepting(server: ChildProcess): Promise<void> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: server.stdout! })) {
    lines.push(line);
    if (!line.includes('Ready to accept connections')) continue;
    server.stdout!.resume(); // or it blocks on a full pipe
    return;
  }
  throw new Error(`redis-server did not start: ${lines.join('\n')}`);
}

/** At once: there is nothing to save. */
async function end(server: ChildProcess, folder: string): Promise<void> {
  if (server.exitCode === null && server.signalCode === null) {
    const exited = once(server, 'exit');
    server.kill('SIGKILL');
    await exited;
  }
  rmSync(folder, { recursive: true, force: true });
}
