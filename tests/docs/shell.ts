import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { waitFor } from '../setup/wait.js';

/** What a piece of script did. */
export interface Ran {
  stdout: string;
  stderr: string;
  /** Of each curl, in order: 0 when it got no answer. */
  statuses: number[];
}

const LIMIT_MS = 60_000;

/**
 * One bash for a whole page, in a folder of its own, so that variables and files go on from block to block. It ends at the first command that fails.
 * curl and npm are the real ones: curl also writes down which status it got, and npm works on this project whatever the folder is.
 */
export class Shell {
  readonly folder = mkdtempSync(join(tmpdir(), 'mailroom-page-'));
  private readonly own = join(this.folder, '.page');
  /** What curl says beside its answers. */
  private readonly statusFile = join(this.own, 'curl-said');
  private readonly bash: ChildProcess;
  private pieces = 0;
  private output = { stdout: '', stderr: '' };

  constructor(env: Record<string, string>) {
    mkdirSync(this.own);
    this.wrap('curl', `exec ${programOnPath('curl')} --silent --show-error --write-out '%{stderr}HTTP %{http_code}\\n' "$@" 2>> ${this.statusFile}`);
    this.wrap('npm', `exec ${programOnPath('npm')} --prefix ${resolve('.')} "$@"`);
    const PATH = `${this.own}${delimiter}${process.env['PATH']}`;
    this.bash = spawn('bash', ['--noprofile', '--norc'], { cwd: this.folder, detached: true, env: { LC_ALL: 'C.UTF-8', HOME: this.folder, ...env, PATH } });
    for (const name of ['stdout', 'stderr'] as const) this.bash[name]!.on('data', (chunk: Buffer) => { this.output[name] += chunk.toString(); });
    this.bash.stdin!.on('error', () => undefined); // it ended: `run` says so
    this.bash.stdin!.write('set -eu -o pipefail\n');
  }

  /** Runs a piece in the session. */
  async run(script: string): Promise<Ran> {
    const { file, done } = this.piece(script);
    this.output = { stdout: '', stderr: '' };
    writeFileSync(this.statusFile, '');
    this.bash.stdin!.write(`source ${file} < /dev/null\ntouch ${done}\n`);
    await waitFor(() => existsSync(done) || this.ended, Boolean, LIMIT_MS);
    if (existsSync(done)) return { ...await this.settled(), statuses: this.statuses() };
    throw new Error(`A command failed.\n${script}\nstdout: ${this.output.stdout}\nstderr: ${this.output.stderr}\ncurl: ${readFileSync(this.statusFile, 'utf8')}`);
  }

  /** Starts a piece that goes on until the end of the page, as in a terminal of its own, and waits until it has printed something. */
  async start(script: string, until: RegExp): Promise<string> {
    const { file, done } = this.piece(script);
    const log = `${file}.log`;
    this.bash.stdin!.write(`( trap 'touch ${done}' EXIT; source ${file} ) < /dev/null > ${log} 2>&1 &\n`);
    const printed = (): string => (existsSync(log) ? readFileSync(log, 'utf8') : '');
    await waitFor(() => until.test(printed()) || existsSync(done) || this.ended, Boolean, LIMIT_MS);
    if (!until.test(printed())) throw new Error(`It ended.\n${script}\n${printed()}`);
    return printed();
  }

  /** Ends what still runs, and removes the folder. */
  async close(): Promise<void> {
    if (!existsSync(this.folder)) return;
    try {
      process.kill(-this.bash.pid!, 'SIGTERM');
      await waitFor(() => this.groupEnded(), Boolean, 20_000).catch(() => process.kill(-this.bash.pid!, 'SIGKILL'));
    } catch {
      // nothing is left of the group
    }
    if (!this.ended) await once(this.bash, 'exit');
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10 });
  }

  private get ended(): boolean {
    return this.bash.exitCode !== null || this.bash.signalCode !== null;
  }

  private groupEnded(): boolean {
    try {
      process.kill(-this.bash.pid!, 0);
      return false;
    } catch {
      return true;
    }
  }

  /** Both streams up to what the piece wrote last: a word of our own comes out of each behind it. */
  private async settled(): Promise<{ stdout: string; stderr: string }> {
    const word = `\u0004${this.pieces}\u0004`;
    this.bash.stdin!.write(`printf '%s' '${word}'; printf '%s' '${word}' >&2\n`);
    await waitFor(() => this.output, ({ stdout, stderr }) => stdout.endsWith(word) && stderr.endsWith(word), LIMIT_MS);
    return { stdout: this.output.stdout.slice(0, -word.length), stderr: this.output.stderr.slice(0, -word.length) };
  }

  private statuses(): number[] {
    return [...readFileSync(this.statusFile, 'utf8').matchAll(/HTTP (\d{3})$/gm)].map(([, status]) => Number(status));
  }

  private piece(script: string): { file: string; done: string } {
    this.pieces += 1;
    const file = join(this.own, `block-${this.pieces}.sh`);
    writeFileSync(file, script);
    return { file, done: `${file}.done` };
  }

  private wrap(name: string, script: string): void {
    writeFileSync(join(this.own, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(this.own, name), 0o755);
  }
}

/** Its path, or null when it is not there. */
export function findProgram(name: string): string | null {
  return (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null;
}

function programOnPath(name: string): string {
  const path = findProgram(name);
  if (path === null) throw new Error(`There is no ${name} on PATH.`);
  return path;
}
