import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { simpleParser } from 'mailparser';
import { ADMIN_KEY, startMailroom, type TestMailroom } from '../setup/mailroom.js';
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
    const candidate = (port: number, overrides = {}) => ({ serverAddress: '127.0.0.1', port, security: 'none', senderAddress: 'mailroom@example.com', ...overrides });
    const run = async (settings: object | undefined, overrides = {}) => {
      const body = { sendTo: 'admin@example.com', timeoutSeconds: 5, ...(settings && { settings }), ...overrides };
      return (await mailroom.as().post('/v1/smtp-tests', body).set('Prefer', 'wait=30').expect(202)).body;
    };
    const stagesOf = (test: { addresses: { stages: { name: string; status: string }[] }[] }) => test.addresses[0]!.stages.map(({ name: stage, status }) => `${stage} ${status}`);

    beforeAll(async () => {
      backEnd = await openBackEnd();
      mailroom = await startMailroom({ ...backEnd, env: { MAILROOM_RETRY_BASE_MS: '300' } });
      await mailroom.as().post('/v1/subscriptions', { emailAddress: 'flow@example.com', eventTypes: ['TestConnectionFailed'] }).expect(201);
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
      expect(address.message).toContain('mailbox of admin@example.com');
      expect(address.tls.chain[0].subjectAltNames).toContain('IP Address:127.0.0.1');
      expect(JSON.stringify(done)).not.toContain('secret-of-the-test');
      expect(address.transcript).toContain('AUTH');
      expect(address.transcript).not.toContain(Buffer.from('\0mailroom\0secret-of-the-test').toString('base64'));
      const mail = await simpleParser(server.mails[0]!.raw);
      expect(mail.from?.text).toContain('other@example.com');
      expect(mail.text).toContain(`127.0.0.1, port ${server.port}`);
      const { body } = await mailroom.as().get(`/v1/smtp-tests/${done.id}`).expect(200);
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
      const failed = done.addresses[0].stages.find((one: { status: string }) => one.status === 'failed');
      expect(failed).toMatchObject({ name: stage, code, message: expect.any(String), hint: expect.any(String) });
      expect(done.addresses[0].durationMs).toBeLessThan(3_000);
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
      expect(done.addresses[0].stages.find((one: { name: string }) => one.name === 'rcptTo')).toMatchObject({ status: 'failed', reply: expect.stringContaining('No such user') });
      expect(server.mails).toEqual([]);
    });

    test('a name without an address fails before any connection, with the reason', async () => {
      const done = await run(candidate(2525, { serverAddress: 'no-such-host.invalid' }));
      expect(done).toMatchObject({ status: 'failed', addresses: [], code: expect.stringMatching(/^DNS_/), message: expect.stringContaining('no-such-host.invalid') });
    });

    test('what cannot be tested is refused at once', async () => {
      await mailroom.as().put('/v1/smtp-settings', { serverAddress: null }).expect(200);
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
      await mailroom.as().put('/v1/smtp-settings', candidate(server.port)).expect(200);
      const silent = await liar(lies.noGreeting);
      const { body: started } = await mailroom.as().post('/v1/smtp-tests', { sendTo: 'a@example.com', timeoutSeconds: 2, settings: candidate(silent) }).expect(202);
      const status = async () => (await mailroom.as().get(`/v1/smtp-tests/${started.id}`)).body;
      await waitFor(status, (one) => one.status === 'running');
      const { body: event } = await mailroom.as().post('/v1/events', { type: 'TestConnectionFailed' }).expect(202);
      const emails = async () => (await mailroom.as().get(`/v1/emails?eventId=${event.id}`)).body.items;
      await waitFor(emails, (items) => items.length === 1);
      const held: string[] = [];
      for (let test = await status(); test.status === 'running'; test = await status()) {
        const [email] = await emails();
        if ((await status()).status === 'running') held.push(`${email.status} ${email.attemptCount}`);
      }
      expect(new Set(held)).toEqual(new Set(['queued 0']));
      const [sent] = await waitFor(emails, ([email]) => email.status === 'sent');
      const test = await status();
      expect(Date.parse(sent.sentAt)).toBeGreaterThanOrEqual(Date.parse(test.finishedAt));
      expect(server.mails).toHaveLength(1);
    });

    test('a test waits until nothing is being sent, and tests run one at a time', async () => {
      const slow = await sink({ delayMs: 1_000 });
      await mailroom.as().put('/v1/smtp-settings', candidate(slow.port)).expect(200);
      const { body: event } = await mailroom.as().post('/v1/events', { type: 'TestConnectionFailed' }).expect(202);
      const email = async () => (await mailroom.as().get(`/v1/emails?eventId=${event.id}`)).body.items[0];
      await waitFor(email, (one) => one?.status === 'sending');
      const started = await Promise.all([1, 2, 3].map(async () => (await mailroom.as().post('/v1/smtp-tests', { sendTo: 'a@example.com', timeoutSeconds: 5 }).expect(202)).body));
      const tests = await Promise.all(started.map(({ id }) => waitFor(async () => (await mailroom.as().get(`/v1/smtp-tests/${id}`)).body, (one) => one.finishedAt !== null, 25_000)));
      expect(tests.map((one) => one.status)).toEqual(['passed', 'passed', 'passed']);
      const spans = tests.map((one) => [Date.parse(one.startedAt), Date.parse(one.finishedAt)] as const).sort(([a], [b]) => a - b);
      expect(spans[0]![0]).toBeGreaterThanOrEqual(Date.parse((await email()).sentAt));
      expect(spans[1]![0]).toBeGreaterThanOrEqual(spans[0]![1]);
      expect(spans[2]![0]).toBeGreaterThanOrEqual(spans[1]![1]);
    });

    test('the stream tells each stage, then the whole test, and ends', async () => {
      const server = await sink({ delayMs: 300 });
      const { listener, url } = await listening();
      closers.push(() => new Promise((closed) => listener.close(closed)));
      const { body: started } = await mailroom.as().post('/v1/smtp-tests', { sendTo: 'a@example.com', settings: candidate(server.port) }).expect(202);
      const response = await fetch(`${url}/v1/smtp-tests/${started.id}/stream`, { headers: { Authorization: `Bearer ${ADMIN_KEY}` } });
      expect(response.headers.get('content-type')).toContain('text/event-stream');
      const events = (await response.text()).split('\n\n').filter((block) => block.startsWith('id:')).map(parseEvent);
      expect(events.filter(({ event }) => event === 'stage').map(({ data }) => data.stage.name)).toEqual(['connect', 'greeting', 'ehlo', 'auth', 'mailFrom', 'rcptTo', 'data', 'quit'].filter((stage) => stage !== 'auth'));
      expect(events.at(-1)).toMatchObject({ event: 'test', data: { id: started.id, status: 'passed' } });
      const again = await fetch(`${url}/v1/smtp-tests/${started.id}/stream`, { headers: { Authorization: `Bearer ${ADMIN_KEY}` } });
      expect((await again.text())).toContain('event: test');
    });

    test('an Idempotency-Key starts one test; without waiting the answer is queued', async () => {
      const server = await sink();
      const body = { sendTo: 'a@example.com', settings: candidate(server.port) };
      const first = await mailroom.as().post('/v1/smtp-tests', body).set('Idempotency-Key', 'once').expect(202);
      expect(first.body).toMatchObject({ status: 'queued', addresses: [] });
      expect(first.headers['location']).toBe(`/v1/smtp-tests/${first.body.id}`);
      const second = await mailroom.as().post('/v1/smtp-tests', body).set('Idempotency-Key', 'once').expect(202);
      expect(second.body.id).toBe(first.body.id);
      await waitFor(async () => (await mailroom.as().get(`/v1/smtp-tests/${first.body.id}`)).body, (one) => one.status === 'passed');
      expect(server.mails).toHaveLength(1);
      const { body: page } = await mailroom.as().get('/v1/smtp-tests?limit=1').expect(200);
      expect(page.items[0].id).toBe(first.body.id);
    });

    async function listening(): Promise<{ listener: Server; url: string }> {
      const listener = createServer(mailroom.container.app).listen(0, '127.0.0.1');
      await once(listener, 'listening');
      return { listener, url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}` };
    }
  });
}

function parseEvent(block: string): { event: string; data: { stage: { name: string } } } {
  const [, event = '', data = ''] = block.split('\n').map((line) => line.replace(/^\w+: /, ''));
  return { event, data: JSON.parse(data) as { stage: { name: string } } };
}
