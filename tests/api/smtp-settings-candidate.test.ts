import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { AccountsRepository } from '../../src/accounts/accounts.repository.js';
import { AccountsService } from '../../src/accounts/accounts.service.js';
import { connectDatabase, type Database } from '../../src/db/client.js';
import { type FieldError, MailroomError } from '../../src/errors.js';
import { createLogger } from '../../src/logger.js';
import { AccessTokens } from '../../src/oauth2/access-tokens.js';
import { KeyRing } from '../../src/secrets/key-ring.js';
import { SmtpFailure } from '../../src/smtp/failure.js';
import type { SealedCandidate } from '../../src/smtp-settings/draft.js';
import type { Relay } from '../../src/smtp-settings/relay.js';
import type { SmtpSettingsUpdate } from '../../src/smtp-settings/smtp-settings.contract.js';
import { SmtpSettingsRepository } from '../../src/smtp-settings/smtp-settings.repository.js';
import { SmtpSettingsService } from '../../src/smtp-settings/smtp-settings.service.js';
import { TlsMaterialRepository } from '../../src/tls-material/tls-material.repository.js';
import { TlsMaterialService } from '../../src/tls-material/tls-material.service.js';
import { buildAccount } from '../factories/build-account.js';
import { buildPasswordAuthentication, buildSettings } from '../factories/build-settings.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { rejectionOf } from '../smtp/endpoint.js';

const PASSWORD = 'correct-horse-battery';
const ACTOR = { keyId: '01900000-0000-7000-8000-000000000001', name: 'a test', role: 'administrator', remoteAddress: null, requestId: 'r' } as const;
const NOBODY = '01900000-0000-7000-8000-000000000000';
const SAVED = buildSettings({ authentication: buildPasswordAuthentication({ password: PASSWORD }) });
const kept = { type: 'password', accountName: 'mailroom' } as const;

let place: TestDatabase;
let [database, accounts]: [Database, AccountsService] = [undefined as never, undefined as never];
/** Two processes with one database: the API seals, a worker opens. */
let [api, worker]: [SmtpSettingsService, SmtpSettingsService] = [undefined as never, undefined as never];

beforeAll(async () => {
  place = await createTestDatabase();
  database = connectDatabase(place.url, createLogger({ level: 'silent', format: 'json' }));
  accounts = new AccountsService(database, new AccountsRepository(database), new KeyRing(['a-key-of-16-characters']), () => undefined, { dnsServers: () => Promise.resolve([]), trustsOwnAuthorities: () => Promise.resolve(false) });
  [api, worker] = [service(), service()];
});
beforeEach(async () => {
  await api.put(ACTOR, SAVED, undefined);
});
afterAll(async () => {
  await database.close();
  await place.drop();
});

function service(): SmtpSettingsService {
  const [keys, policy] = [new KeyRing(['a-key-of-16-characters']), { denies: (address: string) => address === '192.0.2.66' }];
  const tlsMaterial = new TlsMaterialService(new TlsMaterialRepository(database), keys, null);
  return new SmtpSettingsService({ database, settings: new SmtpSettingsRepository(database), keys, accounts, tokens: new AccessTokens(policy), tlsMaterial, policy, dnsVersion: () => Promise.resolve(0), changed: () => undefined });
}

/** As it comes back out of a row. */
const stored = (sealed: SealedCandidate): SealedCandidate => JSON.parse(JSON.stringify(sealed)) as SealedCandidate;

async function relayOf(update: SmtpSettingsUpdate): Promise<Relay> {
  const { candidate, secretCiphertext } = stored(await api.sealCandidate(update));
  return worker.relayOf(candidate, secretCiphertext);
}

describe('a candidate', () => {
  test('becomes a relay in another process, with defaults, and without its secret in between', async () => {
    const sealed = await api.sealCandidate(buildSettings({ serverAddress: 'new.example.com', security: 'smtps', authentication: buildPasswordAuthentication({ password: 'candidate-password' }) }));
    expect(JSON.stringify(sealed)).not.toContain('candidate-password');
    const { candidate, secretCiphertext } = stored(sealed);
    expect(candidate).not.toHaveProperty('passwordCiphertext');
    const relay = await worker.relayOf(candidate, secretCiphertext);
    expect(relay).toMatchObject({ serverAddress: 'new.example.com', resolveMx: false, port: 465, security: 'smtps', verifyCertificate: true, senderAddress: 'mailroom@example.com', maxConnections: 5 });
    expect(await relay.credentials()).toEqual({ type: 'password', accountName: 'mailroom', password: 'candidate-password' });
    expect(relay.version).not.toBe((await worker.relay())!.version);
  });

  test('changes nothing that is saved', async () => {
    const before = await api.get();
    await api.sealCandidate(buildSettings({ serverAddress: 'new.example.com', authentication: { type: 'none' } }));
    expect(await api.get()).toEqual(before);
  });

  test('with the destination of the saved settings takes their secret over', async () => {
    const relay = await relayOf({ ...SAVED, maxConnections: 1, authentication: kept });
    expect(await relay.credentials()).toEqual({ type: 'password', accountName: 'mailroom', password: PASSWORD });
  });

  test('with null has none: a log-in that cannot be made is told', async () => {
    const relay = await relayOf({ ...SAVED, authentication: { ...kept, password: null } });
    expect(await rejectionOf(relay.credentials(), SmtpFailure)).toMatchObject({ code: 'PASSWORD_MISSING', stage: 'auth' });
  });

  test('whose row was edited does not open', async () => {
    const { candidate, secretCiphertext } = stored(await api.sealCandidate(SAVED));
    const relay = await worker.relayOf({ ...candidate, serverAddress: 'evil.example.com' }, secretCiphertext);
    expect(await rejectionOf(relay.credentials(), SmtpFailure)).toMatchObject({ code: 'SECRET_UNREADABLE', stage: 'auth', hint: expect.stringContaining('again') });
  });

  test("without a sender gets the test's own", async () => {
    const { candidate } = await api.sealCandidate({ serverAddress: 'mail.example.com' }, { senderAddress: 'test@example.com' });
    expect(candidate.senderAddress).toBe('test@example.com');
    const own = await api.sealCandidate(buildSettings(), { senderAddress: 'test@example.com' });
    expect(own.candidate.senderAddress).toBe('mailroom@example.com');
  });

  test('with an account uses the password of the moment, while it allows the server', async () => {
    const { account } = await accounts.create(ACTOR, buildAccount({ password: 'first' }));
    const relay = await relayOf(buildSettings({ authentication: { type: 'account', accountId: account.id } }));
    expect(await relay.credentials()).toEqual({ type: 'password', accountName: 'svc-mail@corp.example.com', password: 'first' });
    await accounts.putPassword(ACTOR, account.id, 'second', undefined);
    expect(await relay.credentials()).toMatchObject({ password: 'second' });
    await accounts.put(ACTOR, account.id, buildAccount({ allowedServers: ['other.example.com'] }), undefined);
    expect(await rejectionOf(relay.credentials(), SmtpFailure)).toMatchObject({ code: 'SMTP_SERVER_NOT_ALLOWED', stage: 'auth', message: expect.stringContaining('other.example.com') });
    await accounts.put(ACTOR, account.id, buildAccount({ password: null }), undefined);
    expect(await rejectionOf(relay.credentials(), SmtpFailure)).toMatchObject({ code: 'SMTP_ACCOUNT_WITHOUT_PASSWORD', hint: expect.stringContaining(`/v1/accounts/${account.id}/password`) });
    await accounts.delete(ACTOR, account.id, undefined);
    expect(await rejectionOf(relay.credentials(), SmtpFailure)).toMatchObject({ code: 'SMTP_ACCOUNT_UNKNOWN' });
  });
});

describe('refused, with pointers into the body of the test', () => {
  const refusal = async (update: SmtpSettingsUpdate): Promise<MailroomError> => rejectionOf(api.sealCandidate(update), MailroomError);

  test.each<[string, SmtpSettingsUpdate, string, Partial<FieldError>[]]>([
    ['no server', {}, 'SMTP_SERVER_REQUIRED', [{ pointer: '/settings/serverAddress' }]],
    ['a null server', { serverAddress: null }, 'SMTP_SERVER_REQUIRED', [{ pointer: '/settings/serverAddress' }]],
    ['no sender', { serverAddress: 'mail.example.com' }, 'SMTP_SENDER_REQUIRED', [{ pointer: '/settings/senderAddress' }]],
    ['several faults', { serverAddress: '::1', senderAddress: 'x' }, 'SMTP_SERVER_ADDRESS_INVALID', [{ pointer: '/settings/serverAddress' }, { pointer: '/settings/senderAddress' }]],
    ['a denied address', buildSettings({ serverAddress: '192.0.2.66' }), 'SMTP_ADDRESS_DENIED', [{ pointer: '/settings/serverAddress' }]],
    ['an unknown account', buildSettings({ authentication: { type: 'account', accountId: NOBODY } }), 'SMTP_ACCOUNT_UNKNOWN', [{ pointer: '/settings/authentication/accountId' }]],
  ])('%s', async (_name, update, code, errors) => {
    const error = await refusal(update);
    expect(error).toMatchObject({ kind: 'invalid', code, errors: errors.map((fault) => expect.objectContaining(fault) as unknown as FieldError) });
    expect(error.message).not.toMatch(/(?<!settings)\/(serverAddress|senderAddress) /);
  });

  test.each<[string, SmtpSettingsUpdate]>([
    ['another server', { serverAddress: 'evil.example.com' }],
    ['another port', { port: 2525 }],
    ['no TLS', { security: 'none' }],
    ['an unchecked certificate', { verifyCertificate: false }],
    ['another account', { authentication: { ...kept, accountName: 'root' } }],
  ])('the stored secret for %s', async (_name, change) => {
    const error = await refusal({ ...SAVED, authentication: kept, ...change });
    expect(error).toMatchObject({ code: 'SMTP_PASSWORD_REQUIRED', errors: [{ pointer: '/settings/authentication/password' }] });
  });

  test('a server that the account does not allow', async () => {
    const { account } = await accounts.create(ACTOR, buildAccount());
    const error = await refusal(buildSettings({ serverAddress: 'evil.example.com', authentication: { type: 'account', accountId: account.id } }));
    expect(error).toMatchObject({ code: 'SMTP_SERVER_NOT_ALLOWED', errors: [{ pointer: '/settings/serverAddress' }] });
  });
});
