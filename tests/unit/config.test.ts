import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { DEFAULT_DENY_NETWORKS, readConfig } from '../../src/config.js';
import { StartError } from '../../src/errors.js';

const folder = mkdtempSync(join(tmpdir(), 'mailroom-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string, content: string): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const read = (env: Record<string, string> = {}, terminal = false) => readConfig(env, terminal);
const faultOf = (env: Record<string, string>): Error => {
  try {
    read(env);
  } catch (error) {
    return error as Error;
  }
  throw new Error('it was accepted');
};

test('with no variable at all everything has its default', () => {
  expect(read()).toEqual({
    role: 'all', host: '127.0.0.1', port: 8080, listens: true, dataDir: resolve('.mailroom'), databaseUrl: null, redisUrl: null, adminKey: null, secretKeys: [], secretKeyFile: null, auditRetentionDays: null, rateLimit: null, corsOrigins: [], trustedProxies: [],
    retentionDays: 30, retryBaseMs: 30_000, extraCertificates: null, logLevel: 'info', logFormat: 'json', worker: expect.stringMatching(/^.+:\d+$/), unknownVariables: [], smtpDenyNetworks: DEFAULT_DENY_NETWORKS,
  });
});

test('the result cannot be changed', () => {
  expect(Object.isFrozen(read())).toBe(true);
});

describe('taken', () => {
  test.each<[Record<string, string>, object]>([
    [{ MAILROOM_ROLE: 'api' }, { role: 'api', listens: true }],
    [{ MAILROOM_ROLE: 'worker' }, { role: 'worker', listens: false }],
    [{ MAILROOM_ROLE: 'worker', PORT: '9090' }, { listens: true, port: 9_090 }],
    [{ MAILROOM_ROLE: '  ' }, { role: 'all' }],
    [{ MAILROOM_HOST: '0.0.0.0' }, { host: '0.0.0.0' }],
    [{ PORT: '0' }, { port: 0 }],
    [{ PORT: ' 65535 ' }, { port: 65_535 }],
    [{ PORT: '' }, { port: 8_080 }],
    [{ MAILROOM_DATA_DIR: '/var/lib/mailroom' }, { dataDir: '/var/lib/mailroom' }],
    [{ MAILROOM_DATA_DIR: 'data' }, { dataDir: resolve('data') }],
    [{ DATABASE_URL: 'postgres://u:p@db/mailroom' }, { databaseUrl: 'postgres://u:p@db/mailroom' }],
    [{ DATABASE_URL: 'postgresql://db/mailroom?sslmode=require' }, { databaseUrl: 'postgresql://db/mailroom?sslmode=require' }],
    [{ REDIS_URL: 'redis://cache:6379/1' }, { redisUrl: 'redis://cache:6379/1' }],
    [{ REDIS_URL: 'rediss://:p@cache' }, { redisUrl: 'rediss://:p@cache' }],
    [{ MAILROOM_ADMIN_KEY: '12345678' }, { adminKey: '12345678' }],
    [{ MAILROOM_ADMIN_KEY: 'k'.repeat(255) }, { adminKey: 'k'.repeat(255) }],
    [{ MAILROOM_SECRET_KEY: 'k'.repeat(16) }, { secretKeys: ['k'.repeat(16)] }],
    [{ MAILROOM_SECRET_KEY: ` ${'n'.repeat(16)} , ${'o'.repeat(16)},` }, { secretKeys: ['n'.repeat(16), 'o'.repeat(16)] }],
    [{ MAILROOM_RETRY_BASE_MS: '1' }, { retryBaseMs: 1 }],
    [{ MAILROOM_RETENTION_DAYS: '1' }, { retentionDays: 1 }],
    [{ MAILROOM_CORS_ORIGINS: '*' }, { corsOrigins: ['*'] }],
    [{ MAILROOM_CORS_ORIGINS: ' https://console.example.com , http://localhost:5173,http://[::1]:8080' }, { corsOrigins: ['https://console.example.com', 'http://localhost:5173', 'http://[::1]:8080'] }],
    [{ MAILROOM_LOG_LEVEL: 'silent' }, { logLevel: 'silent' }],
    [{ MAILROOM_LOG_FORMAT: 'pretty' }, { logFormat: 'pretty' }],
  ])('%j', (env, expected) => {
    expect(read(env)).toMatchObject(expected);
  });

  test('at a terminal the log is for people, unless the variable says otherwise', () => {
    expect(read({}, true).logFormat).toBe('pretty');
    expect(read({ MAILROOM_LOG_FORMAT: 'json' }, true).logFormat).toBe('json');
  });

  test('variables that look like ours are told', () => {
    expect(read({ MAILROOM_PORT: '1', MAILROOM_ROLE: 'all', MAILROOM_SECRET_KEY_FILE: '', PATH: 'x', mailroom_role: 'x' }).unknownVariables).toEqual(['MAILROOM_PORT']);
  });
});

describe('X_FILE', () => {
  const secrets: [string, string, keyof ReturnType<typeof read>, unknown][] = [
    ['DATABASE_URL', 'postgres://u:p@db/mailroom', 'databaseUrl', 'postgres://u:p@db/mailroom'],
    ['REDIS_URL', 'redis://:p@cache', 'redisUrl', 'redis://:p@cache'],
    ['MAILROOM_ADMIN_KEY', 'administrator', 'adminKey', 'administrator'],
    ['MAILROOM_SECRET_KEY', `${'k'.repeat(32)},${'o'.repeat(32)}`, 'secretKeys', ['k'.repeat(32), 'o'.repeat(32)]],
  ];

  test.each(secrets)('%s_FILE is read, without the white space around it', (name, value, field, expected) => {
    expect(read({ [`${name}_FILE`]: file(name, `\n ${value}\r\n`) })[field]).toEqual(expected);
  });

  test.each(secrets)('%s and %s_FILE together are refused', (name, value) => {
    const { message } = faultOf({ [name]: value, [`${name}_FILE`]: file(name, value) });
    expect(message).toBe(`Set ${name} or ${name}_FILE, not both.`);
  });

  test.each(secrets)('%s_FILE that is empty, or is not there, is refused', (name) => {
    expect(faultOf({ [`${name}_FILE`]: file('empty', ' \n') }).message).toBe(`${name}_FILE is empty.`);
    expect(faultOf({ [`${name}_FILE`]: join(folder, 'none') }).message).toMatch(new RegExp(`^${name}_FILE cannot be read: .*ENOENT`));
    expect(faultOf({ [`${name}_FILE`]: folder }).message).toMatch(new RegExp(`^${name}_FILE cannot be read: .*EISDIR`));
  });

  test('what the file holds is checked like the variable, and not shown', () => {
    const { message } = faultOf({ MAILROOM_ADMIN_KEY_FILE: file('short', 'geheim') });
    expect(message).toMatch(/^MAILROOM_ADMIN_KEY /);
    expect(message).not.toContain('geheim');
  });
});

describe('refused in one line that names the variable, and shows no secret', () => {
  test.each<[string, string]>([
    ['MAILROOM_ROLE', 'both'], ['MAILROOM_ROLE', 'API'], ['MAILROOM_ROLE', 'a\nb'],
    ['PORT', '65536'], ['PORT', '-1'], ['PORT', '80a'], ['PORT', '8080.0'], ['PORT', '1e3'], ['PORT', '0x50'], ['PORT', '/tmp/socket'],
    ['MAILROOM_RETENTION_DAYS', '0'], ['MAILROOM_RETENTION_DAYS', '3651'],
    ['MAILROOM_RETRY_BASE_MS', '0'], ['MAILROOM_RETRY_BASE_MS', '86400001'], ['MAILROOM_RETRY_BASE_MS', '30s'], ['MAILROOM_RETRY_BASE_MS', '99999999999999999999'],
    ...['https://a.example/', 'https://A.example', 'https://a.example/path', 'https://a.example:443', 'a.example', 'null', '*,https://a.example', 'https://*.example', 'https://u:geheim@a.example', 'ftp://a.example', 'https://a.example,', ',', 'https://a.example?x=1'].map((value): [string, string] => ['MAILROOM_CORS_ORIGINS', value]),
    ['MAILROOM_LOG_LEVEL', 'verbose'], ['MAILROOM_LOG_FORMAT', 'xml'],
    ['DATABASE_URL', 'mysql://u:geheim@db/x'], ['DATABASE_URL', 'geheim'], ['DATABASE_URL', 'u:geheim@db'], ['DATABASE_URL', 'postgres://u:geheim@db:port/x'],
    ['REDIS_URL', 'http://:geheim@cache'], ['REDIS_URL', 'geheim:6379'],
    ['MAILROOM_ADMIN_KEY', 'geheim'], ['MAILROOM_ADMIN_KEY', 'geheim with space'], ['MAILROOM_ADMIN_KEY', 'geheim-schlüssel'], ['MAILROOM_ADMIN_KEY', 'geheim'.repeat(50)],
    ['MAILROOM_SECRET_KEY', 'geheim'], ['MAILROOM_SECRET_KEY', `${'k'.repeat(32)},geheim`],
  ])('%s=%j', (name, value) => {
    const fault = faultOf({ [name]: value });
    expect(fault).toBeInstanceOf(StartError);
    expect(fault.message).toContain(name);
    expect(fault.message).not.toMatch(/geheim|[\r\n]/);
    expect(fault.message.length).toBeLessThan(250);
  });

  test('a key list that holds no key is refused: the ciphertexts would be made with another key', () => {
    expect(faultOf({ MAILROOM_SECRET_KEY: ' , ' }).message).toContain('MAILROOM_SECRET_KEY');
  });
});
