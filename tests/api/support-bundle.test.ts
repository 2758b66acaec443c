import { once } from 'node:events';
import { type ClientRequest, get as httpGet, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { crc32 } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import yauzl from 'yauzl';
import { type Listener, listen } from '../../src/http/listen.js';
import type { SmtpSettingsUpdate } from '../../src/smtp-settings/smtp-settings.contract.js';
import { type SessionLogRow, SmtpSessionLogsRepository } from '../../src/smtp-session-logs/smtp-session-logs.repository.js';
import { type SessionLogEntry, SmtpSessionLogsService } from '../../src/smtp-session-logs/smtp-session-logs.service.js';
import { zipStream } from '../../src/support-bundle/zip-stream.js';
import { buildAccount } from '../factories/build-account.js';
import { buildEvent } from '../factories/build-event.js';
import { buildSettings } from '../factories/build-settings.js';
import { buildSubscription } from '../factories/build-subscription.js';
import { insertEmail } from '../factories/insert-email.js';
import { ADMIN_KEY, startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { startSmtpSink } from '../setup/smtp-servers.js';
import { CLIENT, startTokenServer } from '../setup/token-server.js';
import { waitFor } from '../setup/wait.js';
import { expectProblem } from './expect-problem.js';

const SECRET_KEY = 'test-secret-key-of-32-characters'; // of tests/setup/mailroom.ts
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let mailroom: TestMailroom;
let listener: Listener;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
  listener = await listen(mailroom.container.app, '127.0.0.1', 0);
});
afterEach(() => void jest.restoreAllMocks());
afterAll(async () => {
  await listener.close(1_000);
  await mailroom.close();
});

/** A download over a real socket; its answer is not read yet. */
async function download(key: string = ADMIN_KEY, query = '', { url } = listener): Promise<{ request: ClientRequest; response: IncomingMessage }> {
  const request = httpGet(`${url}/v1/support-bundle${query}`, { headers: { authorization: `Bearer ${key}` }, agent: false });
  const [response] = await once(request, 'response') as [IncomingMessage];
  return { request, response };
}

/** The files of a ZIP by name, each checked against its CRC. */
async function unzip(bytes: Buffer): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  const zip = await yauzl.fromBufferPromise(bytes, { lazyEntries: true, validateEntrySizes: true });
  for await (const entry of zip.eachEntry()) {
    const content = await buffer(await zip.openReadStreamPromise(entry));
    expect(crc32(content)).toBe(entry.crc32);
    files[entry.fileName] = content.toString('utf8');
  }
  return files;
}

async function bundle(query = '', from = listener): Promise<Record<string, string>> {
  const { response } = await download(ADMIN_KEY, query, from);
  expect(response.statusCode).toBe(200);
  return unzip(await buffer(response));
}

const sessionRow = (at: Date, overrides: Partial<SessionLogRow> = {}): SessionLogRow =>
  ({ id: uuidv7(), at, kind: 'delivery', subjectId: null, worker: 'mail-1:42', line: 'sent', transcript: null, ...overrides });
const insert = (rows: SessionLogRow[]) => new SmtpSessionLogsRepository(mailroom.container.database).insert(rows);
const ago = (ms: number): Date => new Date(Date.now() - ms);
const logName = (at: Date): string => `SMTPSVC1/ex${at.toISOString().slice(2, 10).replaceAll('-', '')}.log`;
const logOf = (files: Record<string, string>): string => Object.keys(files).filter((name) => name.startsWith('SMTPSVC1/')).map((name) => files[name]).join('');

describe('who may have it', () => {
  test.each(['administrator', 'auditor'] as const)('an %s may', async (role) => {
    const { response } = await download(await mailroom.keyOf(role));
    expect(response.statusCode).toBe(200);
    expect(Object.keys(await unzip(await buffer(response)))).toContain('versions.json');
  });

  test('a publisher may not', async () => {
    expectProblem(await mailroom.as(await mailroom.keyOf('publisher')).get('/v1/support-bundle'), 403, 'ROLE_INSUFFICIENT');
  });

  test.each(['0', '3', '1.5', 'all', ''])('not of %p days', async (days) => {
    expectProblem(await mailroom.as().get(`/v1/support-bundle?days=${days}`), 400, 'VALIDATION_FAILED', [{ parameter: 'days' }]);
  });
});

describe('what is in it', () => {
  test('it is a ZIP file with a name, made for this request', async () => {
    const { response } = await download();
    expect(response.headers).toMatchObject({ 'content-type': 'application/zip', 'cache-control': 'no-store' });
    expect(response.headers['content-disposition']).toMatch(/^attachment; filename="mailroom-support-\d{8}T\d{6}Z\.zip"$/);
    expect(response.headers).not.toHaveProperty('etag');
    const files = await unzip(await buffer(response));
    expect(Object.keys(files).slice(0, 4)).toEqual(['README.txt', 'versions.json', 'settings.json', 'counts.json']);
    for (const name of Object.keys(files)) expect(files['README.txt']).toContain(name.replace(/\d{6}/, 'YYMMDD'));
  });

  test('versions tell what runs', async () => {
    const versions = JSON.parse((await bundle())['versions.json']!) as { migrations: { name: string }[] };
    expect(versions).toMatchObject({
      mailroom: expect.stringMatching(/^\d+\.\d+\.\d+/), node: process.versions.node, openssl: process.versions.openssl, postgres: expect.stringMatching(/^\d+/),
      queue: 'postgres', role: 'all', platform: expect.stringContaining(process.platform), uptimeSeconds: expect.any(Number),
    });
    expect(versions.migrations.map(({ name }) => name)).toEqual(expect.arrayContaining([expect.stringMatching(/_init$/), expect.stringMatching(/_smtp_tests$/)]));
  });

  test('settings are exactly what the API shows', async () => {
    await mailroom.as().put('/v1/smtp-settings', buildSettings({ authentication: { type: 'password', accountName: 'mailroom', password: 'correct-horse' } })).expect(200);
    await mailroom.as().post('/v1/certificate-requests', { subject: { commonName: 'mailroom' }, keyType: 'ecP256' }).expect(201);
    for (let number = 0; number < 3; number += 1) await mailroom.as().post('/v1/accounts', buildAccount({ accountName: `svc-${number}` })).expect(201);
    await mailroom.as().put('/v1/event-types/InvoicePaid', {}).expect(201);
    await mailroom.as().put('/v1/email-templates/InvoicePaid', { subject: 'Paid', textBody: 'Paid.' }).expect(200);
    const settings = JSON.parse((await bundle())['settings.json']!);
    expect(settings).toEqual({
      smtpSettings: (await mailroom.as().get('/v1/smtp-settings')).body,
      dnsSettings: (await mailroom.as().get('/v1/dns-settings')).body,
      accounts: (await mailroom.as().get('/v1/accounts')).body.items,
      certificateRequests: (await mailroom.as().get('/v1/certificate-requests')).body.items,
      clientCertificates: [],
      trustedCertificates: [],
      eventTypes: [(await mailroom.as().get('/v1/event-types/InvoicePaid')).body],
      emailTemplates: (await mailroom.as().get('/v1/email-templates?isModified=true')).body.items,
    });
    expect(settings.emailTemplates).toEqual([expect.objectContaining({ eventType: 'InvoicePaid', isModified: true })]);
    expect(settings.accounts).toHaveLength(3);
    expect(settings.certificateRequests).toHaveLength(1);
    expect(settings.smtpSettings.authentication).toEqual({ type: 'password', accountName: 'mailroom', hasPassword: true });
  });

  test('counts tell e-mails by status and reason, in total and of the last days, and what waits', async () => {
    const { database } = mailroom.container;
    for (const createdAt of [ago(HOUR_MS), ago(30 * HOUR_MS), ago(60 * HOUR_MS)]) {
      await insertEmail(database, { status: 'sent', createdAt });
      await insertEmail(database, { status: 'deferred', reasonCode: 'CONNECTION_REFUSED', createdAt });
    }
    await mailroom.as().post('/v1/subscriptions', buildSubscription({ enabled: false })).expect(201);
    await mailroom.as().post('/v1/events', buildEvent()).expect(202);
    const counts = JSON.parse((await bundle())['counts.json']!);
    expect(counts).toMatchObject({
      recentDays: 2,
      emails: expect.arrayContaining([{ status: 'sent', total: 3, recent: 2 }, { status: 'deferred', total: 3, recent: 2 }]),
      reasons: [{ status: 'deferred', code: 'CONNECTION_REFUSED', count: 3 }],
      events: { total: 7, recent: 7, waiting: 1 },
      subscriptions: { total: 1, enabled: 0 },
      users: { total: 0, enabled: 0 },
      apiKeys: expect.arrayContaining([{ role: 'auditor', count: 1 }]),
      queue: { backEnd: 'postgres', jobs: { 'deliver-emails': { waiting: 0, active: 0 }, 'match-events': { waiting: expect.any(Number), active: 0 } } },
    });
    const day = JSON.parse((await bundle('?days=1'))['counts.json']!);
    expect(day.emails).toContainEqual({ status: 'sent', total: 3, recent: 1 });
  });

  test('a queue that is down is told, and is no reason to have no bundle', async () => {
    jest.spyOn(mailroom.container.queue, 'depth').mockRejectedValue(Object.assign(new Error('redis://:hunter2@redis is away'), { code: 'QUEUE_UNREACHABLE' }));
    const counts = (await bundle())['counts.json']!;
    expect(JSON.parse(counts).queue).toEqual({ backEnd: 'postgres', jobs: { error: 'QUEUE_UNREACHABLE' } });
    expect(counts).not.toContain('hunter2');
  });
});

describe('the SMTP sessions', () => {
  afterEach(async () => {
    await mailroom.container.database.prisma.smtpSessionLog.deleteMany();
  });

  test('are in one file for each day, oldest first, with transcripts indented under their line', async () => {
    const [now, yesterday] = [ago(1_000), ago(DAY_MS)];
    const subjectId = uuidv7();
    await insert([
      sessionRow(now, { line: 'sent to=<second@example.com>' }),
      sessionRow(new Date(now.getTime() - 1), { line: 'failed to=<first@example.com>', subjectId, transcript: '0.000 S: 220 mx\n0.001 C: QUIT' }),
      sessionRow(yesterday, { kind: 'test', line: 'passed' }),
    ]);
    const files = await bundle();
    expect(Object.keys(files).slice(4)).toEqual([...new Set([2 * DAY_MS, DAY_MS, 0].map((ms) => logName(ago(ms))))]);
    expect(files[logName(now)]).toMatch(/^#Software: Mailroom \d.*\n#Version: 1\.0\n#Date: .*\n#Fields: time worker kind id result\n/);
    expect(files[logName(now)]).toContain([
      `${new Date(now.getTime() - 1).toISOString()} mail-1:42 delivery ${subjectId} failed to=<first@example.com>`,
      '    0.000 S: 220 mx',
      '    0.001 C: QUIT',
      `${now.toISOString()} mail-1:42 delivery - sent to=<second@example.com>\n`,
    ].join('\n'));
    expect(files[logName(yesterday)]).toContain(`${yesterday.toISOString()} mail-1:42 test - passed\n`);
    expect(logOf(files).match(/^[^#\s].*$/gm)).toHaveLength(3);
  });

  test('are those of the days that were asked for', async () => {
    await insert([ago(DAY_MS - 60_000), ago(DAY_MS + 60_000), ago(2 * DAY_MS + 60_000)].map((at, index) => sessionRow(at, { line: `number ${index}` })));
    expect(logOf(await bundle('?days=1')).match(/number \d/g)).toEqual(['number 0']);
    expect(logOf(await bundle('?days=2')).match(/number \d/g)).toEqual(['number 1', 'number 0']);
  });

  test('are all there, each once, however many and also at the same moment', async () => {
    const at = ago(HOUR_MS);
    await insert(Array.from({ length: 3_500 }, (_, index) => sessionRow(at, { line: `number=${index}`, transcript: index % 7 === 0 ? 'ü'.repeat(5_000) : null })));
    const numbers = logOf(await bundle()).match(/(?<=number=)\d+$/gm)!.map(Number);
    expect(numbers).toEqual(Array.from({ length: 3_500 }, (_, index) => index));
  });
});

/** Session logs without end, and whether they are still being read. */
function endless(): { pages: number; closed: boolean } {
  const state = { pages: 0, closed: false };
  jest.spyOn(SmtpSessionLogsService.prototype, 'pages').mockImplementation(async function* (): AsyncGenerator<SessionLogEntry[], void, undefined> {
    try {
      for (;;) {
        state.pages += 1;
        yield [sessionRow(new Date(), { transcript: Array.from({ length: 1_000 }, () => uuidv7()).join('\n') })];
        await new Promise((wake) => setImmediate(wake));
      }
    } finally {
      state.closed = true;
    }
  });
  return state;
}

describe('a download that does not go well', () => {
  test('is read no faster than the client reads, and not at all when it has gone', async () => {
    const state = endless();
    const { request, response } = await download();
    await once(response, 'readable');
    let [last, same] = [0, 0];
    await waitFor(() => state.pages, (pages) => {
      same = pages === last ? same + 1 : 0;
      last = pages;
      return same >= 25; // half a second without another page
    }, 90_000); // until then megabytes are compressed, which a busy machine takes long for
    expect(state.closed).toBe(false);
    expect(last).toBeLessThan(1_500);
    response.resume();
    await waitFor(() => state.pages, (pages) => pages > last + 100);
    request.destroy();
    await waitFor(() => state.closed, (closed) => closed);
    const { pages } = state;
    await bundleIsStillMade();
    expect(state.pages).toBe(pages);
  }, 120_000);

  test('breaks off when reading fails half way: nobody takes the half for the whole, and the service goes on', async () => {
    const page = jest.spyOn(SmtpSessionLogsRepository.prototype, 'page');
    page.mockImplementationOnce(() => Promise.resolve([sessionRow(ago(HOUR_MS))])).mockRejectedValueOnce(new Error('the database is away'));
    const { response } = await download();
    expect(response.statusCode).toBe(200);
    await expect(buffer(response)).rejects.toThrow(/aborted/);
    expect(response.complete).toBe(false);
    await bundleIsStillMade();
  });

  test('is a problem as long as nothing was sent', async () => {
    const { prisma } = mailroom.container.database;
    await prisma.$executeRaw`ALTER TABLE subscriptions RENAME TO subscriptions_away`;
    const response = await mailroom.as().get('/v1/support-bundle');
    await prisma.$executeRaw`ALTER TABLE subscriptions_away RENAME TO subscriptions`;
    expectProblem(response, 500, 'INTERNAL');
    expect(response.headers).not.toHaveProperty('content-disposition');
  });

  async function bundleIsStillMade(): Promise<void> {
    jest.restoreAllMocks();
    expect(Object.keys(await bundle())).toContain('README.txt');
  }
});

describe('a ZIP stream', () => {
  test('that is destroyed before its first entry reads none', async () => {
    let reads = 0;
    const zip = zipStream([{ name: 'a.txt', content: () => String(reads += 1) }, { name: 'b.txt', content: () => String(reads += 1) }], new Date());
    zip.destroy();
    await once(zip, 'close');
    expect(reads).toBeLessThanOrEqual(1);
    expect(zip.readableEnded).toBe(false);
  });

  test('fails with the fault of a content', async () => {
    const fault = new Error('no content');
    const content = (): AsyncIterable<string> => Readable.from((async function* () { yield 'x'; await Promise.reject(fault); })());
    await expect(buffer(zipStream([{ name: 'a.txt', content }], new Date()))).rejects.toBe(fault);
  });
});

describe('secrets', () => {
  /** A secret in the forms in which it travels and is stored. */
  function formsOf(secret: string): string[] {
    const bytes = Buffer.from(secret);
    const shifted = [0, 1, 2].map((shift) => Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64').slice(shift === 0 ? 0 : 4).replace(/=+$/, '').slice(0, -2));
    return [secret, encodeURIComponent(secret), bytes.toString('hex'), bytes.toString('hex').toUpperCase(), bytes.toString('base64url'), JSON.stringify(secret).slice(1, -1), ...shifted].filter(({ length }) => length >= 6);
  }

  test('none that was set is in any file, in no form', async () => {
    const secrets: Record<string, string> = {
      wrongPassword: 'wr0ng~Passw0rd-4711', smtpPassword: 'r1ght~Passw0rd-0815', accountPassword: 'acc0unt~Passw0rd-2342', clientSecret: CLIENT.clientSecret,
      administratorKey: ADMIN_KEY, secretKey: SECRET_KEY,
    };
    const full = await startMailroom({ env: { MAILROOM_RETRY_BASE_MS: '300' } });
    const open = await listen(full.container.app, '127.0.0.1', 0);
    const [plain, login, token] = await Promise.all([
      startSmtpSink({ auth: { user: 'mailroom', password: secrets['smtpPassword']!, methods: ['PLAIN'], required: true } }),
      startSmtpSink({ auth: { user: 'svc-mail', password: secrets['accountPassword']!, methods: ['LOGIN'], required: true } }),
      startTokenServer(),
    ]);
    const oauth = await startSmtpSink({ auth: { user: 'robot', accessToken: 'a token that nobody has', methods: ['XOAUTH2'], required: true } });
    try {
      const { password } = new URL(full.databaseUrl);
      if (password !== '') secrets['databasePassword'] = password; // a database of the tester's may have none
      secrets['apiKey'] = await full.keyOf('auditor');
      const account = await full.as().post('/v1/accounts', buildAccount({ accountName: 'svc-mail', password: secrets['accountPassword']!, allowedServers: ['127.0.0.1'] })).expect(201);
      await full.as().post('/v1/subscriptions', buildSubscription()).expect(201);
      const settle = async (status: 'sent' | 'deferred', port: number, authentication: SmtpSettingsUpdate['authentication']): Promise<void> => {
        await full.as().put('/v1/smtp-settings', buildSettings({ serverAddress: '127.0.0.1', port, security: 'none', ...(authentication && { authentication }) })).expect(200);
        const { body } = await full.as().post('/v1/events', buildEvent()).expect(202);
        const { body: { items: [email] } } = await waitFor(() => full.as().get(`/v1/emails?eventId=${body.id}`), ({ body: page }) => page.items[0]?.status === status && page.items[0].attemptCount > 0);
        if (status === 'deferred') await full.as().post(`/v1/emails/${email.id}/cancel`).expect(200); // or it would go with the next settings
      };
      await settle('deferred', plain.port, { type: 'password', accountName: 'mailroom', password: secrets['wrongPassword']! });
      await settle('sent', plain.port, { type: 'password', accountName: 'mailroom', password: secrets['smtpPassword']! });
      await settle('deferred', login.port, { type: 'password', accountName: 'svc-mail', password: secrets['wrongPassword']! });
      await settle('sent', login.port, { type: 'account', accountId: account.body.id as string });
      await settle('deferred', oauth.port, { type: 'oauth2', accountName: 'robot', tokenUrl: token.url, clientId: CLIENT.clientId, clientSecret: CLIENT.clientSecret, scope: 'smtp' });
      secrets['accessToken'] = token.lastToken!;
      const told = ['C: AUTH PLAIN [redacted]', 'C: AUTH LOGIN', 'C: AUTH XOAUTH2 [redacted]', 'S: 535 ', ' sent relay=127.0.0.1 ', ' not-connected ', 'alice@example.com'];
      const files = await waitFor(() => bundle('', open), (read) => told.every((text) => logOf(read).includes(text)) && logOf(read).split(' sent relay').length > 2);
      expect(JSON.parse(files['settings.json']!)).toMatchObject({ smtpSettings: { authentication: { type: 'oauth2', clientId: CLIENT.clientId } }, accounts: [{ accountName: 'svc-mail', hasPassword: true }] });
      for (const [name, secret] of Object.entries(secrets)) {
        expect(secret.length).toBeGreaterThan(7);
        for (const form of formsOf(secret)) for (const [file, content] of Object.entries(files)) expect({ name, file, told: content.includes(form) }).toEqual({ name, file, told: false });
      }
      expect(Object.values(files).join('')).not.toMatch(/ciphertext|keyHash|BEGIN .*PRIVATE/i);
    } finally {
      await Promise.all([plain, login, oauth, token].map((server) => server.close()));
      await open.close(1_000);
      await full.close();
    }
  });
});
