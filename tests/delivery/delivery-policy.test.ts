import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { DueEmailsRepository } from '../../src/emails/due-emails.repository.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { lies, type ScriptedServer, startScriptedServer } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';

const [ONCE, AGAIN] = ['ApplianceSick', 'PasswordCheckFailed'];
let mailroom: TestMailroom;
let liar: ScriptedServer;

beforeAll(async () => {
  mailroom = await startMailroom({ env: { MAILROOM_RETRY_BASE_MS: '50' } });
  liar = await startScriptedServer(lies.closesAfterFinalDot);
  await mailroom.sdk.putSmtpSettings({ body: { serverAddress: '127.0.0.1', port: liar.port, security: 'none', senderAddress: 'mailroom@example.com' } });
  await mailroom.sdk.createSubscription({ body: { emailAddress: 'ops@example.com', eventTypes: [ONCE, AGAIN] } });
  await mailroom.as().put(`/v1/event-types/${ONCE}`, { deliveryPolicy: 'atMostOnce' }).expect(200);
});
afterAll(async () => {
  await mailroom.close();
  await liar.close();
});

const publish = async (type: string): Promise<string> => (await mailroom.sdk.publishEvent({ body: { type } })).id;
const email = async (eventId: string) => (await mailroom.sdk.listEmails({ query: { eventId } })).items[0] as { id: string; status: string; attemptCount: number; nextAttemptAt: string | null; deliveryPolicy: string };
const sentTo = () => liar.lines.filter((line) => line === '.').length;

test('an e-mail in doubt is sent again by default, and not with atMostOnce: it stays unconfirmed, until somebody retries it', async () => {
  const once = await publish(ONCE);
  const doubtful = await waitFor(() => email(once), (found) => found?.status === 'unconfirmed');
  expect(doubtful).toMatchObject({ deliveryPolicy: 'atMostOnce', nextAttemptAt: null, attemptCount: 1 });
  const again = await publish(AGAIN);
  expect(await waitFor(() => email(again), (found) => found?.attemptCount >= 3)).toMatchObject({ deliveryPolicy: 'atLeastOnce', status: expect.stringMatching(/unconfirmed|sending/) });
  expect(await email(once)).toEqual(doubtful);
  const count = sentTo();
  await mailroom.sdk.retryEmail({ path: { id: doubtful.id } });
  await waitFor(() => email(once), ({ status, attemptCount }) => status === 'unconfirmed' && attemptCount === 2);
  expect(sentTo()).toBeGreaterThanOrEqual(count);
  await mailroom.sdk.results.cancelEmail({ path: { id: (await email(again)).id } });
});

test('a settings change releases what waits, but not what is not to be sent again', async () => {
  const id = await publish(ONCE);
  const doubtful = await waitFor(() => email(id), (found) => found?.status === 'unconfirmed');
  await mailroom.sdk.putSmtpSettings({ body: { serverAddress: '127.0.0.1', port: liar.port, security: 'none', senderAddress: 'mailroom2@example.com' } });
  const other = await publish(ONCE);
  await waitFor(() => email(other), (found) => found?.status === 'unconfirmed');
  expect(await email(id)).toEqual(doubtful);
});

test('nor is it sent again when its worker died in the middle', async () => {
  const id = await publish(ONCE);
  const { id: emailId } = await waitFor(() => email(id), (found) => found?.status === 'unconfirmed');
  const { database } = mailroom.container;
  const leaseId = '01900000-0000-7000-8000-000000000001';
  await database.prisma.email.update({ where: { id: emailId }, data: { status: 'sending', leaseId, attemptCount: 2, tries: 1, attemptStartedAt: new Date(), nextAttemptAt: null, nudgeAt: null } });
  await database.prisma.deliveryLease.create({ data: { id: leaseId, worker: 'a dead one', expiresAt: new Date(Date.now() - 1_000) } }); // last: a sweep takes it over at once
  await new DueEmailsRepository(database).takeOverExpired(50);
  expect(await waitFor(() => email(id), ({ status }) => status === 'unconfirmed')).toMatchObject({ nextAttemptAt: null, attemptCount: 2, reason: { code: 'WORKER_LOST', message: expect.stringContaining('not sent again') } });
});
