// The mail server of the benchmark. It tells how many mails it has, so that what counts is when the server has answered the last one with 250,
// whoever sent it.
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import path from 'node:path';
import { end, freePort, HOST, programOnPath, until } from './processes.mjs';

const LIGHT = path.join(import.meta.dirname, 'light-sink.mjs');
const PATIENCE_MS = 600_000;

/** @param delayMs how long it thinks before each answer; then it is the light one */
export async function startSink({ delayMs = 0, port: wanted } = {}) {
  const port = wanted ?? (await freePort());
  const postfix = delayMs === 0 ? programOnPath('smtp-sink') : null;
  const [program, args] = postfix ? [postfix, ['-c', ...(process.getuid() === 0 ? ['-u', 'nobody'] : []), `${HOST}:${port}`, '256']] : [process.execPath, [LIGHT, port, delayMs]];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const counter = countOf(child.stdout);
  await until(() => accepts(port), 'the mail server of the benchmark listens', 10);
  return { port, pid: child.pid, name: postfix ? 'smtp-sink' : 'light sink', ...counter, end: () => end(child) };
}

function countOf(output) {
  let [mails, tail, wanted] = [0, '', null];
  output.setEncoding('latin1').on('data', (chunk) => {
    const last = [...`${tail}${chunk}`.matchAll(/mesg=(\d+)\s*\r/g)].at(-1);
    tail = `${tail}${chunk}`.slice(-60);
    if (last) mails = Number(last[1]);
    if (wanted && mails >= wanted.total) {
      wanted.resolve(performance.now());
      wanted = null;
    }
  });
  return {
    mails: () => mails,
    /** Resolves, with the time, when so many more mails have been taken. */
    more: (count, patienceMs = PATIENCE_MS) => new Promise((resolve, reject) => {
      const total = mails + count;
      const late = setTimeout(() => reject(new Error(`The mail server has ${mails} of ${total} mails`)), patienceMs);
      wanted = { total, resolve: (at) => (clearTimeout(late), resolve(at)) };
    }),
  };
}

const accepts = (port) => new Promise((resolve) => {
  const socket = connect({ host: HOST, port });
  socket.once('connect', () => (socket.destroy(), resolve(true))).once('error', () => resolve(false));
});
