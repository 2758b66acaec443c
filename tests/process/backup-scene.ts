import { expect } from '@jest/globals';
import type { Email, EmailWithAttempts } from '../../src/emails/emails.contract.js';
import { sql } from '../setup/own-postgres.js';
import { lies, type ScriptedServer, type SmtpSink, startScriptedServer, startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';
import { closedPort } from '../setup/closed-port.js';
import { type Api, atEnd, makeDataFolder, type MailroomProcess, publish, SHARED, startProcess, useRelay } from './mailroom-process.js';

/** Event types by what has become of their mail when the backup is made. */
export const TYPES = { finished: 'ApplianceSick', inTheMiddle: 'DiskUsageWarning', waits: 'PasswordCheckFailed', unmatched: 'InvoiceDue' } as const;
/** Of a template that is in the backup. */
export const SUBJECT = 'An invoice is due, says the backup';
/** What the mail server asks for that the backup names. */
export const LOGIN = { user: 'mailroom', password: 'correct-horse-battery' };

const AUDIENCE: [string, string[]][] = [
  [TYPES.finished, ['one@example.com', 'two@example.com', 'gone@example.com']],
  [TYPES.inTheMiddle, ['first@example.com', 'second@example.com', 'third@example.com']],
  [TYPES.waits, ['patient@example.com', 'unwanted@example.com']],
  [TYPES.unmatched, ['late@example.com']],
];
export const LATE = 'late@example.com';

/** A service with mail in every state, at the moment at which it is backed up. */
export interface Scene {
  databaseUrl: string;
  api: MailroomProcess;
  /** Stands still. */
  worker: MailroomProcess;
  /** Took what was sent. */
  sink: SmtpSink;
  /** Has the mail that is in the middle of its attempt, and does not answer. */
  silent: ScriptedServer;
  /** Of the mail server that the settings name: it is down. */
  relayPort: number;
  /** An event that no worker has seen. */
  unmatchedEvent: string;
}

export async function makeScene(databaseUrl: string, queue: Record<string, string>): Promise<Scene> {
  const env = { ...SHARED, ...queue, DATABASE_URL: databaseUrl, MAILROOM_DATA_DIR: await makeDataFolder() };
  const [sink, silent, relayPort] = await Promise.all([startSmtpSink({ refuse: noSuchUser }), startScriptedServer(lies.silentAfterFinalDot), closedPort()]);
  atEnd(() => Promise.all([sink.close(), silent.close()]));
  const [api, worker] = await Promise.all([startProcess({ ...env, MAILROOM_ROLE: 'api' }).ready(), startProcess({ ...env, MAILROOM_ROLE: 'worker', PORT: '' }).ready()]);
  await fillIn(api.as());
  await useRelay(api.as(), sink.port);
  await publishUntil(api.as(), TYPES.finished, 'failed', 'sent', 'sent');
  await waitFor(() => sql(databaseUrl, `SELECT 1 FROM events WHERE type = 'EmailNotificationFailed' AND matched_at IS NOT NULL`), ({ length }) => length === 1);
  await useRelay(api.as(), silent.port, { maxConnections: 1 });
  await publishUntil(api.as(), TYPES.inTheMiddle, 'queued', 'queued', 'sending');
  await waitFor(() => silent.lines.some((line) => line.includes('Message-ID:')), Boolean);
  await useRelay(api.as(), relayPort, { authentication: { type: 'password', accountName: LOGIN.user, password: LOGIN.password } });
  const waiting = await publishUntil(api.as(), TYPES.waits, 'deferred', 'deferred', 'deferred');
  await api.as().post(`/v1/emails/${waiting.find(({ to }) => to.startsWith('unwanted@'))!.id}/cancel`).expect(200);
  await standStill(worker, databaseUrl);
  return { databaseUrl, api, worker, sink, silent, relayPort, unmatchedEvent: await publish(api.as(), TYPES.unmatched) };
}

const noSuchUser = (address: string, command: string): string | undefined => (command === 'RCPT' && address.startsWith('gone@') ? '550 5.1.1 No such user' : undefined);

async function fillIn(api: Api): Promise<void> {
  await api.put(`/v1/event-types/${TYPES.unmatched}`, { description: 'Somebody has to pay.' }).expect(201);
  await api.put(`/v1/email-templates/${TYPES.unmatched}`, { subject: SUBJECT, textBody: 'Please pay.' }).expect(200);
  for (const [eventType, addresses] of AUDIENCE) {
    for (const emailAddress of addresses) await api.post('/v1/subscriptions', { emailAddress, eventTypes: [eventType] }).expect(201);
  }
  const { body: user } = await api.post('/v1/users', { name: 'Dana', emailAddress: 'dana@example.com' }).expect(201);
  await api.post('/v1/subscriptions', { userId: user.id as string, eventTypes: [TYPES.waits] }).expect(201);
}

async function publishUntil(api: Api, type: string, ...statuses: string[]): Promise<Email[]> {
  const event = await publish(api, type);
  const emails = async (): Promise<Email[]> => (await api.get(`/v1/emails?eventId=${event}`).expect(200)).body.items as Email[];
  return waitFor(emails, (found) => found.map(({ status }) => status).sort().join() === statuses.join());
}

/**
 * What the API tells stays as it is from now on, and an event stays unmatched. Not while the worker tries the mail server: nobody else does that for two
 * minutes then, also not after a restore.
 */
async function standStill(worker: MailroomProcess, databaseUrl: string): Promise<void> {
  await waitFor(async () => {
    process.kill(worker.pid, 'SIGSTOP');
    const tries = await sql(databaseUrl, 'SELECT 1 FROM relay_states WHERE probe_until > now()');
    if (tries.length > 0) process.kill(worker.pid, 'SIGCONT');
    return tries;
  }, (tries) => tries.length === 0);
}

const LISTS = ['smtp-settings', 'dns-settings', 'users', 'subscriptions?limit=200', 'event-types?builtIn=false', 'email-templates?isModified=true', 'api-keys', 'events?limit=200', 'emails?limit=200'];

export interface State {
  /** What each list answers. */
  lists: Record<string, unknown>;
  emails: EmailWithAttempts[];
  audit: unknown[];
}

/** Everything that the API shows, and the audit log. */
export async function stateOf(api: Api, databaseUrl: string): Promise<State> {
  const lists: Record<string, unknown> = {};
  for (const list of LISTS) lists[list] = withoutUse((await api.get(`/v1/${list}`).expect(200)).body as object);
  const { items } = lists['emails?limit=200'] as { items: Email[] };
  expect(items).toHaveLength(9);
  const emails = await Promise.all(items.map(({ id }) => emailOf(api, id)));
  return { lists, emails, audit: await sql(databaseUrl, 'SELECT * FROM audit_log ORDER BY id') };
}

/** When a key was used last is written down from time to time, also when somebody only looks. */
const withoutUse = (answer: object): unknown => JSON.parse(JSON.stringify(answer, (name, value: unknown) => (name === 'lastUsedAt' ? undefined : value)));

export const emailOf = async (api: Api, id: string): Promise<EmailWithAttempts> => (await api.get(`/v1/emails/${id}`).expect(200)).body as EmailWithAttempts;

/** Those that are to go out after a restore. */
export const waitingOf = ({ emails }: State): EmailWithAttempts[] => emails.filter(({ status }) => ['queued', 'sending', 'deferred'].includes(status));

/** How many e-mails of which status a database holds, and how many events without e-mails. */
export async function rowsIn(databaseUrl: string): Promise<Record<string, number>> {
  const counts = await sql<{ what: string; count: number }>(databaseUrl, `
    SELECT status::text AS what, count(*)::int FROM emails GROUP BY 1 UNION ALL SELECT 'unmatched', count(*)::int FROM events WHERE matched_at IS NULL`);
  return Object.fromEntries(counts.map(({ what, count }) => [what, count]));
}

/** Jobs in a queue that Postgres holds. */
export async function jobsIn(databaseUrl: string): Promise<Record<string, number>> {
  const counts = await sql<{ state: string; count: number }>(databaseUrl, 'SELECT state::text, count(*)::int FROM bullmq.job GROUP BY 1');
  return Object.fromEntries(counts.map(({ state, count }) => [state, count]));
}

/** No e-mail waits, and no job: also not one that the backup brought along, which is taken over only when its lock has run out. */
export async function atRest(mailroom: MailroomProcess): Promise<void> {
  const left = async (): Promise<string[]> => {
    const { text } = await mailroom.as().get('/metrics').expect(200);
    return text.split('\n').filter((line) => /^mailroom_(emails_waiting|queue_jobs)\{/.test(line));
  };
  await waitFor(left, (lines) => lines.length === 8 && lines.every((line) => line.endsWith(' 0')), 60_000);
}
