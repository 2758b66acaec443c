import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect } from '@jest/globals';
import supertest from 'supertest';
import { createTestDatabase } from '../setup/database.js';
import { createPki, type TestPki } from '../setup/pki.js';
import { type SmtpSink, startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';
import { ADMIN_KEY, atEnd, type EmailOfEvent, emailsOf, type MailroomProcess, processTest, publish, SHARED, startProcess, subscribe, useRelay } from './mailroom-process.js';

const EVENT = 'ApplianceSick';

describe('certificates that are changed over one API process', () => {
  let [servers, clients]: TestPki[] = [];
  let [api, workers]: [MailroomProcess | undefined, MailroomProcess[]] = [undefined, []];
  let sink: SmtpSink;

  beforeAll(async () => {
    [servers, clients] = await Promise.all([createPki('Mail Servers'), createPki('Clients')]);
  });

  /** One API and two workers with retries an hour apart, and a server with a private certificate that demands one of its clients. */
  async function start(): Promise<void> {
    const database = await createTestDatabase();
    atEnd(() => database.drop());
    const { key, chain } = await servers!.issue({ ipAddresses: ['127.0.0.1'] });
    sink = await startSmtpSink({ delayMs: 50, tls: { key, cert: chain, ca: clients!.root, requestCert: true, rejectUnauthorized: true } });
    atEnd(() => sink.close());
    const shared = { ...SHARED, DATABASE_URL: database.url, MAILROOM_RETRY_BASE_MS: '3600000' };
    const worker = () => startProcess({ ...shared, MAILROOM_ROLE: 'worker', PORT: '' }).ready();
    [api, ...workers] = await Promise.all([startProcess({ ...shared, MAILROOM_ROLE: 'api' }).ready(), worker(), worker()]);
    await subscribe(api.as(), EVENT);
  }

  const install = async (commonName: string): Promise<string> => {
    const { key, chain } = await clients!.issue({ commonName, usage: 'client' });
    return (await api!.as().post('/v1/client-certificates', { certificate: chain + key }).expect(201)).body.id as string;
  };

  /** Of all events so far: those that could not be sent go out too when the certificates change. */
  const published: string[] = [];
  const emailsOfAll = async (ids: string[]): Promise<EmailOfEvent[]> => (await Promise.all(ids.map((id) => emailsOf(api!.as(), id)))).flat();
  const allReach = (ids: string[], status: 'sent' | 'deferred') => waitFor(() => emailsOfAll(ids), (found) => found.length === ids.length && found.every((one) => one.status === status));

  /** Publishes events one after the other until both workers have sent one of them, and all that waited is sent too. */
  async function bothWorkersSend(): Promise<void> {
    const events: string[] = [];
    await waitFor(async () => {
      events.push(await publish(api!.as(), EVENT), await publish(api!.as(), EVENT));
      await allReach([...published, ...events], 'sent');
      return emailsOfAll(events);
    }, (found) => new Set(found.flatMap(({ attempts }) => attempts.map(({ worker }) => worker))).size === workers.length, 30_000);
    published.push(...events);
  }

  /** Whichever worker tries it: while the server does not pass, one connection does. */
  async function nobodySends(): Promise<Set<string | null>> {
    const events = [await publish(api!.as(), EVENT), await publish(api!.as(), EVENT), await publish(api!.as(), EVENT)];
    published.push(...events);
    return new Set((await allReach(events, 'deferred')).map(({ reason }) => reason!.code));
  }

  const shown = (): Set<string | null> => new Set(sink.mails.splice(0).map(({ clientCertificate }) => clientCertificate));

  processTest('are used by every worker from its next connection on, without a restart', async () => {
    await start();
    await install('mailroom-a');
    await useRelay(api!.as(), sink.port, { security: 'startTls', useClientCertificate: true });
    expect(await nobodySends()).toEqual(new Set(['CERTIFICATE_UNKNOWN_ISSUER']));

    const { body: trusted } = await api!.as().post('/v1/trusted-certificates', { certificate: servers!.root }).expect(201);
    await bothWorkersSend();
    expect(shown()).toEqual(new Set(['mailroom-a']));

    await install('mailroom-b');
    await bothWorkersSend();
    expect(shown()).toEqual(new Set(['mailroom-b']));

    await supertest(api!.url).delete(`/v1/trusted-certificates/${trusted.id}`).set('Authorization', `Bearer ${ADMIN_KEY}`).expect(204);
    expect(await nobodySends()).toEqual(new Set(['CERTIFICATE_UNKNOWN_ISSUER']));
    expect(sink.mails).toEqual([]);
  }, 120_000);
});

processTest('a trusted certificate that is added takes nothing away from NODE_EXTRA_CA_CERTS', async () => {
  const [extra, added] = await Promise.all([createPki('Extra'), createPki('Added')]);
  const folder = await mkdtemp(join(tmpdir(), 'mailroom-roots-'));
  atEnd(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'roots.pem'), `${extra.root}-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n-----END CERTIFICATE-----\n`);
  const database = await createTestDatabase();
  atEnd(() => database.drop());
  const mailroom = await startProcess({ ...SHARED, DATABASE_URL: database.url, NODE_EXTRA_CA_CERTS: join(folder, 'roots.pem') }).ready();
  await mailroom.as().post('/v1/trusted-certificates', { certificate: added.root }).expect(201);
  for (const pki of [extra, added]) {
    const { key, chain } = await pki.issue({ ipAddresses: ['127.0.0.1'] });
    const sink = await startSmtpSink({ tls: { key, cert: chain } });
    atEnd(() => sink.close());
    const settings = { serverAddress: '127.0.0.1', port: sink.port, senderAddress: 'mailroom@example.com' };
    const { body } = await mailroom.as().post('/v1/smtp-tests', { sendTo: 'admin@example.com', settings }).set('Prefer', 'wait=20').expect(202);
    expect(body).toMatchObject({ status: 'passed', addresses: [{ tls: { trusted: true } }] });
  }
});
