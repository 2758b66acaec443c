import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { simpleParser } from 'mailparser';
import type { SmtpSettingsUpdate, SmtpTest, SmtpTestEvent, SmtpTestRequest } from '../../openapi/client/src/index.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { createPki } from '../setup/pki.js';
import { lies, type SinkOptions, type SmtpSink, startScriptedServer, startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';
import type { QueueBackEnd } from './flow.js';

/** Tests of SMTP settings on one queue back end: what a test tells, and that other mail waits for it. */
export function describeSmtpTests(name: string, openBackEnd: () => Promise<QueueBackEnd>): void {
  describe(`SMTP tests over the ${name}`, () => {
    let backEnd: QueueBackEnd;
    let mailroom: TestMailroom;
    const closers: (() => Promise<unknown>)[] = [];

    const sink = async (options: SinkOptions = {}): Promise<SmtpSink> => {
      const made = await startSmtpSink(options);
      closers.push(() => made.close());
      return made;
    };
    const liar = async (script: Parameters<typeof startScriptedServer>[0]): Promise<number> => {
      const made = await startScriptedServer(script);
      closers.push(() => made.close());
      return made.port;
    };
    const candidate = (port: number, overrides: Partial<SmtpSettingsUpdate> = {}): SmtpSettingsUpdate => ({ serverAddress: '127.0.0.1', port, security: 'none', senderAddress: 'mailroom@example.com', ...overrides });
    const run = (settings: SmtpSettingsUpdate | undefined, overrides: Partial<SmtpTestRequest> = {}): Promise<SmtpTest> => {
      const body = { sendTo: 'admin@example.com', timeoutSeconds: 5, ...(settings && { settings }), ...overrides };
      return mailroom.sdk.startSmtpTest({ body, headers: { Prefer: 'wait=30' } });
    };
    const stagesOf = (test: SmtpTest) => test.addresses[0]!.stages.map(({ name: stage, status }) => `${stage} ${status}`);

    beforeAll(async () => {
      backEnd = await openBackEnd();
      mailroom = await startMailroom({ ...backEnd, env: { MAILROOM_RETRY_BASE_MS: '300' } });
      await mailroom.sdk.createSubscription({ body: { emailAddress: 'flow@example.com', eventTypes: ['TestConnectionFailed'] } });
    });
    afterAll(async () => {
      await mailroom?.close();
      await Promise.all(closers.map((close) => close()));
      await backEnd?.stop();
    });

    test('a test passes: every stage, the TLS facts, the queue id, where to look, and a mail that says what was tested', async () => {
      const pki = await createPki();
      const { key, chain } = await pki.issue({ ipAddresses: ['127.0.0.1'] });
      const server = await sink({ tls: { key, cert: chain }, auth: { user: 'mailroom', password: 'secret-of-the-test', required: true } });
      const settings = candidate(server.port, { security: 'startTls', verifyCertificate: false, authentication: { type: 'password', accountName: 'mailroom', password: 'secret-of-the-test' } });
      const done = await run(settings, { senderAddress: 'other@example.com' });
      expect(done).toMatchObject({ status: 'passed', settings: 'candidate', sendTo: 'admin@example.com' });
      expect(stagesOf(done)).toEqual(['connect passed', 'greeting passed', 'ehlo passed', 'startTls warned', 'auth passed', 'mailFrom passed', 'rcptTo passed', 'data passed', 'quit passed']);
      const [address] = done.addresses;
      expect(address).toMatchObject({ address: '127.0.0.1', status: 'passed', queueId: '1', tls: { protocol: 'TLSv1.3', trusted: false } });
      expect(address!.message).toContain('mailbox of admin@example.com');
      expect(address!.tls!.chain[0]!.subjectAltNames).toContain('IP Address:127.0.0.1');
      expect(JSON.stringify(done)).not.toContain('secret-of-the-test');
      expect(address!.transcript).toContain('AUTH');
      expect(address!.transcript).not.toContain(Buffer.from('\0mailroom\0secret-of-the-test').toString('base64'));
      const mail = await simpleParser(server.mails[0]!.raw);
      expect(mail.from?.text).toContain('other@example.com');
      expect(mail.text).toContain(`127.0.0.1, port ${server.port}`);
      const body = await mailroom.sdk.getSmtpTest({ path: { id: done.id } });
      expect(body).toEqual(done);
      const { rows } = { rows: await mailroom.container.database.prisma.smtpTest.findMany() };
      expect(JSON.stringify(rows)).not.toContain('secret-of-the-test');
    });

    test.each([
      ['no greeting', lies.noGreeting, 'timedOut', 'greeting', 'GREETING_TIMEOUT'],
      ['421 at the greeting', lies.busyAtGreeting, 'failed', 'greeting', expect.any(String)],
      ['an endless banner', lies.endlessBanner, 'failed', 'greeting', expect.any(String)],
      ['an endless reply', lies.endlessReply, 'failed', 'ehlo', expect.any(String)],
      ['one byte at a time', lies.trickles, 'timedOut', 'greeting', expect.any(String)],
      ['a close in DATA', lies.closesInData, 'failed', 'data', expect.any(String)],
      ['a close after the final dot', lies.closesAfterFinalDot, 'failed', 'data', expect.any(String)],
    ] as const)('a server that lies: %s', async (_name, script, status, stage, code) => {
      const done = await run(candidate(await liar(script)), { timeoutSeconds: 1 });
      expect(done.status).toBe(status);
      const failed = done.addresses[0]!.stages.find((one) => one.status === 'failed');
      expect(failed).toMatchObject({ name: stage, code, message: expect.any(String), hint: expect.any(String) });
      expect(done.addresses[0]!.durationMs).toBeLessThan(3_000);
      expect(done.message).toContain('127.0.0.1');
    });

    test.each([
      ['454 to STARTTLS', lies.refusesStartTls],
      ['plain text injected behind STARTTLS', lies.injectsBehindStartTls],
    ] as const)('%s fails the startTls stage and nothing is said after it', async (_name, script) => {
      const done = await run(candidate(await liar(script), { security: 'startTls' }));
      expect(done.status).toBe('failed');
      expect(stagesOf(done).slice(3, 5)).toEqual(['startTls failed', 'auth skipped']);
    });

    test('a refused recipient is told as such, and nothing is delivered', async () => {
      const server = await sink({ refuse: (_address, command) => (command === 'RCPT' ? '550 5.1.1 No such user' : undefined) });
      const done = await run(candidate(server.port));
      expect(done.status).toBe('failed');
      expect(done.addresses[0]!.stages.find((one) => one.name === 'rcptTo')).toMatchObject({ status: 'failed', reply: expect.stringContaining('No such user') });
      expect(server.mails).toEqual([]);
    });

    test('a name without an address fails before any connection, with the reason', async () => {
      const done = await run(candidate(2525, { serverAddress: 'no-such-host.invalid' }));
      expect(done).toMatchObject({ status: 'failed', addresses: [], code: expect.stringMatching(/^DNS_/), message: expect.stringContaining('no-such-host.invalid') });
    });

    test('what cannot be tested is refused at once', async () => {
      await mailroom.sdk.putSmtpSettings({ body: { serverAddress: null } });
      expect((await mailroom.as().post('/v1/smtp-tests', { sendTo: 'a@example.com' }).expect(409)).body.code).toBe('SMTP_DISABLED');
      const cases: [object, string, string][] = [
        [{ sendTo: 'nobody' }, '/sendTo', 'EMAIL_ADDRESS_INVALID'],
        [{ sendTo: 'a@example.com', timeoutSeconds: 0 }, '/timeoutSeconds', 'VALIDATION_FAILED'],
        [{ sendTo: 'a@example.com', timeoutSeconds: 256 }, '/timeoutSeconds', 'VALIDATION_FAILED'],
        [{ sendTo: 'a@example.com', settings: candidate(25, { serverAddress: '2001:db8::25' }) }, '/settings/serverAddress', 'SMTP_SERVER_ADDRESS_INVALID'],
        [{ sendTo: 'a@example.com', settings: candidate(25, { serverAddress: '169.254.169.254' }) }, '/settings/serverAddress', 'SMTP_ADDRESS_DENIED'],
        [{ sendTo: 'a@example.com', settings: { senderAddress: 'a@example.com' } }, '/settings/serverAddress', 'SMTP_SERVER_REQUIRED'],
      ];
      for (const [body, pointer, code] of cases) {
        const { body: problem } = await mailroom.as().post('/v1/smtp-tests', body).expect(400);
        expect(problem).toMatchObject({ code, errors: [expect.objectContaining({ pointer })] });
      }
    });

    test('other mail waits while a test runs, uses no attempt, and goes on by itself', async () => {
      const server = await sink();
      await mailroom.sdk.putSmtpSettings({ body: candidate(server.port) });
      const silent = await liar(lies.noGreeting);
      const started = await mailroom.sdk.startSmtpTest({ body: { sendTo: 'a@example.com', timeoutSeconds: 6, settings: candidate(silent) } });
      const status = () => mailroom.sdk.getSmtpTest({ path: { id: started.id } });
      await waitFor(status, (one) => one.status === 'running');
      const event = await mailroom.sdk.publishEvent({ body: { type: 'TestConnectionFailed' } });
      const emails = async () => (await mailroom.sdk.listEmails({ query: { eventId: event.id } })).items;
      await waitFor(emails, (items) => items.length === 1);
      const held: string[] = [];
      for (let test = await status(); test.status === 'running'; test = await status()) {
        const [email] = await emails();
        if ((await status()).status === 'running') held.push(`${email!.status} ${email!.attemptCount}`);
      }
      expect(new Set(held)).toEqual(new Set(['queued 0']));
      const [sent] = await waitFor(emails, ([email]) => email?.status === 'sent');
      const test = await status();
      expect(Date.parse(sent!.sentAt!)).toBeGreaterThanOrEqual(Date.parse(test.finishedAt!));
      expect(server.mails).toHaveLength(1);
    });

    test('a test waits until nothing is being sent, and tests run one at a time', async () => {
      const slow = await sink({ delayMs: 1_000 });
      await mailroom.sdk.putSmtpSettings({ body: candidate(slow.port) });
      const event = await mailroom.sdk.publishEvent({ body: { type: 'TestConnectionFailed' } });
      const email = async () => (await mailroom.sdk.listEmails({ query: { eventId: event.id } })).items[0];
      await waitFor(email, (one) => one?.status === 'sending');
      const started = await Promise.all([1, 2, 3].map(() => mailroom.sdk.startSmtpTest({ body: { sendTo: 'a@example.com', timeoutSeconds: 5 } })));
      const tests = await Promise.all(started.map(({ id }) => waitFor(() => mailroom.sdk.getSmtpTest({ path: { id } }), (one) => one.finishedAt !== null, 25_000)));
      expect(tests.map((one) => one.status)).toEqual(['passed', 'passed', 'passed']);
      const spans = tests.map((one) => [Date.parse(one.startedAt!), Date.parse(one.finishedAt!)] as const).sort(([a], [b]) => a - b);
      expect(spans[0]![0]).toBeGreaterThanOrEqual(Date.parse((await email())!.sentAt!));
      expect(spans[1]![0]).toBeGreaterThanOrEqual(spans[0]![1]);
      expect(spans[2]![0]).toBeGreaterThanOrEqual(spans[1]![1]);
    });

    test('the stream tells each stage, then the whole test, and ends', async () => {
      const server = await sink({ delayMs: 300 });
      const started = await mailroom.sdk.startSmtpTest({ body: { sendTo: 'a@example.com', settings: candidate(server.port) } });
      const watched = async () => {
        const events: SmtpTestEvent[] = [];
        for await (const event of mailroom.sdk.streamSmtpTest({ path: { id: started.id } })) events.push(event);
        return events;
      };
      const events = await watched();
      const stages = events.flatMap((one) => (one.event === 'stage' ? [one.data.stage.name] : []));
      expect(stages).toEqual(['connect', 'greeting', 'ehlo', 'mailFrom', 'rcptTo', 'data', 'quit']);
      expect(events.at(-1)).toMatchObject({ event: 'test', data: { id: started.id, status: 'passed' } });
      expect((await watched()).at(-1)).toEqual(events.at(-1));
    });

    test('an Idempotency-Key starts one test; without waiting the answer is queued', async () => {
      const server = await sink();
      const body = { sendTo: 'a@example.com', settings: candidate(server.port) };
      const { data: first, response } = await mailroom.sdk.results.startSmtpTest({ body, headers: { 'Idempotency-Key': 'once' } });
      expect(first).toMatchObject({ status: 'queued', addresses: [] });
      expect(response?.headers.get('location')).toBe(`/v1/smtp-tests/${first!.id}`);
      const second = await mailroom.sdk.startSmtpTest({ body, headers: { 'Idempotency-Key': 'once' } });
      expect(second.id).toBe(first!.id);
      await waitFor(() => mailroom.sdk.getSmtpTest({ path: { id: first!.id } }), (one) => one.status === 'passed');
      expect(server.mails).toHaveLength(1);
      const page = await mailroom.sdk.listSmtpTests({ query: { limit: 1 } });
      expect(page.items[0]?.id).toBe(first!.id);
    });
  });
}
