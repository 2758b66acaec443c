import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createSocket } from 'node:dgram';
import { systemProgram } from './postfix.js';

/** Names with their records; a name of `test` that is not in it does not exist. MX: [preference, host]. */
export type DnsmasqZone = Record<string, { A?: string[]; AAAA?: string[]; MX?: [number, string][] }>;

export interface Dnsmasq {
  /** `127.0.0.1:port`, as the DNS settings take it. */
  address: string;
  /** Its log so far, with each query and answer. */
  log(): string;
  stop(): Promise<void>;
}

/** Why tests that need it are skipped, in the words of the report; null when they need not be. */
export const noDnsmasq = (): string | null => (systemProgram('dnsmasq') === null ? 'skipped, no dnsmasq on PATH' : null);

/** It reads nothing of this machine, neither its configuration nor its resolv.conf nor its hosts, and asks nobody else. */
const ALONE = ['--no-daemon', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--local=/test/', '--listen-address=127.0.0.1', '--bind-interfaces', '--log-queries'];
/** Ends the server when this process lets go of the shell's input, or dies in whatever way. */
const GUARD = 'exec 3<&0; "$@" 3<&- & server=$!; (cat <&3 > /dev/null; kill $server 2> /dev/null) & wait $server';

/** Starts dnsmasq on a free port of 127.0.0.1 with these records and no others. */
export async function startDnsmasq(zone: DnsmasqZone): Promise<Dnsmasq> {
  const program = systemProgram('dnsmasq');
  if (program === null) throw new Error('There is no dnsmasq on PATH.');
  for (let tries = 3; ; tries -= 1) {
    const port = await freePort();
    const server = spawn('/bin/sh', ['-c', GUARD, 'sh', program, ...ALONE, `--port=${port}`, ...recordsOf(zone)], { stdio: ['pipe', 'ignore', 'pipe'] });
    let log = '';
    server.stderr.on('data', (chunk: Buffer) => { log += chunk.toString(); });
    server.stdin.on('error', () => undefined); // it may have ended already
    if (await started(server, () => log)) return { address: `127.0.0.1:${port}`, log: () => log, stop: () => stop(server) };
    await stop(server);
    if (tries === 1 || !log.includes('Address already in use')) throw new Error(`dnsmasq did not start: ${log}`);
  }
}

const recordsOf = (zone: DnsmasqZone): string[] => Object.entries(zone).flatMap(([name, { A = [], AAAA = [], MX = [] }]) => [
  ...[...A, ...AAAA].map((address) => `--host-record=${name},${address}`),
  ...MX.map(([preference, host]) => `--mx-host=${name},${host},${preference}`),
]);

/** False when it ended instead. */
function started(server: ChildProcess, log: () => string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    server.once('error', reject).once('exit', () => resolve(false));
    server.stderr!.on('data', () => { if (/dnsmasq: started/.test(log())) resolve(true); });
  });
}

async function stop(server: ChildProcess): Promise<void> {
  const exited = server.exitCode === null && server.signalCode === null ? once(server, 'exit') : null;
  server.stdin!.destroy();
  await exited;
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>((closed) => { socket.close(() => closed()); });
  return port;
}
