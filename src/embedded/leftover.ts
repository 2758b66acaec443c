import { readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { StartError } from '../errors.js';
import type { Logger } from '../logger.js';
import { findProcess } from './process-info.js';

/** What is tried in turn on a server that nobody owns, and how long each may take. */
const STEPS: [NodeJS.Signals, number][] = [['SIGINT', 6_000], ['SIGQUIT', 6_000], ['SIGKILL', 2_000]];
const POLL_MS = 20;

/** The status of a running server by its postmaster.pid: process id, from line 4 the port, and from line 8 whether it takes connections. */
export interface PostmasterFile {
  pid: number;
  port: number;
  ready: boolean;
}

/** @returns undefined when there is no such file, or it is not wholly written yet. */
export async function readPostmasterFile(cluster: string): Promise<PostmasterFile | undefined> {
  const lines = (await readFile(path.join(cluster, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  const pid = Number.parseInt(lines[0] ?? '', 10);
  return pid > 0 ? { pid, port: Number(lines[3]), ready: lines[7]?.trim() === 'ready' } : undefined;
}

/**
 * Ends the server that a killed Mailroom left running, or waits while its guard does. To be called by the holder of the lock only: whatever runs
 * on the folder then has no owner.
 */
export async function endLeftover(cluster: string, logger: Logger): Promise<void> {
  const left = await readPostmasterFile(cluster);
  if (!left) return;
  if (!(await isPostmaster(left.pid, cluster))) return removeStaleFile(cluster);
  logger.warn({ pid: left.pid }, 'Ending the Postgres that a killed Mailroom left running');
  for (const [signal, patience] of STEPS) {
    send(left.pid, signal);
    if (await isGone(left.pid, cluster, patience)) return;
  }
  throw new StartError(`The Postgres of an earlier start (process ${left.pid}) still runs on ${cluster} and does not end; end it by hand.`);
}

/**
 * A file that names no server of ours is never left: after a reboot, and at each start of a container, ids are used again, and the next
 * server's readiness must not be read from it.
 */
async function removeStaleFile(cluster: string): Promise<void> {
  await rm(path.join(cluster, 'postmaster.pid'), { force: true });
}

/** Whether that process is a Postgres on this folder. */
export async function isPostmaster(pid: number, cluster: string): Promise<boolean> {
  const folder = / -D (.+) -p \d/.exec(findProcess(pid)?.command ?? '')?.[1];
  if (!folder) return false;
  if (folder === cluster) return true;
  const [theirs, ours] = await Promise.all([folder, cluster].map((file) => stat(file).catch(() => undefined)));
  return theirs !== undefined && ours !== undefined && theirs.ino === ours.ino && theirs.dev === ours.dev; // by another path
}

async function isGone(pid: number, cluster: string, patience: number): Promise<boolean> {
  const deadline = Date.now() + patience;
  while (await isPostmaster(pid, cluster)) {
    if (Date.now() > deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ESRCH') return;
    throw new StartError(`The Postgres of an earlier start (process ${pid}) runs as another account and cannot be ended; end it by hand.`, { cause });
  }
}
