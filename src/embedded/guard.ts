import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Logger } from '../logger.js';
import { launchOptions, type Account } from './run.js';

/**
 * Blocked in reading a pipe whose only writer is Mailroom. End of file without "release": Mailroom died, however it died, so the server is shut
 * down (SIGINT is a fast shutdown, SIGQUIT an immediate one). It finds the server by postmaster.pid and knows it by its unique cluster_name, so it
 * touches neither a process that got the same id later nor a server that a next Mailroom started. The file may still be missing when Mailroom
 * died just after starting the server, hence the first loop.
 */
const SCRIPT = `
file=$1 name=$2
trap '' HUP INT TERM
while read -r word; do [ "$word" = release ] && exit 0; done
running() {
  pid= && read -r pid 2>/dev/null <"$file"
  [ -n "$pid" ] || return 1
  if [ -r "/proc/$pid/cmdline" ]; then line=$(tr '\\0' ' ' <"/proc/$pid/cmdline"); else line=$(ps -ww -o args= -p "$pid"); fi
  case $line in *"cluster_name=$name "*|*"cluster_name=$name") return 0;; esac
  return 1
} 2>/dev/null
for try in 1 2 3; do running && break; sleep 1; done
running && kill -INT "$pid"
for try in 1 2 3 4 5 6 7 8; do sleep 1; running || exit 0; done
kill -QUIT "$pid"
`;
const RESTART_MS = 1_000;

/** The tiny process that ends the server when Mailroom can no longer do it itself. */
export class Guard {
  private child: ChildProcess;
  private released = false;

  constructor(private readonly cluster: string, private readonly name: string, private readonly account: Account | undefined, private readonly logger: Logger) {
    this.child = this.start();
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** To be called when the server has ended: the guard goes away without touching anything. */
  async release(): Promise<void> {
    this.released = true;
    if (this.child.exitCode !== null || this.child.signalCode !== null || this.child.pid === undefined) return;
    const gone = once(this.child, 'exit');
    this.child.ref();
    this.child.stdin?.end('release\n');
    await gone;
  }

  private start(): ChildProcess {
    const child = spawn('/bin/sh', ['-c', SCRIPT, 'mailroom-guard', path.join(this.cluster, 'postmaster.pid'), this.name], {
      ...launchOptions(this.account), stdio: ['pipe', 'ignore', 'ignore'],
    });
    child.on('error', (error) => this.logger.error({ err: error }, 'The guard of the embedded Postgres cannot be started'));
    child.on('exit', () => this.replace());
    child.stdin?.on('error', () => undefined); // the guard is gone, which `exit` tells
    // Neither the process nor its pipe keeps Mailroom alive.
    child.unref();
    (child.stdin as unknown as { unref(): void }).unref();
    return child;
  }

  private replace(): void {
    if (this.released) return;
    this.logger.warn('The guard of the embedded Postgres ended; starting another');
    setTimeout(() => { if (!this.released) this.child = this.start(); }, RESTART_MS).unref();
  }
}
