/** The database and the role that Mailroom uses; the role is no superuser. */
export const DATABASE = 'mailroom';
export const ROLE = 'mailroom';

/** UTF-8 by Postgres' own tables: sorted and compared alike on every system, whatever locales and ICU it has. */
export const INITDB_OPTIONS = [
  '--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C', '--data-checksums',
  '--auth-host=scram-sha-256', '--auth-local=scram-sha-256', '--no-instructions',
];

/** For one machine that does other work too. Given on the command line, so that a newer Mailroom's values apply to an older database. */
const SETTINGS: ServerSettings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '', // their paths are limited to 107 bytes, and nobody needs them
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  max_connections: '100',
  shared_buffers: '64MB',
  huge_pages: 'off',
  max_wal_size: '512MB',
  jit: 'off',
  max_logical_replication_workers: '0', // nothing replicates from here
  timezone: 'UTC',
  log_timezone: 'UTC',
  lc_messages: 'C', // the start reads messages
  logging_collector: 'off', // stderr is our file
  log_destination: 'stderr',
  log_checkpoints: 'off',
  log_line_prefix: '%m [%p] ',
  // A failed statement is told to its client. In the log it would put people's data (statements, key values).
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
};

/** Settings of Postgres by their names. */
export type ServerSettings = Readonly<Record<string, string>>;

/**
 * @param name what `ps` shows and by which the guard knows this server: unique for each owner.
 * @param own beside Mailroom's, or instead of them.
 */
export function serverArguments(cluster: string, port: number, name: string, own: ServerSettings = {}): string[] {
  const settings = { ...SETTINGS, ...own, cluster_name: name };
  return ['-D', cluster, '-p', String(port), ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])];
}
