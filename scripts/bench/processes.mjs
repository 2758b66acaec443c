// Programs that the benchmark starts: each is ended by its id.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';

export const HOST = '127.0.0.1';
const END_MS = 20_000;

/** The path of a program, or null. */
export function programOnPath(name) {
  const places = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/sbin', '/usr/local/sbin'].map((folder) => path.join(folder, name));
  return places.find(isProgram) ?? null;
}

function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export async function freePort() {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

export async function end(child, signal = 'SIGTERM') {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  const impatient = setTimeout(() => child.kill('SIGKILL'), END_MS);
  await gone;
  clearTimeout(impatient);
}

/** A script of this folder that is told by messages what to do, and tells by messages what it did. */
export function script(file, execArgv = []) {
  const child = spawn(process.execPath, [...execArgv, path.join(import.meta.dirname, file)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  return {
    pid: child.pid,
    ask: async (question) => {
      child.send(question);
      const [answer] = await Promise.race([once(child, 'message'), once(child, 'exit').then(([code]) => { throw new Error(`${file} ended with ${code}`); })]);
      return answer;
    },
    end: () => end(child),
  };
}

/** The most memory (resident, MB) that a process has had since its start. */
export const peakMemory = (pid) => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1_024;

export const pause = (ms) => new Promise((wake) => setTimeout(wake, ms));

export async function until(isReached, what, seconds = 300, everyMs = 50) {
  const deadline = Date.now() + seconds * 1_000;
  while (!(await isReached())) {
    if (Date.now() > deadline) throw new Error(`Not within ${seconds} s: ${what}`);
    await pause(everyMs);
  }
}
