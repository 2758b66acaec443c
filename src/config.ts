import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { StartError } from './errors.js';

export type Role = 'all' | 'api' | 'worker';

export interface Config {
  readonly role: Role;
  readonly host: string;
  readonly port: number;
  /** A worker listens (health and metrics only) when PORT is set; the other roles always do. */
  readonly listens: boolean;
  readonly dataDir: string;
  /** null: Mailroom starts a Postgres of its own in the data folder. */
  readonly databaseUrl: string | null;
  /** null: the queues live in Postgres too. */
  readonly redisUrl: string | null;
  readonly adminKey: string | null;
  /** Newest first; empty: a key file in the data folder. */
  readonly secretKeys: readonly string[];
  /** The file that they were read from, which is read again when it matters; null: they stood in the variable, or there are none. */
  readonly secretKeyFile: string | null;
  /** What NODE_EXTRA_CA_CERTS holds (PEM); null: not set, or it cannot be read, which Node.js itself tells. */
  readonly extraCertificates: string | null;
  readonly retryBaseMs: number;
  /** How long finished e-mails and their events are kept. */
  readonly retentionDays: number;
  /** How long entries of the audit log are kept; null: for ever. */
  readonly auditRetentionDays: number | null;
  /** Requests a second that a key may make of a process; null: no limit. */
  readonly rateLimit: number | null;
  /** Origins whose pages may call the API from a browser; `*`: any. */
  readonly corsOrigins: readonly string[];
  /** In CIDR notation: proxies whose word about a client's address is believed. */
  readonly trustedProxies: readonly string[];
  /** In CIDR notation: no connection is opened to an address in these networks. */
  readonly smtpDenyNetworks: readonly string[];
  readonly logLevel: string;
  readonly logFormat: 'json' | 'pretty';
  /** Names this process in attempts and leases. */
  readonly worker: string;
  /** Variables that look like ours and are not. */
  readonly unknownVariables: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

const KNOWN = [
  'MAILROOM_ROLE', 'MAILROOM_HOST', 'MAILROOM_DATA_DIR', 'MAILROOM_ADMIN_KEY', 'MAILROOM_ADMIN_KEY_FILE', 'MAILROOM_SECRET_KEY',
  'MAILROOM_SECRET_KEY_FILE', 'MAILROOM_AUDIT_RETENTION_DAYS', 'MAILROOM_RATE_LIMIT', 'MAILROOM_TRUSTED_PROXIES', 'MAILROOM_CORS_ORIGINS', 'MAILROOM_RETENTION_DAYS', 'MAILROOM_RETRY_BASE_MS', 'MAILROOM_SMTP_DENY_NETWORKS', 'MAILROOM_LOG_LEVEL', 'MAILROOM_LOG_FORMAT',
];
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
/** A key that can be guessed in a day is none. */
export const MIN_ADMIN_KEY_LENGTH = 8;
export const MIN_SECRET_KEY_LENGTH = 16;
/** The database refuses to delete younger entries of the audit log. */
const MIN_AUDIT_DAYS = 30;

/** Where no mail server is, and much that must not be reached by way of one. Loopback is allowed: many relays run beside Mailroom. */
export const DEFAULT_DENY_NETWORKS: readonly string[] = [
  '169.254.0.0/16', 'fe80::/10', // link-local (RFC 3927, RFC 4291), with the metadata services of most clouds
  'fd00:ec2::254/128', 'fd20:ce::254/128', // metadata over IPv6: AWS, Google Cloud
  '100.100.100.200/32', '168.63.129.16/32', // metadata: Alibaba Cloud, Azure
  '0.0.0.0/8', '::/128', // "this host" (RFC 1122, RFC 4291): no destination, though many systems take it for loopback
];

/**
 * Reads the environment, once, at the start. Every fault is a StartError of one line that names the variable.
 * An empty variable counts as not set.
 */
export function readConfig(env: Environment, terminal: boolean): Config {
  const role = oneOf(env, 'MAILROOM_ROLE', ['all', 'api', 'worker'] as const, 'all');
  return Object.freeze({
    role,
    host: text(env, 'MAILROOM_HOST') ?? '127.0.0.1',
    port: integer(env, 'PORT', 8080, 0, 65_535),
    listens: role !== 'worker' || text(env, 'PORT') !== null,
    dataDir: resolve(text(env, 'MAILROOM_DATA_DIR') ?? '.mailroom'),
    databaseUrl: url(env, 'DATABASE_URL', ['postgres:', 'postgresql:']),
    redisUrl: url(env, 'REDIS_URL', ['redis:', 'rediss:']),
    adminKey: adminKey(env),
    secretKeys: secretKeys(env),
    secretKeyFile: text(env, 'MAILROOM_SECRET_KEY_FILE'),
    extraCertificates: extraCertificates(env),
    retentionDays: integer(env, 'MAILROOM_RETENTION_DAYS', 30, 1, 3_650),
    retryBaseMs: integer(env, 'MAILROOM_RETRY_BASE_MS', 30_000, 1, 86_400_000),
    auditRetentionDays: optionalInteger(env, 'MAILROOM_AUDIT_RETENTION_DAYS', MIN_AUDIT_DAYS, 36_500),
    rateLimit: optionalInteger(env, 'MAILROOM_RATE_LIMIT', 1, 100_000),
    corsOrigins: origins(env, 'MAILROOM_CORS_ORIGINS'),
    trustedProxies: networks(env, 'MAILROOM_TRUSTED_PROXIES', []),
    smtpDenyNetworks: networks(env, 'MAILROOM_SMTP_DENY_NETWORKS', DEFAULT_DENY_NETWORKS),
    logLevel: oneOf(env, 'MAILROOM_LOG_LEVEL', LOG_LEVELS, 'info'),
    logFormat: oneOf(env, 'MAILROOM_LOG_FORMAT', ['json', 'pretty'] as const, terminal ? 'pretty' : 'json'),
    worker: `${hostname()}:${process.pid}`,
    unknownVariables: Object.keys(env).filter((name) => name.startsWith('MAILROOM_') && !KNOWN.includes(name)),
  });
}

const optionalInteger = (env: Environment, name: string, min: number, max: number): number | null => (text(env, name) === null ? null : integer(env, name, 0, min, max));

function text(env: Environment, name: string): string | null {
  const value = env[name]?.trim();
  return value ? value : null;
}

/** A variable X that may also be given as a file, X_FILE, as Docker and Kubernetes mount secrets. */
function secret(env: Environment, name: string): string | null {
  const [value, file] = [text(env, name), text(env, `${name}_FILE`)];
  if (value !== null && file !== null) throw new StartError(`Set ${name} or ${name}_FILE, not both.`);
  if (file === null) return value;
  try {
    const content = readFileSync(file, 'utf8').trim();
    if (content) return content;
  } catch (cause) {
    throw new StartError(`${name}_FILE cannot be read: ${(cause as Error).message}`, { cause });
  }
  throw new StartError(`${name}_FILE is empty.`);
}

function extraCertificates(env: Environment): string | null {
  const file = text(env, 'NODE_EXTRA_CA_CERTS');
  try {
    return file === null ? null : readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

function oneOf<T extends string>(env: Environment, name: string, values: readonly T[], fallback: T): T {
  const value = text(env, name) ?? fallback;
  if ((values as readonly string[]).includes(value)) return value as T;
  throw new StartError(`${name} must be one of ${values.join(', ')}, not ${JSON.stringify(value)}.`);
}

function integer(env: Environment, name: string, fallback: number, min: number, max: number): number {
  const value = text(env, name);
  if (value === null) return fallback;
  if (/^\d{1,9}$/.test(value) && Number(value) >= min && Number(value) <= max) return Number(value);
  throw new StartError(`${name} must be a whole number from ${min} to ${max}, not ${JSON.stringify(value)}.`);
}

/** Networks in CIDR notation, or addresses, with commas between them; `none` for none at all. */
function networks(env: Environment, name: string, fallback: readonly string[]): readonly string[] {
  const value = text(env, name);
  if (value === null) return fallback;
  if (value.toLowerCase() === 'none') return [];
  return value.split(',').map((item) => network(name, item.trim()));
}

function network(name: string, item: string): string {
  const [, address = '', prefix] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(item) ?? [];
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  if (bits > 0 && Number(prefix ?? bits) <= bits) return `${address}/${prefix ?? bits}`;
  throw new StartError(`${name} must be networks such as 169.254.0.0/16 or fe80::/10 (or addresses) with commas between them, or none; "${item}" is no network.`);
}

/** Origins as browsers write them (RFC 6454 §6.2), with commas between them. A slash at the end, or capital letters, would match no page in silence. */
function origins(env: Environment, name: string): readonly string[] {
  const value = text(env, name);
  if (value === null || value === '*') return value === null ? [] : [value];
  const items = value.split(',').map((item) => item.trim());
  const wrong = items.findIndex((item) => !/^https?:[^*]+$/.test(item) || !URL.canParse(item) || new URL(item).origin !== item);
  if (wrong === -1) return items;
  throw new StartError(`${name} must be origins such as https://console.example.com with commas between them, in lower case, without a path or a default port, or * alone; number ${wrong + 1} is none.`);
}

/** The value itself never stands in the message: it may hold a password. */
function url(env: Environment, name: string, protocols: string[]): string | null {
  const value = secret(env, name);
  if (value === null) return null;
  if (URL.canParse(value) && protocols.includes(new URL(value).protocol)) return value;
  throw new StartError(`${name} must be a URL that starts with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}.`);
}

function adminKey(env: Environment): string | null {
  const key = secret(env, 'MAILROOM_ADMIN_KEY');
  if (key === null) return null;
  if (key.length < MIN_ADMIN_KEY_LENGTH || !/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new StartError(`MAILROOM_ADMIN_KEY must be ${MIN_ADMIN_KEY_LENGTH} to 255 printable ASCII characters without spaces.`);
  }
  return key;
}

function secretKeys(env: Environment): string[] {
  const list = secret(env, 'MAILROOM_SECRET_KEY');
  if (list === null) return [];
  const keys = list.split(',').map((key) => key.trim()).filter(Boolean);
  if (keys.length === 0) throw new StartError('MAILROOM_SECRET_KEY holds no key, only commas.');
  if (keys.some((key) => key.length < MIN_SECRET_KEY_LENGTH)) {
    throw new StartError(`Each key of MAILROOM_SECRET_KEY must have at least ${MIN_SECRET_KEY_LENGTH} characters (make one with: openssl rand -base64 32).`);
  }
  return keys;
}
