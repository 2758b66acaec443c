import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { StartError } from '../errors.js';
import type { Binaries } from './binaries.js';
import { readPostmasterFile } from './leftover.js';
import { usefulLine, type LogFile } from './log-file.js';
import type { Place } from './place.js';
import { cannotRun, launchOptions } from './run.js';
import { serverArguments, type ServerSettings } from './settings.js';

export interface ServerOptions {
  place: Place;
  binaries: Binaries;
  log: LogFile;
  /** The cluster_name. */
  name: string;
  settings?: ServerSettings | undefined;
}

/** A running Postgres, our own child. */
export interface Server {
  process: ChildProcess;
  port: number;
}

/** Replaying the log of a crash takes its time; this is for a server that never gets ready. */
const READY_MS = 120_000;
const POLL_MS = 10;
/** Processes of a killed server hold its shared memory until they notice that it is gone. */
const RETRY_MS = 10_000;
const RETRY_PAUSE_MS = 100;
const PORT_TAKEN = /could not bind|Address already in use/;
const STILL_IN_USE = /pre-existing shared memory block|lock file .* already exists/;
const STOP_STEPS: [NodeJS.Signals, number][] = [['SIGINT', 5_000], ['SIGQUIT', 3_000], ['SIGKILL', 1_000]];

/**
 * Starts Postgres and waits until it takes connections.
 * @param wanted a port, or undefined for any free one.
 * @param signal gives up: the server that was being started is stopped.
 */
export async function startServer(options: ServerOptions, wanted?: number, signal?: AbortSignal): Promise<Server> {
  const deadline = Date.now() + RETRY_MS;
  for (;;) {
    const offset = await options.log.size();
    const server = await launch(options, wanted ?? (await findFreePort()));
    if (await isReady(server, options, signal)) return server;
    const output = await options.log.since(offset);
    const passing = STILL_IN_USE.test(output) || PORT_TAKEN.test(output);
    if (!passing || signal?.aborted || Date.now() > deadline) {
      throw new StartError(`Postgres did not start on ${options.place.cluster}: ${usefulLine(output)} (log: ${options.log.path})`);
    }
    await delay(RETRY_PAUSE_MS);
  }
}

/** Fast shutdown, which ends open connections; then an immediate one, which the next start recovers from. Takes 9 s at most. */
export async function stopServer({ process: child }: Server): Promise<void> {
  if (hasEnded(child)) return;
  child.ref();
  const gone = once(child, 'exit');
  for (const [signal, patience] of STOP_STEPS) {
    child.kill(signal);
    const patient = new AbortController();
    await Promise.race([gone, delay(patience, undefined, { signal: patient.signal }).catch(() => undefined)]);
    patient.abort();
    if (hasEnded(child)) return;
  }
}

export const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

async function launch({ place, binaries, log, name, settings }: ServerOptions, port: number): Promise<Server> {
  const child = spawn(binaries.postgres, serverArguments(place.cluster, port, name, settings), {
    ...launchOptions(place.account), stdio: ['ignore', log.descriptor, log.descriptor],
  });
  await once(child, 'spawn').catch((cause: Error) => { throw cannotRun(binaries.postgres, place.account, cause); });
  child.unref();
  return { process: child, port };
}

/** Answers false when it ended instead. */
async function isReady(server: Server, { place, log }: ServerOptions, signal?: AbortSignal): Promise<boolean> {
  const deadline = Date.now() + READY_MS;
  while (!hasEnded(server.process)) {
    const file = await readPostmasterFile(place.cluster);
    if (file?.ready && file.pid === server.process.pid) return true;
    if (signal?.aborted) await stopServer(server);
    else if (Date.now() > deadline) {
      await stopServer(server);
      throw new StartError(`Postgres on ${place.cluster} was not ready after ${READY_MS / 1000} s (log: ${log.path})`);
    }
    await delay(POLL_MS);
  }
  return false;
}

async function findFreePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
