import type { EmailAttempt, EmailWithAttempts } from '../../src/emails/emails.contract.js';
import type { SmtpSettingsUpdate } from '../../src/smtp-settings/smtp-settings.contract.js';
import type { SmtpTest, SmtpTestStage } from '../../src/smtp-tests/smtp-tests.contract.js';
import type { Api } from '../process/mailroom-process.js';
import type { Postfix } from '../setup/postfix.js';
import { waitFor } from '../setup/wait.js';

/** Mailroom, as it is used against a server that is not ours. */
export interface Trials {
  /** Tests settings that are not saved. */
  smtpTest(settings: Partial<SmtpSettingsUpdate>, request?: object): Promise<SmtpTest>;
  /** Saves the settings, publishes an event for this address, and gives the e-mail after its first attempt. One that is deferred is cancelled then. */
  deliver(settings: Partial<SmtpSettingsUpdate>, to?: string): Promise<EmailWithAttempts>;
  /** The same, but waits for this status. */
  deliverUntil(status: EmailWithAttempts['status'], settings: Partial<SmtpSettingsUpdate>, to?: string): Promise<EmailWithAttempts>;
}

/** First delay of a retry, for tests that wait for one. */
export const RETRIES = { MAILROOM_RETRY_BASE_MS: '300' };
export const ALICE = 'alice@real.test';
const EVENT = 'TestConnectionFailed';

export function trialsOf(api: Api): Trials {
  const subscribed = new Set<string>();
  const save = async (settings: Partial<SmtpSettingsUpdate>): Promise<void> => { await api.put('/v1/smtp-settings', completed(settings)).expect(200); };
  const publish = async (to: string): Promise<string> => {
    if (!subscribed.has(to)) await api.post('/v1/subscriptions', { emailAddress: to, eventTypes: [EVENT], objectId: to }).expect(201);
    subscribed.add(to);
    return (await api.post('/v1/events', { type: EVENT, objectId: to }).expect(202)).body.id as string;
  };
  const reached = async (eventId: string, isReached: (status: string) => boolean): Promise<EmailWithAttempts> => {
    const { body } = await waitFor(() => api.get(`/v1/emails?eventId=${eventId}`).expect(200), (page) => page.body.items.length === 1 && isReached(page.body.items[0].status as string));
    return (await api.get(`/v1/emails/${body.items[0].id}`).expect(200)).body as EmailWithAttempts;
  };
  return {
    smtpTest: async (settings, request = {}) => {
      const body = { sendTo: ALICE, timeoutSeconds: 10, settings: completed(settings), ...request };
      return (await api.post('/v1/smtp-tests', body).set('Prefer', 'wait=20').expect(202)).body as SmtpTest;
    },
    deliver: async (settings, to = ALICE) => {
      await save(settings);
      const email = await reached(await publish(to), (status) => status !== 'queued' && status !== 'sending');
      if (email.status === 'deferred') await api.post(`/v1/emails/${email.id}/cancel`).expect(200);
      return email;
    },
    deliverUntil: async (status, settings, to = ALICE) => {
      await save(settings);
      return reached(await publish(to), (current) => current === status);
    },
  };
}

const completed = (settings: Partial<SmtpSettingsUpdate>): Partial<SmtpSettingsUpdate> =>
  ({ serverAddress: '127.0.0.1', security: 'none', senderAddress: 'mailroom@real.test', clientHostname: 'appliance.real.test', ...settings });

/** What decided the test of its only address: the stage that failed. */
export function failedStage({ addresses }: SmtpTest): SmtpTestStage {
  const failed = addresses[0]!.stages.filter(({ status }) => status === 'failed');
  if (addresses.length !== 1 || failed.length !== 1) throw new Error(`expected one address with one failed stage, not ${JSON.stringify(addresses)}`);
  return failed[0]!;
}

export const stagesOf = ({ addresses }: SmtpTest): string[] => addresses[0]!.stages.map(({ name, status }) => `${name} ${status}`);

export const lastAttempt = ({ attempts }: EmailWithAttempts): EmailAttempt => attempts.at(-1)!;

/** The mail as Postfix put it into the mailbox, found by the id under which Postfix took it. */
export async function inMailbox(postfix: Postfix, mailbox: string, queueId: string | null): Promise<string> {
  const found = await waitFor(() => postfix.mails(mailbox).filter((mail) => new RegExp(`\\bid ${queueId}\\b`).test(mail)), (mails) => mails.length > 0);
  return found[0]!;
}
