import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const START_MS = 60_000;
const STOP_MS = 12_000;
const READY = /Swagger UI +(\S+)\/docs\n +API key +(\S+)\n/;
/** What the terminal may have set for another Mailroom must not lead the demo into its database. */
const FOREIGN = /^(MAILROOM_|DATABASE_URL|REDIS_URL|PORT$)/;

/** A data folder of its own; as root it is enterable for the account that Postgres then runs as. */
export async function makeDataFolder() {
  const folder = await mkdtemp(path.join(tmpdir(), 'mailroom-demo-'));
  if (process.getuid?.() === 0) await chmod(folder, 0o755);
  return folder;
}

/** Also the database, when it had to be made elsewhere because that account cannot enter the system's folder for temporary files. */
export async function removeDataFolder(folder) {
  const location = await readFile(path.join(folder, 'postgres-location.json'), 'utf8').then(JSON.parse, () => null);
  for (const gone of [location?.cluster, folder].filter(Boolean)) await rm(gone, { recursive: true, force: true });
}

/** The built Mailroom as a process of its own: real HTTP, its embedded Postgres, a free port. */
export class Service {
  /** Everything that it printed. */
  output = '';
  url = '';
  key = '';
  #process;
  #closed;

  constructor({ dataDir, trustedCertificates }) {
    const main = path.join(ROOT, 'dist', 'main.js');
    if (!existsSync(main)) throw new Error('Mailroom is not built yet; run: npm run build');
    const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !FOREIGN.test(name)));
    const env = { ...own, PORT: '0', MAILROOM_DATA_DIR: dataDir, MAILROOM_LOG_LEVEL: 'warn', NODE_EXTRA_CA_CERTS: trustedCertificates };
    // In a process group of its own: Ctrl-C in the terminal reaches the demo alone, which then stops the service in order.
    this.#process = spawn(process.execPath, [main], { cwd: ROOT, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#closed = once(this.#process, 'close');
    for (const stream of [this.#process.stdout, this.#process.stderr]) stream.setEncoding('utf8').on('data', (text) => { this.output += text; });
  }

  get pid() {
    return this.#process.pid;
  }

  /** What it printed before it was ready, such as where the database had to be made. */
  get notices() {
    return this.output.split('Mailroom is ready.')[0].trim();
  }

  /** Waits until it takes requests; rejects when it ends instead. Not to be broken off: Mailroom stops in order only once it has started. */
  async ready() {
    const deadline = Date.now() + START_MS;
    while (!READY.test(this.output)) {
      if (this.#ended) await this.#failedStart();
      if (Date.now() > deadline) throw new Error(`Mailroom was not ready within ${START_MS / 1000} s`);
      await delay(20);
    }
    [, this.url, this.key] = READY.exec(this.output);
  }

  /** Ends it in order, or by force when that takes too long. */
  async stop() {
    const force = setTimeout(() => this.#process.kill('SIGKILL'), STOP_MS);
    this.#process.kill('SIGTERM');
    await this.#closed;
    clearTimeout(force);
    if (this.#process.exitCode !== 0) throw new Error(`Mailroom ended with ${this.#verdict}`);
  }

  async #failedStart() {
    await this.#closed; // all that it printed has arrived
    throw new Error(`Mailroom ended while it was starting, with ${this.#verdict}`);
  }

  get #ended() {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  get #verdict() {
    return this.#process.signalCode ?? `exit code ${this.#process.exitCode}`;
  }
}
