import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { createTestDatabase } from '../setup/database.js';
import { honest, honestUntil, lies, startScriptedServer, startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';
import {
  allSent, atEnd, type Attempt, copiesById, type EmailOfEvent, emailsOf, type MailroomProcess, processTest, publish, SHARED, startProcess, subscribe, useRelay,
} from './mailroom-process.js';

/** From the death of a worker to the next attempt. */
const TAKEOVER_MS = 15_000;

export interface RolesBackEnd {
  redisUrl?: string;
  stop(): Promise<unknown>;
}

/** Several processes of different roles on one database, with their queue on one back end. */
export function describeRoles(name: string, openBackEnd: () => Promise<RolesBackEnd>): void {
  describe(`processes of different roles, ${name}`, () => {
    let backEnd: RolesBackEnd;
    let shared: Record<string, string>;

    beforeAll(async () => {
      backEnd = await openBackEnd();
    });
    afterAll(() => backEnd?.stop());

    const useDatabase = async (): Promise<void> => {
      const database = await createTestDatabase();
      atEnd(() => database.drop());
      shared = { ...SHARED, DATABASE_URL: database.url, ...(backEnd.redisUrl && { REDIS_URL: backEnd.redisUrl }) };
    };
    const startApi = (): Promise<MailroomProcess> => startProcess({ ...shared, MAILROOM_ROLE: 'api' }).ready();
    /** A worker without PORT does not listen. */
    const startWorker = (port = ''): Promise<MailroomProcess> => startProcess({ ...shared, MAILROOM_ROLE: 'worker', PORT: port }).ready();
    const pidsOf = (attempts: Attempt[]): number[] => attempts.map(({ worker }) => Number(worker.split(':').at(-1)));

    processTest('an api alone delivers nothing and loses nothing; two workers that are started later share the delivery', async () => {
      await useDatabase();
      const sink = await startSmtpSink({ delayMs: 50 });
      atEnd(() => sink.close());
      const api = await startApi();
      await useRelay(api.as(), sink.port, { maxConnections: 2 });
      await subscribe(api.as(), 'ApplianceSick', 3);
      const events = [];
      for (let n = 0; n < 20; n += 1) events.push(await publish(api.as(), 'ApplianceSick'));
      const waiting = (await api.as().get('/v1/events').expect(200)).body.items as { matchedAt: string | null }[];
      expect(waiting.map(({ matchedAt }) => matchedAt)).toEqual(Array<null>(20).fill(null));
      expect(sink.connections).toBe(0);

      const workers = await Promise.all([startWorker('0'), startWorker()]);
      for (let n = 0; n < 20; n += 1) events.push(await publish(api.as(), 'ApplianceSick'));
      await allSent(api.as(), events, 3);
      expect([...copiesById(sink.mails).values()]).toEqual(Array<number>(120).fill(1));
      const emails = (await Promise.all(events.map((id) => emailsOf(api.as(), id)))).flat();
      expect(new Set(emails.flatMap(({ attempts }) => pidsOf(attempts)))).toEqual(new Set(workers.map(({ pid }) => pid)));
      await workers[0].as().get('/health/ready').expect(200);
      await workers[0].as().get('/v1/smtp-settings').expect(404);
      for (const mailroom of [...workers, api]) expect((await mailroom.stop()).code).toBe(0);
    });

    processTest('while one worker runs an SMTP test no other sends; SIGKILL of it ends the test, and the mail that waited goes out over the other', async () => {
      await useDatabase();
      const [sink, silent] = await Promise.all([startSmtpSink(), startScriptedServer(lies.noGreeting)]);
      atEnd(() => Promise.all([sink.close(), silent.close()]));
      const [api, first] = await Promise.all([startApi(), startWorker()]);
      await useRelay(api.as(), sink.port);
      await subscribe(api.as(), 'ApplianceSick');
      const settings = { serverAddress: '127.0.0.1', port: silent.port, security: 'none', senderAddress: 'mailroom@example.com' };
      const { body: started } = await api.as().post('/v1/smtp-tests', { sendTo: 'a@example.com', timeoutSeconds: 255, settings }).expect(202);
      const test = async () => (await api.as().get(`/v1/smtp-tests/${started.id}`).expect(200)).body as { status: string; code: string | null };
      await waitFor(test, ({ status }) => status === 'running');
      await startWorker();
      const event = await publish(api.as(), 'ApplianceSick');
      await waitFor(() => emailsOf(api.as(), event), (emails) => emails.length === 1);
      await waitFor(async () => (await api.as().get('/v1/smtp-tests?limit=1')).body.items[0].addresses.length, (addresses) => addresses === 1);
      expect(await emailsOf(api.as(), event)).toMatchObject([{ status: 'queued', attempts: [] }]);

      await first.kill();
      await allSent(api.as(), [event], 1, 40_000);
      expect(await test()).toMatchObject({ status: 'failed', code: 'TEST_WORKER_LOST' });
      expect((await emailsOf(api.as(), event))[0]!.attempts).toHaveLength(1);
      expect(sink.mails).toHaveLength(1);
    }, 90_000);

    processTest('SIGKILL of the worker that is in the middle of a mail: the other one takes over, the lost attempt is on record, the Message-ID stays', async () => {
      await useDatabase();
      let heard = 0;
      const relay = await startScriptedServer(async (peer) => {
        if (!await honestUntil(peer, 'message')) return;
        heard += 1;
        if (heard === 1) return peer.closed; // it has the mail and does not answer
        peer.say('250 2.0.0 OK: queued as SECOND1');
        await honest(peer, 'never');
      });
      atEnd(() => relay.close());
      const [api, first] = await Promise.all([startApi(), startWorker()]);
      await useRelay(api.as(), relay.port);
      await subscribe(api.as(), 'ApplianceSick');
      const event = await publish(api.as(), 'ApplianceSick');
      await waitFor(() => heard, (count) => count === 1);
      const second = await startWorker();
      const killedAt = Date.now();
      await first.kill();

      await allSent(api.as(), [event], 1);
      const [email] = await emailsOf(api.as(), event) as [EmailOfEvent];
      expect(email.attempts).toEqual([
        expect.objectContaining({ number: 1, outcome: 'unconfirmed', code: 'WORKER_LOST' }),
        expect.objectContaining({ number: 2, outcome: 'sent', code: null }),
      ]);
      expect(pidsOf(email.attempts)).toEqual([first.pid, second.pid]);
      expect(Date.parse(email.attempts[1]!.startedAt) - killedAt).toBeLessThan(TAKEOVER_MS);
      expect(relay.lines.filter((line) => line.includes(`Message-ID: ${email.messageId}`))).toHaveLength(2);
    });

    processTest('SIGKILL of the api right after it accepted an event: the event is delivered', async () => {
      await useDatabase();
      const sink = await startSmtpSink();
      atEnd(() => sink.close());
      const [api] = await Promise.all([startApi(), startWorker()]);
      await useRelay(api.as(), sink.port);
      await subscribe(api.as(), 'ApplianceSick');
      await publish(api.as(), 'ApplianceSick');
      await api.kill();
      await sink.waitForMails(1, 25_000);
      expect(sink.mails[0]!.to).toEqual(['1@example.com']);
    });
  });
}
