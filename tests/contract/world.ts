import { closedPort } from '../setup/closed-port.js';
import { createAuthority, type TestAuthority } from '../factories/issue-certificate.js';
import { packPkcs12 } from '../factories/pack-certificate.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { type SmtpSink, startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';
import { exampleOf } from './examples.js';

/** What the requests of the examples need to exist. */
export interface World {
  mailroom: TestMailroom;
  sink: SmtpSink;
  authority: TestAuthority;
  pkcs12: Buffer;
  passphrase: string;
  /** Ids of what the story made, by what the story calls it. */
  ids: Record<string, string>;
  /** Certificates as the contract shows them; they are other ones in each run. */
  shown: { root: string; clientCertificate: string };
  issueFor(csr: string): Promise<string>;
  /** The id of an e-mail whose mail server does not answer. */
  waitingEmail(): Promise<string>;
  /** Waits until an e-mail has failed for good. */
  failedEmail(): Promise<unknown>;
  /** On which no mail server listens. */
  closedPort: number;
  close(): Promise<void>;
}

const TEN_YEARS_MS = 3_650 * 24 * 60 * 60 * 1_000;
const noSuchUser = (address: string, command: string): string | undefined => (command === 'RCPT' && address.startsWith('gone@') ? '550 5.1.1 No such user' : undefined);

export async function createWorld(): Promise<World> {
  const [mailroom, sink, authority, deadPort] = await Promise.all([startMailroom({ env: { MAILROOM_RETRY_BASE_MS: '60000' } }), startSmtpSink({ refuse: noSuchUser }), createAuthority('Example'), closedPort()]);
  const notAfter = new Date(Date.now() + TEN_YEARS_MS);
  const { certificate, key } = await authority.issue({ commonName: 'mailroom.example.com', purposes: ['clientAuth'], notAfter });
  const passphrase = 'correct horse';
  return {
    mailroom,
    sink,
    authority,
    passphrase,
    pkcs12: await packPkcs12({ keys: [key], certificates: [certificate], passphrase }),
    ids: {},
    shown: { root: shownOr('addTrustedCertificates', 'pem', authority.root), clientCertificate: shownOr('installClientCertificate', 'issued', certificate) },
    issueFor: async (csr) => (await authority.issue({ csr, notAfter })).certificate,
    waitingEmail: () => waitingEmail(mailroom, deadPort),
    failedEmail: () => failedEmail(mailroom, sink.port),
    closedPort: deadPort,
    close: async () => {
      await mailroom.close();
      await sink.close();
    },
  };
}

/** A certificate that is in the contract already stays there. */
const shownOr = (operation: string, name: string, fresh: string): string => (exampleOf(operation, name) as { certificate: string } | undefined)?.certificate ?? fresh;

async function waitingEmail({ as }: TestMailroom, port: number): Promise<string> {
  const { body: settings } = await as().get('/v1/smtp-settings').expect(200);
  await as().put('/v1/smtp-settings', { ...settings, port }).expect(200);
  const { body: event } = await as().post('/v1/events', { type: 'PasswordCheckFailed', properties: { AccountName: 'svc-backup', AssetName: 'db-prod-01' } }).expect(202);
  const list = () => as().get(`/v1/emails?eventId=${event.id}&status=deferred&to=alice@example.com`).then(({ body }) => (body as { items: { id: string }[] }).items);
  return (await waitFor(list, (items) => items.length > 0))[0]!.id;
}

async function failedEmail({ as }: TestMailroom, port: number): Promise<unknown> {
  const { body: settings } = await as().get('/v1/smtp-settings').expect(200);
  await as().put('/v1/smtp-settings', { ...settings, port }).expect(200);
  await as().post('/v1/subscriptions', { emailAddress: 'gone@example.com', eventTypes: ['ApplianceHealthy'] }).expect(201);
  await as().post('/v1/events', { type: 'ApplianceHealthy' }).expect(202);
  return waitFor(() => as().get('/v1/emails?status=failed').then(({ body }) => (body as { items: object[] }).items), (items) => items.length > 0);
}
