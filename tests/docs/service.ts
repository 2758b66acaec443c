import { test } from '@jest/globals';
import { ADMIN_KEY, atEnd, type MailroomProcess, processTest, SHARED, startProcess } from '../process/mailroom-process.js';
import { createTestDatabase } from '../setup/database.js';
import { startDnsServer } from '../setup/dns-server.js';
import { type SinkOptions, type SmtpSink, startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';
import { findProgram } from './shell.js';

const LIMIT_MS = 180_000;
const ALWAYS = ['bash', 'curl', 'npm'];

/** A test that does what a page says. It is skipped where a program is missing that its reader needs. */
export function pageTest(name: string, body: () => Promise<void>, programs: string[] = []): void {
  const missing = [...ALWAYS, ...programs].find((program) => findProgram(program) === null);
  if (missing === undefined) processTest(name, body, LIMIT_MS);
  else test.skip(`${name}: skipped, no ${missing} on PATH`, () => undefined);
}

/** What stands on the pages for the service and its key. */
export const [URL_ON_PAGE, KEY_ON_PAGE] = ['http://127.0.0.1:8080', 'mr_…'];

export interface PageService {
  mailroom: MailroomProcess;
  /** What the page has to be read with. */
  replace: Map<string, string>;
}

/** A whole Mailroom on a database of its own, that the end of the test ends. */
export async function startService(env: Record<string, string> = {}): Promise<PageService> {
  const database = await createTestDatabase();
  atEnd(() => database.drop());
  const mailroom = await startProcess({ ...SHARED, DATABASE_URL: database.url, ...env }).ready();
  return { mailroom, replace: new Map([[URL_ON_PAGE, mailroom.url], [KEY_ON_PAGE, ADMIN_KEY]]) };
}

/** A mail server, on a port of its own, that the end of the test ends. */
export async function startMailServer(options: SinkOptions = {}): Promise<SmtpSink> {
  const sink = await startSmtpSink(options);
  atEnd(() => sink.close());
  return sink;
}

/** Has Mailroom ask a DNS server that knows these names of mail servers: they are this machine. */
export async function knowNames({ mailroom }: PageService, ...names: string[]): Promise<void> {
  const dns = await startDnsServer(Object.fromEntries(names.map((name) => [name, { A: ['127.0.0.1'] }])));
  atEnd(() => dns.close());
  await mailroom.as().put('/v1/dns-settings', { servers: [dns.address] }).expect(200);
}

/** Until nothing waits any more: the reader has looked a second later. */
export async function allDone({ mailroom }: PageService, key = ADMIN_KEY): Promise<void> {
  const waiting = async (): Promise<string[]> => {
    const events = (await mailroom.as(key).get('/v1/events').expect(200)).body.items as { matchedAt: string | null }[];
    const emails = (await mailroom.as(key).get('/v1/emails').expect(200)).body.items as { status: string }[];
    return [...events.filter(({ matchedAt }) => matchedAt === null).map(() => 'an event'), ...emails.map(({ status }) => status).filter((status) => status === 'queued' || status === 'sending')];
  };
  await waitFor(waiting, ({ length }) => length === 0);
}
