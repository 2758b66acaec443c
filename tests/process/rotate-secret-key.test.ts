import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect } from '@jest/globals';
import pg from 'pg';
import { createTestDatabase } from '../setup/database.js';
import { startSmtpSink } from '../setup/smtp-servers.js';
import { type Api, allSent, atEnd, makeDataFolder, type MailroomProcess, processTest, publish, SECRET_KEY, SHARED, startProcess, subscribe, useRelay } from './mailroom-process.js';

const [USER, PASSWORD, TYPE] = ['svc-mail', 'correct-horse-battery', 'ApplianceSick'];
const NEW_KEY = 'another-secret-key-of-32-letters';
const SEALED = [['smtp_settings', 'password_ciphertext'], ['accounts', 'password_ciphertext'], ['certificate_requests', 'private_key_ciphertext'], ['client_certificates', 'private_key_ciphertext'], ['smtp_tests', 'secret_ciphertext']] as const;

/** `npm run rotate-secret-key` in the same environment; null: it succeeded, else what it said. */
async function rotate(env: Record<string, string>): Promise<{ said: string; fault: string | null }> {
  const run = promisify(execFile)(process.execPath, [resolve('dist/rotate-secret-key.js')], { env });
  return run.then(({ stdout }) => ({ said: stdout, fault: null }), (error: { stdout: string; stderr: string }) => ({ said: error.stdout, fault: error.stderr }));
}

/** The ids of the keys that stored secrets are encrypted with, and those that the database knows. */
async function keysIn(url: string): Promise<{ used: string[]; known: string[]; secrets: number }> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const ciphertexts = [];
    for (const [table, column] of SEALED) ciphertexts.push(...(await client.query<{ text: string }>(`SELECT ${column} AS text FROM ${table} WHERE ${column} IS NOT NULL`)).rows);
    const known = (await client.query<{ id: string }>('SELECT key_id AS id FROM secret_keys')).rows.map(({ id }) => id);
    return { used: [...new Set(ciphertexts.map(({ text }) => text.split('.')[1]!))], known, secrets: ciphertexts.length };
  } finally {
    await client.end();
  }
}

/** A relay that demands the login, and a secret of every kind. */
async function storeSecrets(api: Api): Promise<void> {
  const sink = await startSmtpSink({ auth: { user: USER, password: PASSWORD, required: true } });
  atEnd(() => sink.close());
  await useRelay(api, sink.port, { authentication: { type: 'password', accountName: USER, password: PASSWORD } });
  await api.post('/v1/accounts', { kind: 'directory', domainName: 'example.com', accountName: USER, password: PASSWORD, allowedServers: ['127.0.0.1'] }).expect(201);
  await api.post('/v1/certificate-requests', { subject: { commonName: 'mailroom.example.com' }, keyType: 'ecP256' }).expect(201);
  const candidate = { serverAddress: '127.0.0.1', port: sink.port, security: 'none', senderAddress: 'mailroom@example.com', authentication: { type: 'password', accountName: USER, password: PASSWORD } };
  await api.post('/v1/smtp-tests', { sendTo: 'ops@example.com', settings: candidate }).expect(202);
  await subscribe(api, TYPE);
}

const sends = async (api: Api): Promise<void> => allSent(api, [await publish(api, TYPE)], 1);

describe('a new secret key', () => {
  processTest('reaches every process while they run, and everything that is stored, also what is stored meanwhile', async () => {
    const [database, dataDir] = [await createTestDatabase(), await makeDataFolder()];
    atEnd(() => database.drop());
    const { MAILROOM_SECRET_KEY: _fromTheFolder, ...rest } = SHARED;
    const env = { ...rest, DATABASE_URL: database.url, MAILROOM_DATA_DIR: dataDir, PATH: process.env['PATH']! };
    const start = (role: string): Promise<MailroomProcess> => startProcess({ ...env, MAILROOM_ROLE: role }).ready();
    const [api, worker] = [await start('api'), await start('worker')];
    await storeSecrets(api.as());
    await sends(api.as());
    const [before, file] = [await keysIn(database.url), join(dataDir, 'secret-key')];
    expect(before.used).toEqual(before.known);
    expect(before.secrets).toBe(4);
    const oldKey = await readFile(file, 'utf8');

    let rotating = true;
    const rotation = rotate(env).finally(() => (rotating = false));
    const { body: account } = await api.as().get('/v1/accounts').expect(200);
    const { id } = (account as { items: { id: string }[] }).items[0]!;
    while (rotating) await api.as().put(`/v1/accounts/${id}/password`, { password: PASSWORD }).expect(200);
    const { said, fault } = await rotation;
    expect({ said, fault }).toEqual({ said: expect.stringMatching(/1 secrets of the SMTP settings encrypted anew[^]*Everything is encrypted with the key \w{8} now/), fault: null });

    const after = await keysIn(database.url);
    expect(after.used).toEqual(after.known);
    expect(after).not.toEqual(before);
    const newKey = await readFile(file, 'utf8');
    expect(newKey.trim()).not.toContain(oldKey.trim());
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await sends(api.as()); // by the worker that was never started again
    const audited = (await api.as().get('/v1/audit-log?resourceType=secretKey').expect(200)).body as { items: object[] };
    expect(audited.items).toEqual([expect.objectContaining({ actor: 'Mailroom', action: 'update', oldValue: { keyId: before.known[0] }, newValue: { keyId: after.known[0] } })]);

    await worker.stop();
    await start('worker');
    await sends(api.as());
  }, 90_000);

  processTest('that an operator gives is put before the old one; then the old one may go', async () => {
    const database = await createTestDatabase();
    atEnd(() => database.drop());
    const env = { ...SHARED, DATABASE_URL: database.url, PATH: process.env['PATH']! };
    const first = await startProcess(env).ready();
    await storeSecrets(first.as());
    const refused = await rotate(env);
    expect(refused.fault).toContain('Set it to new,old');
    const both = { ...env, MAILROOM_SECRET_KEY: `${NEW_KEY},${SECRET_KEY}` };
    await first.stop();
    const second = await startProcess(both).ready();
    expect((await rotate(both)).fault).toBeNull();
    await sends(second.as());
    await second.stop();
    const third = await startProcess({ ...env, MAILROOM_SECRET_KEY: NEW_KEY }).ready();
    await sends(third.as());
  }, 90_000);

  processTest('keeps the old one as long as a secret is left that it cannot encrypt anew', async () => {
    const database = await createTestDatabase();
    atEnd(() => database.drop());
    const both = { ...SHARED, DATABASE_URL: database.url, PATH: process.env['PATH']!, MAILROOM_SECRET_KEY: `${NEW_KEY},${SECRET_KEY}` };
    const mailroom = await startProcess({ ...both, MAILROOM_SECRET_KEY: SECRET_KEY }).ready();
    await storeSecrets(mailroom.as());
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query("UPDATE smtp_settings SET server_address = 'thief.example.com'"); // it was sealed for another destination
    await client.end();
    const { fault } = await rotate(both);
    expect(fault).toContain('1 secrets of the SMTP settings cannot be read with any of the keys, and were left as they are');
    expect((await keysIn(database.url)).known).toHaveLength(2);
  });

  processTest('of the embedded default is made beside the running service, and also while it does not run', async () => {
    const dataDir = await makeDataFolder();
    const { MAILROOM_SECRET_KEY: _fromTheFolder, ...rest } = SHARED;
    const env = { ...rest, MAILROOM_DATA_DIR: dataDir, PATH: process.env['PATH']!, HOME: dataDir };
    const mailroom = await startProcess(env).ready();
    await storeSecrets(mailroom.as());
    const running = await rotate(env);
    expect(running).toMatchObject({ fault: null, said: expect.stringContaining('The old key is gone') });
    await sends(mailroom.as());
    await mailroom.stop();
    const stopped = await rotate(env);
    expect(stopped).toMatchObject({ fault: null, said: expect.stringContaining('The old key is gone') });
    const again = await startProcess(env).ready();
    await sends(again.as());
  }, 150_000);
});
