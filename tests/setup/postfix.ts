import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, chmodSync, chownSync, constants, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/** One smtpd, on one port of its own. */
export interface PostfixService {
  /** IP literals, IPv6 without brackets; 127.0.0.1 when left out. */
  hosts?: string[];
  /** PEM; with it STARTTLS is offered. */
  tls?: { key: string; chain: string };
  /** The mechanisms by which those who know `account` may log in, such as `PLAIN LOGIN`; over TLS only, unless `parameters` say otherwise. */
  sasl?: string;
  /** Of main.cf, for this smtpd alone. `@table`: the file of that name in `tables`. */
  parameters?: Record<string, string>;
}

export interface PostfixOptions {
  /** By a name of the test's own, in lower case letters. */
  services: Record<string, PostfixService>;
  /** The addresses that have a mailbox. Their domains are those that it takes mail for. */
  mailboxes: string[];
  /** Access tables (`man 5 access`): what is done with a client, sender or recipient. */
  tables?: Record<string, Record<string, string>>;
  account?: { user: string; password: string };
  /** Certificates (PEM) of the authorities whose client certificates are accepted. */
  clientAuthority?: string;
}

export interface Postfix {
  /** By the service's name. */
  ports: Record<string, number>;
  /** What was delivered to a mailbox so far, as it lies there. */
  mails(mailbox: string): string[];
  /** Its maillog so far. */
  log(): string;
  stop(): Promise<void>;
}

/** Administrators' programs are often in folders that only root has on PATH. */
const SYSTEM_FOLDERS = ['/usr/sbin', '/sbin', '/usr/local/sbin'];

/** The path of a program, or null. */
export function systemProgram(name: string): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...SYSTEM_FOLDERS];
  return folders.map((folder) => join(folder, name)).find(isProgram) ?? null;
}

/** Why tests that need Postfix are skipped, in the words of the report; null when they need not be. */
export function noPostfix(): string | null {
  if (systemProgram('postfix') === null) return 'skipped, no postfix on PATH';
  if (process.platform !== 'linux') return 'skipped, Postfix is tried out on Linux only';
  return process.getuid?.() === 0 ? null : 'skipped, Postfix needs root';
}

/** The same for its log-in by Cyrus SASL. */
export const noSasl = (): string | null => noPostfix() ?? (systemProgram('saslpasswd2') === null ? 'skipped, no saslpasswd2 (sasl2-bin) on PATH' : null);

export const hasIPv6 = (): boolean => Object.values(networkInterfaces()).flat().some((one) => one?.address === '::1');

/**
 * Starts a Postfix of one's own in a temporary folder: it listens on free ports of this machine's loopback addresses, delivers to
 * maildirs in its folder, and sends nothing anywhere else.
 */
export async function startPostfix(options: PostfixOptions): Promise<Postfix> {
  for (let tries = 3; ; tries -= 1) {
    const ports = await freePorts(Object.keys(options.services));
    const folder = writeInstance(options, ports);
    const guard = spawn('/bin/sh', ['-c', GUARD, 'sh', systemProgram('postfix')!, folder], { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    const said = await started(guard);
    if (said === null) return { ports, mails: (mailbox) => mailsIn(join(folder, 'mail', mailbox, 'new')), log: () => readFileSync(logOf(folder), 'utf8'), stop: () => stop(guard) };
    if (tries === 1 || !said.includes('Address already in use')) throw new Error(`Postfix did not start: ${said}`);
  }
}

/** Stops the server and removes its folder when this process lets go of the shell's input, or dies in whatever way. */
const GUARD = `
  end() { cat "$2/maillog" >&2; rm -rf "$2"; exit "$1"; }
  "$1" -c "$2/etc" start || end 1 "$2"
  echo started
  cat > /dev/null
  read -r master < "$2/queue/pid/master.pid"
  kill "$master"
  tries=100
  while [ $tries -gt 0 ] && kill -0 "$master" 2> /dev/null; do sleep 0.05; tries=$((tries - 1)); done
  kill -9 -"$master" 2> /dev/null
  rm -rf "$2"`;

/** What it said when it ended instead, null when it started. */
function started(guard: ChildProcess): Promise<string | null> {
  let said = '';
  guard.stdin!.on('error', () => undefined); // it may have ended already
  guard.stderr!.on('data', (chunk: Buffer) => { said += chunk.toString(); });
  return new Promise((resolve, reject) => {
    guard.once('error', reject).once('close', () => resolve(said));
    guard.stdout!.once('data', () => resolve(null));
  });
}

async function stop(guard: ChildProcess): Promise<void> {
  if (guard.exitCode !== null) return;
  const exited = once(guard, 'exit');
  guard.stdin!.destroy();
  await exited;
}

/** The folder of an instance that is ready to start. */
function writeInstance({ services, mailboxes, tables = {}, account, clientAuthority }: PostfixOptions, ports: Record<string, number>): string {
  const folder = mkdtempSync(join(tmpdir(), 'mailroom-postfix-'));
  chmodSync(folder, 0o755); // its processes run under accounts of their own
  for (const name of ['etc', 'etc/sasl', 'queue', 'data', 'mail', 'tls']) mkdirSync(join(folder, name));
  chownSync(join(folder, 'data'), idOf('postfix'), 0);
  chownSync(join(folder, 'mail'), idOf('nobody'), 0);
  writeTable(folder, 'mailboxes', Object.fromEntries(mailboxes.map((mailbox) => [mailbox, `${mailbox}/`])));
  Object.entries(tables).forEach(([name, entries]) => writeTable(folder, name, entries));
  if (clientAuthority !== undefined) writeFileSync(join(folder, 'tls', 'clients.pem'), clientAuthority);
  if (account !== undefined) writeAccount(folder, mailboxes, account);
  writeFileSync(join(folder, 'etc', 'main.cf'), assignments(mainParameters(folder, mailboxes, clientAuthority !== undefined)));
  const smtpds = Object.entries(services).map(([name, service]) => smtpdOf(folder, name, service, ports[name]!));
  writeFileSync(join(folder, 'etc', 'master.cf'), DAEMONS + smtpds.join(''));
  return folder;
}

const writeTable = (folder: string, name: string, entries: Record<string, string>): void =>
  writeFileSync(join(folder, name), Object.entries(entries).map(([key, value]) => `${key} ${value}\n`).join(''));

/** Its entry in master.cf (`man 5 master`). */
function smtpdOf(folder: string, name: string, { hosts = ['127.0.0.1'], tls, sasl, parameters = {} }: PostfixService, port: number): string {
  const pem = join(folder, 'tls', `${name}.pem`);
  if (tls) writeFileSync(pem, tls.key + tls.chain);
  const own = {
    syslog_name: `postfix/${name}`,
    ...(tls && { smtpd_tls_security_level: 'may', smtpd_tls_chain_files: pem }),
    ...(sasl && { smtpd_sasl_auth_enable: 'yes', smtpd_sasl_path: writeMechanisms(folder, sasl) }),
    ...parameters,
  };
  const settings = Object.entries(own).map(([key, value]) => `  -o { ${key} = ${value.replace(/@(?=\w)/g, `texthash:${folder}/`)} }\n`).join('');
  return hosts.map((host) => `${host.includes(':') ? `[${host}]` : host}:${port} inet n - n - - smtpd\n${settings}`).join('');
}

/** What smtpd and qmgr need; no pickup, no smtp client: mail comes in by SMTP alone and stays here. */
const DAEMONS = `
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
`;

const domainOf = (address: string): string => address.slice(address.indexOf('@') + 1);
const logOf = (folder: string): string => join(folder, 'maillog');

function mainParameters(folder: string, mailboxes: string[], asksClients: boolean): Record<string, string> {
  const domains = [...new Set(mailboxes.map(domainOf))];
  const owner = String(idOf('nobody'));
  return {
    compatibility_level: '2', queue_directory: join(folder, 'queue'), data_directory: join(folder, 'data'),
    maillog_file: logOf(folder), maillog_file_prefixes: folder,
    myhostname: 'mx.real.test', mydomain: 'real.test', mydestination: '', mynetworks: '', inet_interfaces: 'loopback-only', inet_protocols: hasIPv6() ? 'all' : 'ipv4',
    // Nothing leaves this machine, not even a bounce.
    default_transport: 'error:5.7.1 this server sends nothing', relay_transport: 'error:5.7.1 this server sends nothing', local_transport: 'error:5.7.1 there is no local user',
    relayhost: '', relay_domains: '', notify_classes: '', smtpd_relay_restrictions: 'reject_unauth_destination',
    virtual_mailbox_domains: domains.join(' '), virtual_mailbox_base: join(folder, 'mail'), virtual_mailbox_maps: `texthash:${join(folder, 'mailboxes')}`,
    virtual_uid_maps: `static:${owner}`, virtual_gid_maps: `static:${owner}`, virtual_minimum_uid: '1', alias_maps: '', local_recipient_maps: '',
    smtpd_peername_lookup: 'no', smtpd_error_sleep_time: '0', smtpd_tls_auth_only: 'yes', smtpd_tls_loglevel: '1', smtpd_tls_received_header: 'yes',
    smtpd_sasl_type: 'cyrus', smtpd_sasl_local_domain: domains[0]!, smtpd_sasl_security_options: 'noanonymous', smtpd_sasl_authenticated_header: 'yes',
    cyrus_sasl_config_path: join(folder, 'etc/sasl'), // Debian's looks there in any case, and nowhere else
    ...(asksClients && { smtpd_tls_CAfile: join(folder, 'tls', 'clients.pem') }),
  };
}

const assignments = (parameters: Record<string, string>): string => Object.entries(parameters).map(([key, value]) => `${key} = ${value}\n`).join('');

/** The name of the Cyrus SASL configuration that offers these mechanisms. */
function writeMechanisms(folder: string, mechanisms: string): string {
  const name = `smtpd-${mechanisms.toLowerCase().replaceAll(' ', '-')}`;
  writeFileSync(join(folder, 'etc/sasl', `${name}.conf`), `pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: ${join(folder, 'etc/sasl/sasldb')}\nmech_list: ${mechanisms}\n`);
  return name;
}

function writeAccount(folder: string, mailboxes: string[], { user, password }: { user: string; password: string }): void {
  const database = join(folder, 'etc/sasl/sasldb');
  execFileSync(systemProgram('saslpasswd2')!, ['-p', '-c', '-u', domainOf(mailboxes[0]!), '-f', database, user], { input: password, stdio: ['pipe', 'pipe', 'pipe'] });
  chownSync(database, idOf('postfix'), 0);
}

const idOf = (account: string): number => Number(execFileSync('id', ['-u', account], { encoding: 'utf8' }));

const mailsIn = (maildir: string): string[] => (existsSync(maildir) ? readdirSync(maildir).sort().map((name) => readFileSync(join(maildir, name), 'utf8')) : []);

/** All at once, so that no port is given out twice. */
async function freePorts(names: string[]): Promise<Record<string, number>> {
  const servers = names.map((name) => ({ name, server: createServer().listen(0, '127.0.0.1') }));
  await Promise.all(servers.map(({ server }) => once(server, 'listening')));
  const ports = Object.fromEntries(servers.map(({ name, server }) => [name, (server.address() as AddressInfo).port]));
  await Promise.all(servers.map(({ server }) => new Promise((closed) => { server.close(closed); })));
  return ports;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
