import { spawn, type SpawnOptions } from 'node:child_process';
import { StartError } from '../errors.js';

/** An unprivileged account that Postgres runs as when Mailroom runs as root, which Postgres refuses to do. */
export interface Account {
  uid: number;
  gid: number;
}

/**
 * How every process of the database is started: in a session of its own, so that Ctrl-C in the terminal does not reach it; as the account; with
 * messages in English, which are read; and without Mailroom's environment, which holds secrets and may hold PG* variables.
 */
export function launchOptions(account: Account | undefined): SpawnOptions {
  return { detached: true, cwd: '/', env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C', TZ: 'UTC' }, ...(account && { uid: account.uid, gid: account.gid }) };
}

export interface RunResult {
  /** null when a signal ended it. */
  code: number | null;
  /** stdout and stderr, in the order of their arrival. */
  output: string;
}

/** Runs a command to its end. @throws StartError when it cannot be started at all. */
export async function run(command: string, args: string[], { account, input = '' }: { account: Account | undefined; input?: string }): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    let output = '';
    const collect = (chunk: Buffer): void => void (output += chunk.toString('utf8'));
    const child = spawn(command, args, { ...launchOptions(account), stdio: 'pipe' });
    child.on('error', (cause) => reject(cannotRun(command, account, cause)));
    child.on('close', (code) => resolve({ code, output }));
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    child.stdin?.on('error', () => undefined); // it ended before it read its input; its exit code tells
    child.stdin?.end(input);
  });
}

export function cannotRun(command: string, account: Account | undefined, cause: Error): StartError {
  const as = account ? ` as account ${account.uid}` : '';
  return new StartError(`${command} cannot be run${as} (${(cause as NodeJS.ErrnoException).code ?? cause.message}); to use a Postgres of your own set DATABASE_URL.`, { cause });
}
