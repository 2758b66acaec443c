import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '../setup/wait.js';

const LIMIT_MS = 90_000;
const FOREIGN = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', REDIS_URL: 'redis://127.0.0.1:1', MAILROOM_ROLE: 'worker', PORT: '1' };

/** Every test file has a folder of its own, so that what is left in it and what runs in it is the demo's. */
let folder: string;
let temporary: string;

beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'demo-test-')); });
beforeEach(() => {
  chmodSync(folder, 0o755);
  temporary = mkdtempSync(join(folder, 'tmp-'));
  chmodSync(temporary, 0o755);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('npm run demo', () => {
  test('walks the whole path, ends by itself, and leaves nothing', async () => {
    const { code, stdout, stderr } = await startDemo().ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).not.toContain('\x1b');
    const steps = stepsOf(stdout);
    expect(steps.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const [start, settings, subscriptions, published, followed, mail, attempts, deferred, released] = steps.map(({ text }) => text);
    expect(settings).toMatch(/PUT \/v1\/smtp-settings\n[^]*"security": "startTls"[^]*200 OK\n +enabled +true/);
    expect(subscriptions!.match(/201 Created/g)).toHaveLength(2);
    expect(published!.match(/202 Accepted/g)).toHaveLength(2);
    expect(followed).toMatch(/ s {2}2 sent\n[^]* s {2}1 sent\n/);
    expect(mail!.match(/mailroom@example\.com +(alice|ops)@example\.com +yes/g)).toHaveLength(3);
    expect(mail).toMatch(/│ Subject: Password Check Failed: svc-backup on db-prod-01\n/);
    expect(mail).toMatch(/│ Account: +svc-backup\n/);
    expect(mail).toMatch(/│ <tr><th [^>]*>Account<\/th><td [^>]*>svc-backup<\/td><\/tr>\n/);
    expect(attempts).toMatch(/status +sent\n[^]*\n +1 .* data +sent +250 2\.0\.0 Ok: queued as CATCHER\d\n/);
    expect(deferred).toMatch(/status +deferred\n +reason\.code +CONNECTION_REFUSED\n[^]*nextAttemptAt +\d{4}-[^]*\n +1 .* connect +deferred +CONNECTION_REFUSED\n/);
    expect(released).toMatch(/status +sent\n[^]*\n +1 .* deferred +CONNECTION_REFUSED\n +2 .* sent +250 /);
    await expectNothingLeft(start!);
  }, LIMIT_MS);

  test.each([
    ['while Mailroom starts', 1],
    ['in the middle', 4],
  ])('Ctrl-C %s stops and removes everything', async (_when, step) => {
    chmodSync(temporary, 0o700); // as root, the database is then made elsewhere, and has to go too
    const demo = startDemo();
    await waitFor(() => demo.output(), (output) => stepsOf(output).length >= step, LIMIT_MS);
    process.kill(-demo.process.pid!, 'SIGINT'); // the terminal's signal reaches the whole process group
    const { code, stdout, stderr } = await demo.ended;
    expect({ code, stderr }).toEqual({ code: 130, stderr: '' });
    expect(stdout).toContain('Interrupted by SIGINT; everything was stopped and removed.');
    await expectNothingLeft(stdout);
  }, LIMIT_MS);

  test('a Mailroom that cannot start: what failed, its output, exit code 1', async () => {
    const script = demoOf('console.error("Mailroom cannot start: the moon is full."); process.exit(1);');
    const { code, stderr } = await startDemo(script).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/The demo failed in step 1, .*: Mailroom ended while it was starting, with exit code 1\n[^]*What Mailroom printed:\nMailroom cannot start: the moon is full\.\n/);
    await expectNothingLeft('');
  }, LIMIT_MS);

  test('a request that is refused: which, why, the output of Mailroom, exit code 1', async () => {
    const { code, stderr } = await startDemo(demoOf(REFUSING)).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/The demo failed in step 2, .*: PUT \/v1\/smtp-settings was answered 503: DATABASE_UNAVAILABLE: Try again\.\n[^]*What Mailroom printed:\n[^]*the database is away\n/);
    await expectNothingLeft('');
  }, LIMIT_MS);

  test('without a build it says how to make one', async () => {
    const { code, stderr } = await startDemo(demoOf(null)).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/npm run build/);
    await expectNothingLeft('');
  }, LIMIT_MS);
});

/** Stands in for a Mailroom that refuses every request. */
const REFUSING = `
  const server = require('node:http').createServer((request, response) => {
    console.error('the database is away');
    response.writeHead(503, { 'Content-Type': 'application/problem+json' }).end('{"code":"DATABASE_UNAVAILABLE","detail":"Try again."}');
  }).listen(0, '127.0.0.1', () => console.log('  Swagger UI   http://127.0.0.1:' + server.address().port + '/docs\\n  API key      mr_x\\n'));
  process.on('SIGTERM', () => process.exit(0));
`;

/** A copy of the demo beside another dist/main.js (null: none). Answers the script. */
function demoOf(service: string | null): string {
  const root = mkdtempSync(join(folder, 'copy-'));
  cpSync('scripts/demo', join(root, 'scripts', 'demo'), { recursive: true });
  cpSync('scripts/demo.mjs', join(root, 'scripts', 'demo.mjs'));
  symlinkSync(join(process.cwd(), 'node_modules'), join(root, 'node_modules'));
  mkdirSync(join(root, 'dist'));
  if (service !== null) writeFileSync(join(root, 'dist', 'main.js'), service);
  return join(root, 'scripts', 'demo.mjs');
}

interface Demo {
  process: ChildProcess;
  output(): string;
  ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

/** In a process group of its own, and with variables that are meant for another Mailroom. */
function startDemo(script = join('scripts', 'demo.mjs')): Demo {
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], TMPDIR: temporary, ...FOREIGN };
  const child = spawn(process.execPath, [script], { detached: true, stdio: ['ignore', 'pipe', 'pipe'], env });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', (text: string) => { texts[name] += text; });
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...texts }));
  return { process: child, output: () => texts.stdout, ended };
}

/** The numbered steps, each with all that stands below it. */
function stepsOf(output: string): { number: number; text: string }[] {
  return output.split(/\n(?=[ \d]\d {2}\S)/).slice(1).map((text) => ({ number: Number(text.slice(0, 2)), text }));
}

async function expectNothingLeft(output: string): Promise<void> {
  expect(readdirSync(temporary)).toEqual([]);
  expect(processesWith(temporary)).toEqual([]);
  const elsewhere = /The database is kept in\s+(\S+),/.exec(output)?.[1];
  if (elsewhere) expect([existsSync(elsewhere), processesWith(elsewhere)]).toEqual([false, []]);
  for (const [, port] of output.matchAll(/(?:127\.0\.0\.1|localhost):(\d+)/g)) expect(await isOpen(Number(port))).toBe(false);
}

/** Processes that have this text in their command line or environment. */
function processesWith(text: string): string[] {
  const readOrNothing = (file: string): string => {
    try {
      return readFileSync(file, 'utf8').replaceAll('\0', ' ');
    } catch {
      return ''; // it has just ended, or is another account's
    }
  };
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((pid) => `${readOrNothing(`/proc/${pid}/cmdline`)} ${readOrNothing(`/proc/${pid}/environ`)}`);
  return all.filter((line) => line.includes(text));
}

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const open = await once(socket, 'connect').then(() => true, () => false);
  socket.destroy();
  return open;
}
