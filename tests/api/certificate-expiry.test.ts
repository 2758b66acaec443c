import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ClientCertificatesRepository } from '../../src/client-certificates/client-certificates.repository.js';
import { ExpiryWatch } from '../../src/client-certificates/expiry-watch.js';
import { connectDatabase, type Database } from '../../src/db/client.js';
import { EventTypesRepository } from '../../src/event-types/event-types.repository.js';
import { KnownEventTypes } from '../../src/event-types/known-event-types.js';
import type { Event } from '../../src/events/events.contract.js';
import { EventsRepository } from '../../src/events/events.repository.js';
import { EventsService } from '../../src/events/events.service.js';
import { createLogger } from '../../src/logger.js';
import { buildSubscription } from '../factories/build-subscription.js';
import { createAuthority, type TestAuthority } from '../factories/issue-certificate.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { waitFor } from '../setup/wait.js';
import { expectProblem } from './expect-problem.js';

const PATH = '/v1/client-certificates';
const EVENTS = '/v1/events?type=CertificateExpiring';
const [MINUTE, DAY] = [60_000, 86_400_000];

let mailroom: TestMailroom;
let authority: TestAuthority;
/** Of two processes: each has connections of its own. */
const databases: Database[] = [];
let watches: ExpiryWatch[];

beforeAll(async () => {
  [mailroom, authority] = await Promise.all([startMailroom({ workers: false }), createAuthority()]);
  const logger = createLogger({ level: 'silent', format: 'json' });
  databases.push(connectDatabase(mailroom.databaseUrl, logger), connectDatabase(mailroom.databaseUrl, logger));
  watches = databases.map(watchOver);
});
beforeEach(async () => {
  const { event, tlsMaterial, clientCertificate } = mailroom.container.database.prisma;
  await event.deleteMany();
  await tlsMaterial.updateMany({ data: { activeClientCertificateId: null } });
  await clientCertificate.deleteMany();
});
afterAll(async () => {
  await Promise.all(databases.map((database) => database.close()));
  await mailroom.close();
});

/** As the container of a process makes it; it only publishes. */
function watchOver(database: Database): ExpiryWatch {
  const events = new EventsService(new EventsRepository(database), new KnownEventTypes(new EventTypesRepository(database)), null as never, null as never, () => undefined);
  return new ExpiryWatch({ database, certificates: new ClientCertificatesRepository(database), publish: (tx, own) => events.publishOwn(tx, own) });
}

interface Certificate { id: string; subject: string; thumbprintSha256: string }

/** Installs a certificate, and makes it end so many milliseconds from now. */
async function install(msLeft: number, commonName = 'mailroom.example.com'): Promise<Certificate> {
  const { key, certificate } = await authority.issue({ commonName });
  const { body } = await mailroom.as().post(PATH, { certificate: certificate + key }).expect(201);
  await endIn(body as Certificate, msLeft);
  return body as Certificate;
}

async function endIn({ id }: Certificate, msLeft: number): Promise<Date> {
  const validTo = new Date(Date.now() + msLeft);
  const { clientCertificate } = mailroom.container.database.prisma;
  const { facts } = await clientCertificate.findUniqueOrThrow({ where: { id } });
  await clientCertificate.update({ where: { id }, data: { validTo, facts: { ...(facts as object), validTo: validTo.toISOString() } } });
  return validTo;
}

const check = (times = 1): Promise<void[]> => Promise.all(Array.from({ length: times }, (_, n) => watches[n % watches.length]!.check()));
const events = async (key?: string): Promise<Event[]> => (await mailroom.as(key).get(EVENTS).expect(200)).body.items as Event[];
const daysTold = async (): Promise<unknown[]> => (await events()).map(({ properties }) => properties['DaysRemaining']).reverse();

describe('the end of the active certificate', () => {
  test('is announced 30, 7 and 1 days ahead, and when it is there, once each', async () => {
    const certificate = await install(31 * DAY);
    const told: unknown[][] = [];
    for (const msLeft of [30 * DAY + MINUTE, 30 * DAY - MINUTE, 20 * DAY, 7 * DAY + MINUTE, 7 * DAY - MINUTE, 2 * DAY, DAY + MINUTE, DAY - MINUTE, MINUTE, -MINUTE, -40 * DAY]) {
      await endIn(certificate, msLeft);
      await check(10);
      await check();
      told.push(await daysTold());
    }
    expect(told).toEqual([[], [30], [30], [30], [30, 7], [30, 7], [30, 7], [30, 7, 1], [30, 7, 1], [30, 7, 1, 0], [30, 7, 1, 0]]);
  });

  test('is told with all that there is to know', async () => {
    const certificate = await install(0, 'Mailroom, first');
    const validTo = await endIn(certificate, 7 * DAY - MINUTE);
    await check(10);
    const [event, ...others] = await events();
    expect(others).toEqual([]);
    expect(event).toMatchObject({
      type: 'CertificateExpiring', objectId: certificate.id, publishedBy: 'Mailroom',
      properties: { CertificateSubject: 'CN=Mailroom\\, first', CertificateThumbprint: certificate.thumbprintSha256, ExpirationDate: validTo.toISOString(), DaysRemaining: 7 },
    });
    expect(Object.keys(event!.properties)).toHaveLength(4);
    expect((await mailroom.as().get(`/v1/events/${event!.id}`).expect(200)).body).toEqual(event);
  });

  test.each([
    ['5 days left', 5 * DAY - MINUTE, [5]], ['7 days left', 7 * DAY - MINUTE, [7]], ['half a day left', DAY / 2, [1]], ['none left', -MINUTE, [0]],
  ])('that comes late, with %s, is announced once', async (_name, msLeft, days) => {
    await install(msLeft);
    await check(10);
    await check();
    expect(await daysTold()).toEqual(days);
  });

  test('that comes late is announced again at the marks that follow', async () => {
    const certificate = await install(5 * DAY);
    await check();
    await endIn(certificate, DAY - MINUTE);
    await check();
    expect(await daysTold()).toEqual([5, 1]);
  });
});

describe('only the active certificate counts', () => {
  test('an old one is passed over', async () => {
    await install(5 * DAY, 'old');
    const current = await install(3 * DAY, 'current');
    await check();
    expect((await events()).map(({ objectId }) => objectId)).toEqual([current.id]);
  });

  test('one that is activated again is announced then, once', async () => {
    const old = await install(5 * DAY, 'old');
    await install(60 * DAY, 'current');
    await check();
    expect(await events()).toEqual([]);
    await mailroom.as().post(`${PATH}/${old.id}/activate`).expect(200);
    await check();
    await check();
    expect((await events()).map(({ objectId }) => objectId)).toEqual([old.id]);
  });

  test('without one nothing is announced', async () => {
    const certificate = await install(5 * DAY);
    await mailroom.as().delete(`${PATH}/${certificate.id}`).expect(204);
    await check(10);
    expect(await events()).toEqual([]);
  });
});

test('when the event cannot be published it is announced later', async () => {
  await install(5 * DAY);
  const failing = new ExpiryWatch({ database: databases[0]!, certificates: new ClientCertificatesRepository(databases[0]!), publish: () => Promise.reject(new Error('it failed')) });
  await expect(failing.check()).rejects.toThrow('it failed');
  await check();
  expect(await daysTold()).toEqual([5]);
});

test('publishers do not see what Mailroom announces', async () => {
  const publisher = await mailroom.keyOf('publisher');
  await install(5 * DAY);
  await check();
  const [event] = await events(await mailroom.keyOf('auditor'));
  expect(event).toMatchObject({ publishedBy: 'Mailroom' });
  expect(await events(publisher)).toEqual([]);
  expectProblem(await mailroom.as(publisher).get(`/v1/events/${event!.id}`), 404, 'NOT_FOUND');
});

describe('a running worker', () => {
  interface Email { to: string; status: string; subject: string; reason: { code: string } }
  const emails = async (): Promise<Email[]> => (await mailroom.as().get('/v1/emails').expect(200)).body.items as Email[];

  test('announces by itself, and subscribers get an e-mail; skipped while no server is set', async () => {
    await mailroom.as().post('/v1/subscriptions', buildSubscription({ emailAddress: 'alice@example.com', eventTypes: ['CertificateExpiring'] })).expect(201);
    await mailroom.as().post('/v1/subscriptions', buildSubscription({ emailAddress: 'bob@example.com', eventTypes: ['PasswordCheckFailed'] })).expect(201);
    const { id } = await install(5 * DAY);
    await mailroom.container.startWorkers();
    const [email, ...others] = await waitFor(emails, (items) => items.length > 0);
    expect(others).toEqual([]);
    expect(email).toMatchObject({ to: 'alice@example.com', status: 'skipped', reason: { code: 'EMAIL_CLIENT_DISABLED' } });
    expect(email!.subject).toContain('CN=mailroom.example.com (5 days left)');
    expect((await events()).map(({ objectId }) => objectId)).toEqual([id]);
  });
});
