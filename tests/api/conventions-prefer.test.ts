import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { lies, type ScriptedServer, type SmtpSink, startScriptedServer, startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';

let mailroom: TestMailroom;
let sink: SmtpSink;
let silent: ScriptedServer;

beforeAll(async () => {
  [mailroom, sink, silent] = await Promise.all([startMailroom(), startSmtpSink(), startScriptedServer(lies.noGreeting)]);
  await mailroom.as().put('/v1/smtp-settings', settingsOf(sink.port)).expect(200);
});
afterAll(async () => {
  await Promise.all([sink.close(), silent.close()]);
  await mailroom.close();
});

const settingsOf = (port: number) => ({ serverAddress: '127.0.0.1', port, security: 'none', senderAddress: 'mailroom@example.com' });
/** Against the mail server that answers, or the one that never does. */
const startTest = async (prefer: string | string[] | null, port = sink.port) => {
  const request = mailroom.as().post('/v1/smtp-tests', { sendTo: 'admin@example.com', timeoutSeconds: 5, settings: settingsOf(port) });
  if (prefer !== null) request.set('Prefer', prefer as string);
  const { body, headers } = await request.expect(202);
  expect(headers).toMatchObject({ location: `/v1/smtp-tests/${body.id}`, vary: expect.stringContaining('Prefer') });
  return { id: body.id as string, done: body.finishedAt !== null, applied: headers['preference-applied'] };
};
const ended = (id: string) => waitFor(async () => (await mailroom.as().get(`/v1/smtp-tests/${id}`)).body as { finishedAt: string | null }, ({ finishedAt }) => finishedAt !== null, 30_000);

describe('POST /smtp-tests', () => {
  test.each<[string | string[] | null, string | undefined]>([
    [null, undefined], ['respond-async', 'respond-async'], ['wait=0', 'wait=0'], ['wait=soon', undefined], ['return=minimal', undefined], ['respond-async, wait=0', 'respond-async, wait=0'],
  ])('with Prefer: %s is answered at once', async (prefer, expected) => {
    const { id, done, applied } = await startTest(prefer, silent.port);
    expect({ done, applied }).toEqual({ done: false, applied: expected });
    await ended(id);
  }, 40_000);

  test.each<[string | string[], string]>([
    ['wait=60', 'wait=60'], ['wait="60"; x=1, handling=strict', 'wait=60'], ['respond-async, wait=60', 'wait=60'], [['return=minimal', 'wait=60'], 'wait=60'], ['wait=100000', 'wait=300'],
  ])('with Prefer: %s is answered when it is done', async (prefer, expected) => {
    const { done, applied } = await startTest(prefer);
    expect({ done, applied }).toEqual({ done: true, applied: expected });
  }, 90_000);

  test.each([['wait=1', 'wait=1'], ['respond-async, wait=1', 'respond-async, wait=1']])('with Prefer: %s is answered before it is done when it takes longer', async (prefer, expected) => {
    const { id, done, applied } = await startTest(prefer, silent.port);
    expect({ done, applied }).toEqual({ done: false, applied: expected });
    await ended(id);
  }, 40_000);
});

describe('e-mails', () => {
  test('send-test with wait is answered when the mail was handed over', async () => {
    const { body, headers } = await mailroom.as().post('/v1/email-templates/PasswordCheckFailed/send-test', { sendTo: 'admin@example.com' }).set('Prefer', 'wait=60').expect(202);
    expect(body).toMatchObject({ status: 'sent', attemptCount: 1 });
    expect(headers).toMatchObject({ 'preference-applied': 'wait=60', vary: expect.stringContaining('Prefer'), location: `/v1/emails/${body.id}` });
    expect((await mailroom.as().post('/v1/email-templates/PasswordCheckFailed/send-test', { sendTo: 'admin@example.com' }).set('Prefer', 'respond-async').expect(202)).headers['preference-applied']).toBe('respond-async');
  }, 90_000);

  test('retry with wait is answered when it was tried again', async () => {
    const { body: sent } = await mailroom.as().post('/v1/email-templates/PasswordCheckFailed/send-test', { sendTo: 'again@example.com' }).set('Prefer', 'wait=60').expect(202);
    await mailroom.container.database.prisma.email.update({ where: { id: sent.id as string }, data: { status: 'failed' } });
    const { headers: read } = await mailroom.as().get(`/v1/emails/${sent.id}`).expect(200);
    const { body, headers } = await mailroom.as().post(`/v1/emails/${sent.id}/retry`).set({ Prefer: 'wait=60', 'If-Match': read['etag']! }).expect(202);
    expect([body.status, headers['preference-applied']]).toEqual(['sent', 'wait=60']);
  }, 90_000);
});
