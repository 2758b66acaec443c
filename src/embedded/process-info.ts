import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

export interface ProcessInfo {
  /** When the process started, in a form only fit for comparing. A process id is used again some day, the pair is not. */
  started: string;
  /** The command line, its arguments joined by spaces. */
  command: string;
}

const hasProc = existsSync('/proc/self/stat');

/** The living process of that id, or undefined. A zombie (ended, not yet fetched by its parent) counts as gone. */
export function findProcess(pid: number): ProcessInfo | undefined {
  return hasProc ? fromProc(pid) : fromPs(pid);
}

function fromProc(pid: number): ProcessInfo | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // proc(5): the command name in parentheses may itself contain spaces and parentheses, so count after the last one.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || state === 'X') return undefined;
    return { started: fields[18] ?? '', command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') };
  } catch (cause) {
    return hiddenProcess(pid, cause);
  }
}

/** /proc mounted with hidepid shows other accounts' processes as missing, a signal does not. */
function hiddenProcess(pid: number, cause: unknown): ProcessInfo | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return undefined;
    if ((error as NodeJS.ErrnoException).code === 'EPERM') return { started: '', command: '' };
  }
  return (cause as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : { started: '', command: '' };
}

/** macOS: `ps` prints the state, five words of start time, and the command. */
function fromPs(pid: number): ProcessInfo | undefined {
  let line: string;
  try {
    line = execFileSync('ps', ['-ww', '-o', 'stat=', '-o', 'lstart=', '-o', 'command=', '-p', String(pid)], {
      encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined; // ps ends with 1 when there is no such process
  }
  const [state = 'Z', ...words] = line.split(/\s+/);
  return state.startsWith('Z') ? undefined : { started: words.slice(0, 5).join(' '), command: `${words.slice(5).join(' ')} ` };
}

/**
 * Where process ids mean what they mean here: this boot of this kernel and this PID namespace (container). Ids recorded in another realm say
 * nothing about the processes of this one.
 */
export function processRealm(): string {
  if (!hasProc) return hostname();
  return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`;
}
