import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The ends on this machine of the connections that a process has to a port of this machine. */
export const portsOf = (pid: number, serverPort: number): number[] => (process.platform === 'linux' ? byProc(pid, serverPort) : byLsof(pid, serverPort));

/** `sl local_address rem_address st … inode`, addresses as hexadecimal numbers. */
function byProc(pid: number, serverPort: number): number[] {
  const inodes = socketsOf(pid);
  const lines = readFileSync('/proc/net/tcp', 'utf8').trim().split('\n').slice(1);
  return lines.flatMap((line) => {
    const [, local, remote, , , , , , , inode] = line.trim().split(/\s+/);
    return inodes.has(inode!) && portOf(remote!) === serverPort ? [portOf(local!)] : [];
  });
}

const portOf = (address: string): number => Number.parseInt(address.split(':')[1]!, 16);

function socketsOf(pid: number): Set<string> {
  const folder = `/proc/${pid}/fd`;
  return new Set(readdirSync(folder).flatMap((name) => /^socket:\[(\d+)\]$/.exec(target(`${folder}/${name}`))?.[1] ?? []));
}

/** Descriptors are closed while one looks at them. */
function target(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}

function byLsof(pid: number, serverPort: number): number[] {
  const { stdout } = spawnSync('lsof', ['-nP', '-a', '-p', String(pid), `-iTCP:${serverPort}`, '-Fn'], { encoding: 'utf8' });
  return [...stdout.matchAll(/:(\d+)->\S*:(\d+)$/gm)].filter(([, , remote]) => Number(remote) === serverPort).map(([, local]) => Number(local));
}
