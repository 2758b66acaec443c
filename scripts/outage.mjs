// A long outage: many e-mails wait while the relay is down, then it comes back. Shows that memory stays flat, that the API stays fast, and that everything
// goes out afterwards in order of age. Prints a table, and exits 1 when a mail is missing, doubled or out of order.
// Usage: npm run test:outage [e-mails]   (100,000 by default; then docs/outage.md is written from the run)
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const WHOLE = 100_000;
const EMAILS = Number(process.argv[2] ?? WHOLE);
const SUBSCRIBERS = 1_000;
const [KEY, PORT, SMTP_PORT] = ['outage-administrator-key', 18_090, 12_525];
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** Takes every mail and remembers, for each, which event it was of: its number stands in the subject. */
function sink() {
  const received = [];
  const server = createServer((socket) => {
    let [buffer, inData] = ['', false];
    socket.on('error', () => undefined).setEncoding('latin1').setNoDelay(true);
    socket.write('220 sink ESMTP\r\n');
    socket.on('data', (chunk) => {
      buffer += chunk;
      for (;;) {
        const end = inData ? buffer.indexOf('\r\n.\r\n') : buffer.indexOf('\r\n');
        if (end < 0) return;
        const text = buffer.slice(0, end);
        buffer = buffer.slice(end + (inData ? 5 : 2));
        if (inData) {
          inData = false;
          received.push({ number: Number(/Subject: Outage (\d+)/.exec(text)?.[1]), to: /^To: (\S+)/m.exec(text)?.[1] });
          socket.write('250 2.0.0 OK\r\n');
        } else if (/^EHLO/i.test(text)) socket.write('250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n');
        else if (/^DATA/i.test(text)) {
          inData = true;
          socket.write('354 go on\r\n');
        } else if (/^QUIT/i.test(text)) socket.end('221 bye\r\n');
        else socket.write('250 2.0.0 OK\r\n');
      }
    });
  });
  return { received, up: () => once(server.listen(SMTP_PORT, '127.0.0.1'), 'listening'), close: () => server.close() };
}

async function api(method, route, body) {
  const response = await fetch(`http://127.0.0.1:${PORT}/v1${route}`, {
    method, headers: { Authorization: `Bearer ${KEY}`, 'Content-Type': 'application/json' }, ...(body && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${route}: ${response.status} ${await response.text()}`);
  return response.status === 204 ? null : response.json();
}

const PAGE = fileURLToPath(new URL('../docs/outage.md', import.meta.url));

const page = (result) => `# A long outage of the mail server

${EMAILS.toLocaleString('en')} e-mails (${EMAILS / SUBSCRIBERS} events with ${SUBSCRIBERS.toLocaleString('en')} subscribers each) are published while the mail server is down, and wait. Then it comes back. In each
phase 20 clients publish other events, each with a pause of 20 ms after every answer, for 10 seconds. Everything runs on one machine
with ${cpus().length} cores: the embedded Postgres, API and worker in one process, the mail server, and the clients. The page is written by
\`npm run test:outage\`, which fails when a mail is lost, doubled or far from its turn.

| phase | memory of API and worker, MB | requests | p50, ms | p95, ms | p99, ms |
|---|---|---|---|---|---|
${rows.map((row) => `| ${Object.values(row).join(' | ')} |`).join('\n')}

${result}.

Run of ${new Date().toISOString().slice(0, 10)}.
`;

const pause = (ms) => new Promise((wake) => setTimeout(wake, ms));
const memoryOf = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1_024;

/** 20 clients publish an event that nobody subscribes to, for some seconds. */
async function load(seconds) {
  const times = [];
  const end = Date.now() + seconds * 1_000;
  const client = async () => {
    while (Date.now() < end) {
      const start = performance.now();
      await api('POST', '/events', { type: 'ApplianceHealthy' });
      times.push(performance.now() - start);
      await pause(20);
    }
  };
  await Promise.all(Array.from({ length: 20 }, client));
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.floor(times.length * share)].toFixed(1);
  return { requests: times.length, p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

async function waiting() {
  const text = await (await fetch(`http://127.0.0.1:${PORT}/metrics`)).text();
  const count = (status) => Number(new RegExp(`mailroom_emails_waiting\\{status="${status}"\\} (\\d+)`).exec(text)?.[1] ?? 0);
  return { queued: count('queued'), sending: count('sending'), deferred: count('deferred') };
}

async function until(what, isReached, everyMs = 1_000) {
  for (;;) {
    const value = await what();
    if (isReached(value)) return value;
    await pause(everyMs);
  }
}

/** Where the database of a data folder is: as root it may be elsewhere. */
function clusterOf(dataDir) {
  try {
    return JSON.parse(readFileSync(path.join(dataDir, 'postgres-location.json'), 'utf8')).cluster;
  } catch {
    return path.join(dataDir, 'postgres');
  }
}

const folder = mkdtempSync(path.join(tmpdir(), 'mailroom-outage-'));
const mailroom = spawn(process.execPath, [MAIN], { stdio: ['ignore', 'ignore', 'inherit'], env: { PATH: process.env.PATH, HOME: process.env.HOME, PORT: String(PORT), MAILROOM_DATA_DIR: folder, MAILROOM_ADMIN_KEY: KEY, MAILROOM_LOG_LEVEL: 'error' } });
const relay = sink();
const rows = [];
try {
  await until(() => fetch(`http://127.0.0.1:${PORT}/health/ready`).then(({ ok }) => ok, () => false), Boolean);
  await api('PUT', '/smtp-settings', { serverAddress: '127.0.0.1', port: SMTP_PORT, security: 'none', senderAddress: 'mailroom@example.com', maxConnections: 10 });
  await api('PUT', '/event-types/Outage', { displayName: 'Outage', properties: [{ name: 'Number', type: 'integer', required: true }] });
  await api('PUT', '/email-templates/Outage', { subject: 'Outage {{ Number }}', textBody: 'Event {{ Number }}.' });
  for (let n = 0; n < SUBSCRIBERS; n += 50) await Promise.all(Array.from({ length: 50 }, (_, index) => api('POST', '/subscriptions', { emailAddress: `s${n + index}@example.com`, eventTypes: ['Outage'] })));
  const phase = async (name, seconds = 10) => rows.push({ phase: name, 'memory MB': memoryOf(mailroom.pid).toFixed(0), ...(await load(seconds)) });

  await phase('before, nothing waits');
  const events = EMAILS / SUBSCRIBERS;
  for (let number = 1; number <= events; number += 1) await api('POST', '/events', { type: 'Outage', properties: { Number: number } });
  await until(waiting, ({ queued, sending, deferred }) => queued + sending === 0 && deferred >= EMAILS);
  await phase(`down, ${EMAILS.toLocaleString('en')} wait`);
  await pause(30_000);
  await phase('down, half a minute later');

  const start = performance.now();
  await relay.up();
  const during = phase('back, they go out');
  await until(() => relay.received.length, (count) => count >= EMAILS);
  const seconds = (performance.now() - start) / 1_000;
  await during;
  await until(waiting, ({ queued, sending, deferred }) => queued + sending + deferred === 0);
  await phase('after');
  console.table(rows);

  const once = new Set(relay.received.map(({ number, to }) => `${number} ${to}`));
  const furthest = Math.max(...relay.received.map(({ number }, index) => Math.abs(number - 1 - Math.floor(index / SUBSCRIBERS))));
  const result = `${relay.received.length.toLocaleString('en')} mails in ${seconds.toFixed(0)} s after the relay came back (${(EMAILS / seconds).toFixed(0)}/s); lost ${EMAILS - once.size}, doubled ${relay.received.length - once.size}; ${furthest === 0 ? 'each in its turn by age' : `none more than ${furthest} of ${events} events from its turn by age`}`;
  console.log(result);
  if (EMAILS === WHOLE) writeFileSync(PAGE, page(result));
  process.exitCode = once.size !== EMAILS || relay.received.length !== EMAILS || furthest > Math.max(10, events / 5) ? 1 : 0;
} finally {
  mailroom.kill('SIGTERM');
  await once(mailroom, 'exit');
  relay.close();
  for (const place of [clusterOf(folder), folder]) rmSync(place, { recursive: true, force: true });
}
