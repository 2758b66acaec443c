import { expect } from '@jest/globals';
import { buildAccount } from '../factories/build-account.js';
import { buildSettings } from '../factories/build-settings.js';
import { createAuthority } from '../factories/issue-certificate.js';
import { packPkcs12 } from '../factories/pack-certificate.js';
import { type ScriptedServer, type SinkOptions, type SmtpSink, startScriptedServer, startSmtpSink } from '../setup/smtp-servers.js';
import { CLIENT, startTokenServer, type TokenServer } from '../setup/token-server.js';
import { waitFor } from '../setup/wait.js';
import { echoingRelay, echoingTokens } from './echoing-servers.js';
import { ADMIN_KEY, type LeakWorld } from './leak-world.js';
import { keySecrets, type Place, textSecret } from './leaks.js';

/** No quotes and backslashes, which JSON would escape; else whatever the ways of writing a text down treat differently. */
export const VALUES = {
  smtpPassword: 'the smtp+pässword/of=settings!',
  wrongPassword: "a wrong (pässword) that's refused",
  candidatePassword: 'the pässword+of=a/candidate ~1',
  echoedPassword: 'the pässword+that=a/relay echoes',
  accountPassword: 'the first pässword+of=an/account',
  rotatedPassword: 'the rotated pässword+of=an/account',
  replacedPassword: 'the replaced pässword+of=an/account',
  echoedSecret: 'the client+secret/that is=echoed ü',
  misplaced: 'a pässword+in=a/wrong (place)',
  passphrase: 'the pässphrase+of=a/PKCS#12 file',
  wrongPassphrase: 'a wrong pässphrase+of=a/file',
  wrongKey: 'mr_a-key/that+nobody=has~4711',
};

type Auth = NonNullable<SinkOptions['auth']>;
type Authentication = NonNullable<ReturnType<typeof buildSettings>['authentication']>;
const password = (value: string, accountName = 'mailroom'): Authentication => ({ type: 'password', accountName, password: value });
const to = ({ port }: { port: number }, authentication: Authentication): object => buildSettings({ serverAddress: '127.0.0.1', port, security: 'none', authentication });

/** Sets every secret there is, and lets everything be done with it that can be done, well and badly. */
export class LeakScenario {
  private readonly closers: (() => Promise<unknown>)[] = [];
  private readonly sinks: SmtpSink[] = [];

  constructor(private readonly world: LeakWorld) {
    for (const [name, value] of Object.entries({ ...VALUES, clientSecret: CLIENT.clientSecret })) world.secrets.push(textSecret(name, value));
  }

  async play(): Promise<void> {
    await this.subscribers();
    await this.logins();
    await this.echoes();
    await this.accounts();
    await this.tokens();
    await this.certificates();
    await this.apiKeys();
    await this.misplaced();
    await this.everythingElse();
  }

  /** What people got. */
  mails(): Place[] {
    return this.sinks.flatMap(({ mails }) => mails).map(({ to: [recipient], raw }, index) => ({ kind: 'mail', name: `${index + 1} to ${recipient}`, text: raw }));
  }

  async close(): Promise<void> {
    for (const close of this.closers.splice(0)) await close();
  }

  private async subscribers(): Promise<void> {
    const { send } = this.world;
    const { body: user } = await send('post', '/v1/users', { name: 'Dana', emailAddress: 'dana@example.com' }).expect(201);
    await send('post', '/v1/subscriptions', { userId: user.id, eventTypes: ['TestConnectionFailed'] }).expect(201);
    await send('post', '/v1/subscriptions/defaults', { role: 'assetAdministrator', emailAddress: 'alice@example.com' }).expect(201);
  }

  private async logins(): Promise<void> {
    const auth = { user: 'mailroom', password: VALUES.smtpPassword, required: true };
    const [plain, login] = [await this.sink({ ...auth, methods: ['PLAIN'] }), await this.sink({ ...auth, methods: ['LOGIN'] })];
    const challenge = await this.sink({ ...auth, password: VALUES.candidatePassword, methods: ['CRAM-MD5'] });
    await this.deliver(to(plain, password(VALUES.wrongPassword)), 'deferred');
    await this.test('failed');
    await this.deliver(to(login, password(VALUES.wrongPassword)), 'deferred');
    await this.deliver(to(login, password(VALUES.smtpPassword)), 'sent');
    await this.deliver(to(plain, password(VALUES.smtpPassword)), 'sent');
    await this.test('passed');
    await this.test('failed', to(challenge, password(VALUES.wrongPassword)));
    await this.test('passed', to(challenge, password(VALUES.candidatePassword)), 'a test that is asked for twice');
    await this.test('passed', to(challenge, password(VALUES.candidatePassword)), 'a test that is asked for twice');
    const another = { sendTo: 'other@example.com', settings: to(challenge, password(VALUES.candidatePassword)) };
    await this.world.send('post', '/v1/smtp-tests', another, { 'Idempotency-Key': 'a-test-that-is-asked-for-twice' }).expect(422);
    await this.world.send('put', '/v1/dns-settings', { servers: [], smtpPassword: VALUES.smtpPassword }).expect(200);
  }

  private async echoes(): Promise<void> {
    for (const mechanism of ['PLAIN', 'LOGIN'] as const) {
      const relay = await this.scripted(mechanism);
      await this.deliver(to(relay, password(VALUES.echoedPassword)), 'deferred');
      await this.test('failed');
    }
  }

  private async accounts(): Promise<void> {
    const { send } = this.world;
    const auth: Auth = { user: 'svc-mail', password: VALUES.accountPassword, methods: ['LOGIN'], required: true };
    const relay = await this.sink(auth);
    const write = buildAccount({ accountName: 'svc-mail', password: VALUES.accountPassword, allowedServers: ['127.0.0.1'] });
    const { body: { id } } = await send('post', '/v1/accounts', write).expect(201);
    await this.deliver(to(relay, { type: 'account', accountId: id as string }), 'sent');
    for (const [path, next] of [[`/v1/accounts/${id}/password`, VALUES.rotatedPassword], [`/v1/accounts/${id}`, VALUES.replacedPassword]] as const) {
      await send('put', path, path.endsWith('password') ? { password: next } : { ...write, password: next }).expect(200);
      await this.test('failed');
      auth.password = next;
      await this.test('passed');
    }
    await send('put', `/v1/accounts/${id}`, { ...write, password: undefined, allowedServers: ['mail.example.com'] }).expect(400);
    await this.deliver(to(await this.scripted('LOGIN'), { type: 'account', accountId: id as string }), 'deferred');
  }

  private async tokens(): Promise<void> {
    const server = await startTokenServer();
    this.closers.push(() => server.close());
    const mailbox = (clientSecret: string): Authentication => ({ type: 'oauth2', accountName: 'robot', tokenUrl: server.url, ...CLIENT, clientSecret, scope: 'smtp' });
    const auth: Auth = { user: 'robot', methods: ['XOAUTH2'], required: true, get accessToken() { return server.lastToken ?? 'none yet'; } };
    const relay = await this.sink(auth);
    await this.deliver(to(relay, mailbox(CLIENT.clientSecret)), 'sent');
    await this.test('passed');
    await this.deliver(to(await this.sink({ ...auth, user: 'somebody else' }), mailbox(CLIENT.clientSecret)), 'deferred');
    this.givenOut(server);
    server.answer(echoingTokens);
    await this.deliver(to(relay, mailbox(VALUES.echoedSecret)), 'deferred');
    await this.test('failed');
    expect(server.requests.at(-1)!.form['client_secret']).toBe(VALUES.echoedSecret);
  }

  /** All tokens so far; they are numbered. */
  private givenOut({ lastToken }: TokenServer): void {
    const [, count, label] = /^token-(\d+)-(.+)$/.exec(lastToken!)!;
    for (let number = 1; number <= Number(count); number += 1) this.world.secrets.push(textSecret(`access token ${number}`, `token-${number}-${label}`));
  }

  private async certificates(): Promise<void> {
    const { send, upload, secrets, keys, container } = this.world;
    const authority = await createAuthority();
    const { key, certificate } = await authority.issue({ keyType: 'rsa2048' });
    secrets.push(...keySecrets('the key in a PKCS#12 file', key));
    const file = await packPkcs12({ keys: [key], certificates: [certificate], passphrase: VALUES.passphrase });
    await send('post', '/v1/client-certificates', { certificate: file.toString('base64'), passphrase: VALUES.wrongPassphrase }).expect(400);
    await upload('/v1/client-certificates/upload', file, { passphrase: VALUES.wrongPassphrase }).expect(400);
    await send('post', '/v1/client-certificates', { certificate: file.toString('base64'), passphrase: VALUES.passphrase }).expect(201);
    const { body: installed } = await upload('/v1/client-certificates/upload', file, { passphrase: VALUES.passphrase }).expect(200);
    await send('post', `/v1/client-certificates/${installed.id}/activate`).expect(200);
    await send('post', '/v1/client-certificates', { certificate: key, passphrase: VALUES.passphrase }).expect(400);
    await send('post', '/v1/trusted-certificates', { certificate: authority.root + key }).expect(400);
    await send('post', '/v1/trusted-certificates', { certificate: authority.root }).expect(201);

    const { body: request } = await send('post', '/v1/certificate-requests', { subject: { commonName: 'mailroom' }, keyType: 'ecP256' }).expect(201);
    const row = await container.database.prisma.certificateRequest.findUniqueOrThrow({ where: { id: request.id as string } });
    secrets.push(...keySecrets('the key of a certificate request', keys.open(row.privateKeyCiphertext, JSON.stringify(['certificate-request', 'private-key', row.id]))));
    await send('get', `/v1/certificate-requests/${row.id}`, undefined, { Accept: 'application/x-pem-file' }).expect(200);
    await send('post', '/v1/client-certificates', { certificate: (await authority.issue({ csr: request.pem as string })).chain }).expect(201);
  }

  private async apiKeys(): Promise<void> {
    const { send, forgive, secrets } = this.world;
    for (const role of ['publisher', 'administrator']) {
      const { body } = await send('post', '/v1/api-keys', { name: `a ${role}`, role }, { 'Idempotency-Key': `a-key-for-a-${role}` }).expect(201);
      secrets.push(textSecret(`the key of a ${role}`, body.key as string));
      await forgive(body.key as string);
      await send('post', '/v1/events', { type: 'TestConnectionFailed' }, { Authorization: `Bearer ${body.key}`, 'Idempotency-Key': `once-by-a-${role}` }).expect(202);
      await send('get', `/v1/api-keys/${body.id}`).expect(200);
      if (role === 'publisher') await send('delete', `/v1/api-keys/${body.id}`).expect(204);
    }
    await send('get', '/v1/emails', undefined, { Authorization: `Bearer ${VALUES.wrongKey}` }).expect(401);
    await send('get', `/v1/emails?access_token=${encodeURIComponent(ADMIN_KEY)}`, undefined, { Authorization: '' }).expect(401);
  }

  /** What people send by mistake, or by a program with a fault: each is refused, and the refusal does not repeat it. */
  private async misplaced(): Promise<void> {
    const { send } = this.world;
    const secret = VALUES.misplaced;
    const base = buildSettings({ serverAddress: 'mail.example.com' });
    const settings: object[] = [
      ...['port', 'security', 'resolveMx', 'verifyCertificate', 'authentication', 'maxConnections', 'senderAddress', 'clientHostname', 'serverAddress'].map((field) => ({ ...base, [field]: secret })),
      { ...base, password: secret },
      { ...base, serverAddress: `mailroom:${secret}@mail.example.com` },
      ...[{ type: secret }, { type: 'none', password: secret }, { type: 'password', accountName: 'mailroom', password: [secret] }, { type: 'account', accountId: secret },
        { type: 'password', accountName: 'mailroom', password: secret.repeat(10) },
        { type: 'oauth2', accountName: 'robot', tokenUrl: `https://robot:${encodeURIComponent(secret)}@login.example.com/`, clientId: 'robot', clientSecret: { value: secret } }]
        .map((authentication) => ({ ...base, authentication })),
    ];
    for (const body of settings) await send('put', '/v1/smtp-settings', body).expect(400);
    for (const body of settings) await send('post', '/v1/smtp-tests', { sendTo: 'admin@example.com', settings: body }, { 'Idempotency-Key': 'a-faulty-test' }).expect(400);
    const others: [string, object][] = [
      ['/v1/accounts', { ...buildAccount(), kind: secret }], ['/v1/accounts', { ...buildAccount(), pasword: secret }],
      ['/v1/accounts', buildAccount({ allowedServers: [`svc:${secret}@mail.example.com`] })],
      ['/v1/api-keys', { name: 'x', role: secret }], ['/v1/client-certificates', { certificate: secret, passphrase: secret }], ['/v1/client-certificates', { certificate: 1, passphrase: [secret] }],
      ['/v1/certificate-requests', { subject: { commonName: 'x' }, keyType: secret }], ['/v1/events', { type: 'TestConnectionFailed', password: secret }],
      ['/v1/smtp-tests', { sendTo: secret }], ['/v1/subscriptions', { emailAddress: secret, eventTypes: ['TestConnectionFailed'] }],
    ];
    for (const [path, body] of others) await send('post', path, body, { 'Idempotency-Key': 'a-faulty-request' }).expect(400);
    await send('put', '/v1/dns-settings', { servers: [secret], smtpPassword: secret }).expect(400);
    await send('post', '/v1/smtp-tests').set('Content-Type', 'application/json').send(`{"settings": {"password": "${secret}`).expect(400);
  }

  private async everythingElse(): Promise<void> {
    const { send } = this.world;
    await send('post', '/v1/events/batch', { events: [{ type: 'TestConnectionFailed' }] }, { 'Idempotency-Key': 'a-batch' }).expect(202);
    await send('put', '/v1/event-types/InvoicePaid', {}).expect(201);
    await send('put', '/v1/email-templates/InvoicePaid', { subject: 'Paid', textBody: 'Paid.' }).expect(200);
    await send('post', '/v1/email-templates/InvoicePaid/preview', {}).expect(200);
    await send('post', '/v1/email-templates/preview', { eventType: 'InvoicePaid', subject: '{{ password }}', textBody: '{{ smtpPassword }} {{ config }}' }).expect(200);
    await this.deliver(to(await this.sink(undefined), { type: 'none' }), 'sent');
    await send('post', '/v1/email-templates/InvoicePaid/send-test', { sendTo: 'eve@example.com' }, { 'Idempotency-Key': 'a-sample' }).expect(202);
    await send('get', '/v1/subscriptions/explain?eventType=TestConnectionFailed&emailAddress=dana@example.com').expect(200);
    const { body: emails } = await send('get', '/v1/emails?limit=200').expect(200);
    for (const { id } of emails.items as { id: string }[]) await send('get', `/v1/emails/${id}`).expect(200);
    const { body: tests } = await send('get', '/v1/smtp-tests?limit=200').expect(200);
    for (const { id } of tests.items as { id: string }[]) await send('get', `/v1/smtp-tests/${id}/stream`).expect(200);
    const { body: contract } = await send('get', '/openapi.json').expect(200);
    const lists = Object.entries(contract.paths as Record<string, object>).filter(([path, methods]) => 'get' in methods && !path.includes('{') && !path.includes('support-bundle'));
    for (const path of [...lists.map(([list]) => `/v1${list}`), '/health/ready', '/metrics']) await send('get', path);
  }

  private async sink(auth: Auth | undefined): Promise<SmtpSink> {
    const sink = await startSmtpSink(auth && { auth });
    this.sinks.push(sink);
    this.closers.push(() => sink.close());
    return sink;
  }

  private async scripted(mechanism: Parameters<typeof echoingRelay>[0]): Promise<ScriptedServer> {
    const relay = await startScriptedServer(echoingRelay(mechanism));
    this.closers.push(() => relay.close());
    return relay;
  }

  /** Saves the settings, and publishes an event whose mail comes to this end. */
  private async deliver(settings: object, status: 'sent' | 'deferred'): Promise<void> {
    const { send } = this.world;
    await send('put', '/v1/smtp-settings', settings).expect(200);
    const { body: event } = await send('post', '/v1/events', { type: 'TestConnectionFailed' }, { 'Idempotency-Key': `event-${Math.random()}` }).expect(202);
    await waitFor(() => send('get', `/v1/emails?eventId=${event.id}`), ({ body }) => body.items[0]?.status === status);
  }

  /** Of the saved settings, or of a candidate. */
  private async test(status: 'passed' | 'failed', settings?: object, once?: string): Promise<void> {
    const headers = { Prefer: 'wait=20', ...(once !== undefined && { 'Idempotency-Key': once.replaceAll(' ', '-') }) };
    const { body } = await this.world.send('post', '/v1/smtp-tests', { sendTo: 'admin@example.com', timeoutSeconds: 10, ...(settings && { settings }) }, headers).expect(202);
    expect(body).toMatchObject({ status, addresses: [{ stages: expect.arrayContaining([expect.objectContaining({ name: 'auth', status })]) }] });
  }
}
