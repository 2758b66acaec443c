import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createMailroom, type Email, MailroomProblem, type SmtpTestEvent } from '../../openapi/client/src/index.js';
import { createAuthority } from '../factories/issue-certificate.js';
import { ADMIN_KEY, startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { type SmtpSink, startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';

const { paths } = JSON.parse(readFileSync('openapi/openapi.json', 'utf8')) as { paths: Record<string, Record<string, { operationId?: string }>> };
const OPERATIONS = Object.values(paths).flatMap((item) => Object.values(item).flatMap(({ operationId }) => operationId ?? []));
const NO_ID = '00000000-0000-7000-8000-000000000000';

let mailroom: TestMailroom;
let sink: SmtpSink;
beforeAll(async () => {
  [mailroom, sink] = await Promise.all([startMailroom(), startSmtpSink()]);
  await mailroom.sdk.putSmtpSettings({ body: { serverAddress: '127.0.0.1', port: sink.port, security: 'none', senderAddress: 'mailroom@example.com' } });
});
afterAll(async () => {
  await mailroom?.close();
  await sink?.close();
});

test('every operation of the contract is a method, in both styles, and there is no other', () => {
  const own = ['client', 'paginate', 'results'];
  expect(OPERATIONS.length).toBeGreaterThan(50);
  expect(Object.keys(mailroom.sdk).sort()).toEqual([...OPERATIONS, ...own].sort());
  expect(Object.keys(mailroom.sdk.results).sort()).toEqual(OPERATIONS.filter((name) => name !== 'streamSmtpTest').sort());
});

test('an event becomes a mail', async () => {
  await mailroom.sdk.createSubscription({ body: { emailAddress: 'alice@example.com', eventTypes: ['PasswordCheckFailed'] } });
  const { id } = await mailroom.sdk.publishEvent({ body: { type: 'PasswordCheckFailed', properties: { AccountName: 'svc-backup' } } });
  const event = await waitFor(() => mailroom.sdk.getEvent({ path: { id } }), ({ emails }) => emails.sent === 1);
  expect(event.type).toBe('PasswordCheckFailed');
  const [email] = (await mailroom.sdk.listEmails({ query: { eventId: id } })).items;
  expect(email).toMatchObject({ status: 'sent', to: 'alice@example.com', createdAt: expect.stringMatching(/^\d{4}-.*Z$/) });
  expect(sink.mails.map(({ to }) => to)).toEqual([['alice@example.com']]);
});

describe('problems', () => {
  test('a refusal is thrown with everything that Mailroom says of it', async () => {
    const thrown = await mailroom.sdk.createSubscription({ body: { emailAddress: 'nobody', eventTypes: ['PasswordCheckFailed'] } }).catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(MailroomProblem);
    expect(thrown).toMatchObject({ name: 'MailroomProblem', status: 400, code: 'EMAIL_ADDRESS_INVALID', requestId: expect.any(String), retryAfter: undefined });
    expect((thrown as MailroomProblem).errors).toEqual([expect.objectContaining({ pointer: '/emailAddress' })]);
    expect((thrown as MailroomProblem).message).toMatch(/^400 EMAIL_ADDRESS_INVALID: /);
  });

  test('the other style gives it, and the answer with its headers', async () => {
    const refused = await mailroom.sdk.results.getUser({ path: { id: NO_ID } });
    expect(refused.error).toBeInstanceOf(MailroomProblem);
    expect(refused).toMatchObject({ data: undefined, error: { status: 404, code: 'NOT_FOUND' } });
    const made = await mailroom.sdk.results.createUser({ body: { name: 'Dana', emailAddress: 'dana@example.com' } });
    const etag = made.response!.headers.get('ETag')!;
    const { id } = made.data!;
    await mailroom.sdk.putUser({ path: { id }, headers: { 'If-Match': etag }, body: { name: 'Dana', emailAddress: 'dana@example.org' } });
    await expect(mailroom.sdk.putUser({ path: { id }, headers: { 'If-Match': etag }, body: { name: 'Eve', emailAddress: 'eve@example.org' } })).rejects.toMatchObject({ status: 412 });
    expect(await mailroom.sdk.deleteUser({ path: { id } })).toBeUndefined();
  });

  test('a key that is not valid, and a key that a function gives', async () => {
    const keys = ['wrong-key', ADMIN_KEY];
    const sdk = createMailroom({ baseUrl: mailroom.url, apiKey: () => Promise.resolve(keys.shift()!) });
    await expect(sdk.listUsers()).rejects.toMatchObject({ status: 401 });
    await expect(sdk.listUsers()).resolves.toMatchObject({ nextCursor: null });
  });

  test.each(['', '/', '/v1', '/v1/'])('a base URL that ends with "%s"', async (end) => {
    expect(await createMailroom({ baseUrl: `${mailroom.url}${end}`, apiKey: ADMIN_KEY }).getSmtpSettings()).toMatchObject({ port: sink.port });
  });

  test.each(['', 'mailroom', '/v1', 'ftp://mailroom.example.com', 'http://mailroom.example.com/?a=b'])('a base URL that is none: "%s"', (baseUrl) => {
    expect(() => createMailroom({ baseUrl, apiKey: 'k' })).toThrow(TypeError);
  });
});

test('pages follow each other, from the newest, as they are needed', async () => {
  for (let n = 0; n < 5; n += 1) await mailroom.sdk.createSubscription({ body: { emailAddress: `page${n}@example.com`, eventTypes: ['DiskUsageWarning'] } });
  const asked: string[] = [];
  const sdk = createMailroom({ baseUrl: mailroom.url, apiKey: ADMIN_KEY, fetch: (url, init) => (asked.push(url), fetch(url, init)) });
  const found: (string | null)[] = [];
  for await (const { emailAddress } of sdk.paginate(sdk.listSubscriptions, { query: { eventType: 'DiskUsageWarning', limit: 2 } })) found.push(emailAddress);
  expect(found).toEqual([4, 3, 2, 1, 0].map((n) => `page${n}@example.com`));
  expect(asked).toHaveLength(3);
  asked.length = 0;
  for await (const _one of sdk.paginate(sdk.listSubscriptions, { query: { limit: 2 } })) break;
  expect(asked).toHaveLength(1);
  const none: Email[] = [];
  for await (const email of sdk.paginate(sdk.listEmails, { query: { eventId: NO_ID } })) none.push(email);
  expect(none).toEqual([]);
});

describe('the stream of an SMTP test', () => {
  test('tells each stage, then the whole test, and ends', async () => {
    const { id } = await mailroom.sdk.startSmtpTest({ body: { sendTo: 'admin@example.com', timeoutSeconds: 10 } });
    const events: SmtpTestEvent[] = [];
    for await (const event of mailroom.sdk.streamSmtpTest({ path: { id } })) events.push(event);
    expect(events.flatMap((one) => (one.event === 'stage' ? [one.data.stage.name] : []))).toEqual(expect.arrayContaining(['connect', 'greeting', 'ehlo', 'mailFrom', 'rcptTo', 'data', 'quit']));
    expect(events.at(-1)).toMatchObject({ event: 'test', data: { id, status: 'passed' } });
  });

  test('of a test that there is not is a problem; a signal ends it', async () => {
    const first = (id: string, signal?: AbortSignal) => mailroom.sdk.streamSmtpTest({ path: { id }, ...(signal && { signal }) }).next();
    await expect(first(NO_ID)).rejects.toMatchObject({ status: 404, code: 'NOT_FOUND' });
    const silent = await startSmtpSink({ delayMs: 3_000 });
    try {
      const settings = { serverAddress: '127.0.0.1', port: silent.port, security: 'none', senderAddress: 'mailroom@example.com' } as const;
      const { id } = await mailroom.sdk.startSmtpTest({ body: { sendTo: 'admin@example.com', settings } });
      const leaving = new AbortController();
      const told: string[] = [];
      const watching = (async () => {
        for await (const { event } of mailroom.sdk.streamSmtpTest({ path: { id }, signal: leaving.signal })) {
          told.push(event);
          leaving.abort(new Error('enough seen'));
        }
      })();
      await expect(watching).rejects.toThrow('enough seen');
      expect(told).not.toContain('test');
      await waitFor(() => mailroom.sdk.getSmtpTest({ path: { id } }), ({ finishedAt }) => finishedAt !== null);
    } finally {
      await silent.close();
    }
  });
});

describe('files', () => {
  test('the support bundle as a Blob and as a stream', async () => {
    const bundle = await mailroom.sdk.getSupportBundle();
    expect(bundle).toBeInstanceOf(Blob);
    expect(Buffer.from(await bundle.arrayBuffer()).subarray(0, 2).toString()).toBe('PK');
    const chunks: Uint8Array[] = [];
    for await (const chunk of await mailroom.sdk.getSupportBundle({ parseAs: 'stream' })) chunks.push(chunk as Uint8Array);
    expect(Buffer.concat(chunks).subarray(0, 2).toString()).toBe('PK');
  });

  test('a certificate request as JSON, as text and as DER; the certificate for it goes back as a file', async () => {
    const { id, pem } = await mailroom.sdk.createCertificateRequest({ body: { subject: { commonName: 'mailroom.example.com' }, keyType: 'ecP256' } });
    const text = await mailroom.sdk.getCertificateRequest({ path: { id }, headers: { Accept: 'application/x-pem-file' }, parseAs: 'text' });
    expect(text.trim()).toBe(pem.trim());
    const { data: der, response } = await mailroom.sdk.results.getCertificateRequest({ path: { id }, headers: { Accept: 'application/pkcs10' }, parseAs: 'arrayBuffer' });
    expect(Buffer.from(der!).toString('base64')).toBe(pem.replace(/-----[^-]+-----|\s/g, ''));
    expect(response!.headers.get('Content-Disposition')).toContain('filename');
    const authority = await createAuthority();
    const { chain } = await authority.issue({ csr: pem });
    const installed = await mailroom.sdk.uploadClientCertificate({ body: { file: new Blob([chain]) } });
    expect((await mailroom.sdk.listClientCertificates()).items.map((one) => one.id)).toEqual([installed.id]);
    const trusted = await mailroom.sdk.uploadTrustedCertificates({ body: { file: new File([authority.root], 'root.pem') } });
    expect(trusted).toBeDefined();
    expect((await mailroom.sdk.listTrustedCertificates()).items).toHaveLength(1);
  });

  test('a file that is none is refused', async () => {
    await expect(mailroom.sdk.uploadClientCertificate({ body: { file: new Blob(['nothing']), passphrase: 'x' } })).rejects.toMatchObject({ status: 400, errors: [expect.objectContaining({ pointer: '/file' })] });
  });
});
