import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { simpleParser } from 'mailparser';
import type { Email, EmailWithAttempts, EventPublish, SmtpSettingsUpdate, SubscriptionWrite } from '../../openapi/client/src/index.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { createPki } from '../setup/pki.js';
import { deferOnce, lies, type SmtpSink, startScriptedServer, startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';

interface Deliveries {
  mailroom: TestMailroom;
  settings(port: number, overrides?: Partial<SmtpSettingsUpdate>): Promise<void>;
  subscribe(emailAddress: string, overrides?: Partial<SubscriptionWrite>): Promise<void>;
  publish(overrides?: Partial<EventPublish>): Promise<string>;
  emailOf(eventId: string): Promise<Email | undefined>;
  reached(eventId: string, status: Email['status'], deadlineMs?: number): Promise<EmailWithAttempts>;
}

export interface QueueBackEnd {
  redisUrl?: string;
  stop(): Promise<void>;
}

/** The whole path, from the request to the mail in a real server, on one queue back end. */
export function describeDelivery(name: string, openBackEnd: () => Promise<QueueBackEnd>): void {
  describe(`delivery over the ${name}`, () => {
    let backEnd: QueueBackEnd;
    let mailroom: TestMailroom;
    let d: Deliveries;
    const closers: (() => Promise<unknown>)[] = [];
    const sink = async (options = {}): Promise<SmtpSink> => {
      const made = await startSmtpSink(options);
      closers.push(() => made.close());
      return made;
    };

    beforeAll(async () => {
      backEnd = await openBackEnd();
      mailroom = await startMailroom({ ...backEnd, env: { MAILROOM_RETRY_BASE_MS: '300' } });
      d = deliveriesOf(mailroom);
      await d.subscribe('flow@example.com', { eventTypes: ['TestConnectionFailed'] });
    });
    afterAll(async () => {
      await mailroom?.close();
      await Promise.all(closers.map((close) => close()));
      await backEnd?.stop();
    });

    test('an event becomes a mail: response, rows, mail, counts', async () => {
      const server = await sink();
      await d.settings(server.port, { senderName: 'Mail, "Room" ü' });
      await d.subscribe('alice@example.com');
      const { data: published, response } = await mailroom.sdk.results.publishEvent({ body: { type: 'PasswordCheckFailed', properties: { AccountName: 'svc-backup', AssetName: 'db-prod-01' } } });
      expect(response?.headers.get('location')).toBe(`/v1/events/${published!.id}`);
      const email = await d.reached(published!.id, 'sent');
      const [mail] = await server.waitForMails(1);
      const parsed = await simpleParser(mail!.raw);
      expect(mail).toMatchObject({ from: 'mailroom@example.com', to: ['alice@example.com'] });
      expect(parsed.subject).toBe('Password Check Failed: svc-backup on db-prod-01');
      expect(parsed.from?.value).toEqual([{ name: 'Mail, "Room" ü', address: 'mailroom@example.com' }]);
      expect(parsed.messageId).toBe(email.messageId);
      expect(parsed.headers.get('auto-submitted')).toBe('auto-generated');
      expect(parsed.text).toContain('svc-backup');
      expect(parsed.html).toContain('db-prod-01');
      expect(email).toMatchObject({ attemptCount: 1, reason: null, serverQueueId: '1' });
      expect(email.attempts).toEqual([expect.objectContaining({ number: 1, outcome: 'sent', address: '127.0.0.1', port: server.port, stage: 'data' })]);
      const event = await mailroom.sdk.getEvent({ path: { id: published!.id } });
      expect(event.emails).toMatchObject({ sent: 1, queued: 0 });
      expect(event.matchedAt).not.toBeNull();
    });

    test('two subscriptions of one address make one mail, objects and disabled ones are told apart', async () => {
      const server = await sink();
      await d.settings(server.port);
      await d.subscribe('Bob@Example.com', { eventTypes: ['ApplianceSick'] });
      await d.subscribe('bob@example.com', { allEvents: true, eventTypes: [], objectId: '7' });
      await d.subscribe('object@example.com', { eventTypes: ['ApplianceSick'], objectId: '7' });
      await d.subscribe('disabled@example.com', { eventTypes: ['ApplianceSick'], enabled: false });
      const other = await d.publish({ type: 'ApplianceSick', objectId: '8' });
      const seven = await d.publish({ type: 'ApplianceSick', objectId: '7' });
      await waitFor(() => mailroom.sdk.getEvent({ path: { id: seven } }), ({ emails }) => emails.sent === 2);
      await waitFor(() => mailroom.sdk.getEvent({ path: { id: other } }), ({ emails }) => emails.sent === 1);
      const to = server.mails.flatMap((mail) => mail.to).sort();
      expect(to.map((address) => address.toLowerCase())).toEqual(['bob@example.com', 'bob@example.com', 'object@example.com']);
    });

    test('a relay that is down defers with the reason and the time, and loses nothing', async () => {
      const server = await sink();
      const { port } = server;
      await server.close();
      await d.settings(port);
      const id = await d.publish();
      const deferred = await d.reached(id, 'deferred');
      expect(deferred.reason).toMatchObject({ code: 'CONNECTION_REFUSED' });
      expect(Date.parse(deferred.nextAttemptAt!)).toBeGreaterThan(Date.parse(deferred.updatedAt));
      const back = await startSmtpSink({ server: {} });
      closers.push(() => back.close());
      await d.settings(back.port);
      await d.reached(id, 'sent');
      expect(back.mails).toHaveLength(1);
    });

    test('while serverAddress is null e-mails are skipped with the reason, and can be retried', async () => {
      await mailroom.sdk.putSmtpSettings({ body: { serverAddress: null } });
      const id = await d.publish();
      const skipped = await d.reached(id, 'skipped');
      expect(skipped.reason).toMatchObject({ code: 'EMAIL_CLIENT_DISABLED' });
      expect(skipped.attempts).toEqual([]);
      const server = await sink();
      await d.settings(server.port);
      await mailroom.sdk.retryEmail({ path: { id: skipped.id } });
      await d.reached(id, 'sent');
      expect(server.mails).toHaveLength(1);
    });

    test('451 is tried again, 550 is final, each with every attempt on record', async () => {
      const server = await startScriptedServer(deferOnce());
      closers.push(() => server.close());
      await d.settings(server.port);
      const again = await d.reached(await d.publish(), 'sent');
      expect(again.attempts.map(({ outcome }) => outcome)).toEqual(['deferred', 'sent']);
      expect(again.attempts[0]).toMatchObject({ stage: 'data', reply: '451 4.3.0 Try again later', enhancedCode: '4.3.0' });
      const refusing = await sink({ refuse: (_address: string, command: string) => (command === 'RCPT' ? '550 5.1.1 No such user' : undefined) });
      await d.settings(refusing.port);
      const failed = await d.reached(await d.publish(), 'failed');
      expect(failed).toMatchObject({ nextAttemptAt: null, attemptCount: 1 });
      expect(failed.attempts[0]).toMatchObject({ stage: 'rcptTo', outcome: 'failed', reply: expect.stringContaining('No such user') });
    });

    test('a connection that dies after the message is unconfirmed, and the mail is sent again with its Message-ID', async () => {
      const server = await startScriptedServer(lies.closesAfterFinalDot);
      closers.push(() => server.close());
      await d.settings(server.port);
      const id = await d.publish();
      const doubtful = await d.reached(id, 'unconfirmed');
      expect(doubtful.nextAttemptAt).not.toBeNull();
      const honest = await sink();
      await d.settings(honest.port);
      await d.reached(id, 'sent');
      const parsed = await simpleParser(honest.mails[0]!.raw);
      expect(parsed.messageId).toBe(doubtful.messageId);
    });

    test.each(['startTls', 'smtps'] as const)('%s with a password: the mail comes over TLS, logged in', async (security) => {
      const pki = await createPki();
      const { key, chain } = await pki.issue({ dnsNames: ['localhost'] });
      const server = await sink({ tls: { key, cert: chain }, secure: security === 'smtps', auth: { user: 'mailroom', password: 'p4ssw0rd', required: true } });
      const authentication = { type: 'password', accountName: 'mailroom', password: 'p4ssw0rd' } as const;
      await d.settings(server.port, { security, authentication });
      const id = await d.publish();
      const untrusted = await d.reached(id, 'deferred');
      expect(untrusted.reason?.code).toMatch(/^CERTIFICATE_/);
      expect(server.mails).toEqual([]);
      await d.settings(server.port, { security, authentication, verifyCertificate: false });
      await d.reached(id, 'sent');
      expect(server.mails).toEqual([expect.objectContaining({ tls: true, user: 'mailroom' })]);
    });

    test('a server without STARTTLS never gets the mail in clear text', async () => {
      const server = await sink();
      await d.settings(server.port, { security: 'startTls' });
      const deferred = await d.reached(await d.publish(), 'deferred');
      expect(deferred.reason).toMatchObject({ code: 'TLS_NOT_OFFERED' });
      expect(server.mails).toEqual([]);
      await mailroom.sdk.cancelEmail({ path: { id: deferred.id } }); // or it would come to the next test's server
    });

    test('a cancelled e-mail is not sent', async () => {
      const closed = await sink();
      await closed.close();
      await d.settings(closed.port);
      const id = await d.publish();
      const { id: emailId, messageId } = await d.reached(id, 'deferred');
      const cancelled = await mailroom.sdk.cancelEmail({ path: { id: emailId } });
      expect(cancelled).toMatchObject({ status: 'cancelled', nextAttemptAt: null });
      const server = await sink();
      await d.settings(server.port);
      await d.reached(await d.publish(), 'sent');
      expect((await d.emailOf(id))?.status).toBe('cancelled');
      expect(server.mails.filter(({ raw }) => raw.includes(messageId))).toEqual([]);
    });

    test('no value of an event adds a header or a line to one', async () => {
      const server = await sink();
      await d.settings(server.port);
      const evil = 'a\r\nBcc: eve@example.com\r\n\r\nbody';
      await d.reached(await d.publish({ type: 'PasswordCheckFailed', properties: { AccountName: evil, AssetName: `${evil}\u2028x` } }), 'sent');
      const parsed = await simpleParser(server.mails[0]!.raw);
      expect(parsed.bcc).toBeUndefined();
      expect(parsed.subject).not.toMatch(/[\r\n\u2028]/);
      expect(server.mails[0]!.to).toHaveLength(1);
    });

    test('10,000 subscribers of one event get one mail each', async () => {
      await mailroom.container.database.prisma.$executeRaw`
        INSERT INTO subscriptions (id, email_address, email_key, all_events, event_types, updated_by)
        SELECT uuid_v7(), 'many' || n || '@example.com', 'many' || n || '@example.com', false, ARRAY['DiskUsageWarning'], 'test' FROM generate_series(1, 10000) n`;
      const server = await sink();
      await d.settings(server.port, { maxConnections: 20 });
      const id = await d.publish({ type: 'DiskUsageWarning' });
      await waitFor(() => mailroom.sdk.getEvent({ path: { id } }), ({ emails }) => emails.sent >= 10_000, 90_000);
      const addresses = server.mails.flatMap((mail) => mail.to).filter((address) => address.startsWith('many'));
      expect(new Set(addresses).size).toBe(10_000);
      expect(addresses).toHaveLength(10_000);
    }, 120_000);
  });
}

function deliveriesOf(mailroom: TestMailroom): Deliveries {
  const emailOf: Deliveries['emailOf'] = async (eventId) => {
    const { items } = await mailroom.sdk.listEmails({ query: { eventId } });
    return items[0];
  };
  return {
    mailroom,
    settings: async (port, overrides = {}) => {
      await mailroom.sdk.putSmtpSettings({ body: { serverAddress: 'localhost', port, security: 'none', senderAddress: 'mailroom@example.com', ...overrides } });
    },
    subscribe: async (emailAddress, overrides = {}) => {
      await mailroom.sdk.createSubscription({ body: { emailAddress, eventTypes: ['PasswordCheckFailed'], ...overrides } });
    },
    publish: async (overrides = {}) => (await mailroom.sdk.publishEvent({ body: { type: 'TestConnectionFailed', ...overrides } })).id,
    emailOf,
    reached: async (eventId, status, deadlineMs) => {
      const whole = async () => {
        const email = await emailOf(eventId);
        return email && mailroom.sdk.getEmail({ path: { id: email.id } });
      };
      return (await waitFor(whole, (one) => one?.status === status, deadlineMs))!;
    },
  };
}
