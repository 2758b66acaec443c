import type { Answer } from './examples.js';
import type { World } from './world.js';

/** A request of the contract's examples, and what must come back. */
export interface Step {
  /** The operationId. */
  does: string;
  status: number;
  /** Name of the example; the example of the schema is called `default`. */
  request?: string;
  summary?: string;
  /** The body as the contract shows it; left out: the example of the schema. */
  body?: object;
  /** What must differ in a test, such as the port of the mail server. */
  live?: (body: Record<string, unknown>) => object;
  path?: () => Record<string, string>;
  query?: Record<string, string> | (() => Record<string, string>);
  headers?: Record<string, string>;
  /** The file of a form, which the contract shows by name. */
  file?: () => Buffer;
  /** Name of the example answer. */
  answer?: string;
  /** Until it answers so: what workers do takes a moment. */
  until?: (answer: Answer) => boolean;
  before?: () => Promise<unknown>;
  then?: (answer: Answer) => void;
}

/** The whole life of a Mailroom: each operation at least once, in an order in which it works. */
export function storyOf(world: World): Step[] {
  return [...mailServer(world), ...certificates(world), ...recipients(world), ...eventTypes(world), ...templates(world), ...tests(world), ...events(world), ...operations(world)];
}

function mailServer(world: World): Step[] {
  const { ids } = world;
  const account = () => ({ id: ids['account']! });
  return [
    { does: 'putDnsSettings', status: 200, summary: 'Two DNS servers, one on a port of its own' },
    { does: 'putDnsSettings', status: 200, request: 'systemResolver', answer: 'systemResolver', summary: "The operating system's resolver", body: { servers: [] } },
    { does: 'getDnsSettings', status: 200 },
    { does: 'createAccount', status: 201, request: 'directory', summary: 'A directory account', answer: 'directory', then: ({ id }) => { ids['account'] = id; },
      body: { kind: 'directory', domainName: 'corp.example.com', accountName: 'svc-mail@corp.example.com', password: 'its password', allowedServers: ['smtp.corp.example.com'] } },
    { does: 'createAccount', status: 201, request: 'asset', summary: 'An asset account', answer: 'asset', then: ({ id }) => { ids['asset'] = id; },
      body: { kind: 'asset', assetName: 'mail-relay-01', accountName: 'mailroom', password: 'its password', allowedServers: ['10.0.0.25'] } },
    { does: 'listAccounts', status: 200 },
    { does: 'getAccount', status: 200, path: account },
    { does: 'putAccount', status: 200, path: account, request: 'anotherServer', summary: 'A server more, which takes the password again',
      body: { kind: 'directory', domainName: 'corp.example.com', accountName: 'svc-mail@corp.example.com', password: 'its password', allowedServers: ['smtp.corp.example.com', 'smtp2.corp.example.com'] } },
    { does: 'putAccountPassword', status: 200, path: account, summary: 'The password was rotated' },
    { does: 'deleteAccount', status: 204, path: () => ({ id: ids['asset']! }) },
    { does: 'putSmtpSettings', status: 200, request: 'account', summary: 'With a directory account (its id is in GET /v1/accounts)', answer: 'account', live: (body) => ({ ...body, authentication: { type: 'account', accountId: ids['account'] } }),
      body: { serverAddress: 'smtp.corp.example.com', port: 587, security: 'startTls', senderAddress: 'mailroom@example.com', authentication: { type: 'account', accountId: '019ab3c1-7d20-7000-8000-000000000001' } } },
    { does: 'putSmtpSettings', status: 200, request: 'password', summary: 'With an account name and password', answer: 'password',
      body: { serverAddress: 'mail.example.com', port: 587, security: 'startTls', senderAddress: 'mailroom@example.com', authentication: { type: 'password', accountName: 'mailroom', password: 'its password' } } },
    { does: 'putSmtpSettings', status: 200, request: 'microsoft365', summary: 'Microsoft 365, with XOAUTH2', answer: 'microsoft365',
      body: { serverAddress: 'smtp.office365.com', port: 587, security: 'startTls', senderAddress: 'mailroom@example.com',
        authentication: { type: 'oauth2', accountName: 'mailroom@example.com', tokenUrl: 'https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000/oauth2/v2.0/token',
          clientId: '11111111-1111-1111-1111-111111111111', clientSecret: 'the client secret', scope: 'https://outlook.office365.com/.default' } } },
    { does: 'putSmtpSettings', status: 200, summary: 'A mail catcher on this machine', live: (body) => ({ ...body, serverAddress: '127.0.0.1', port: world.sink.port }) },
    { does: 'getSmtpSettings', status: 200 },
  ];
}

function certificates(world: World): Step[] {
  const { ids } = world;
  const request = () => ({ id: ids['certificateRequest']! });
  let csr = '';
  let issued = '';
  return [
    { does: 'createCertificateRequest', status: 201, summary: 'By the parts of the subject', then: ({ id, body }) => { ids['certificateRequest'] = id; csr = body['pem'] as string; } },
    { does: 'createCertificateRequest', status: 201, request: 'distinguishedName', summary: 'By one distinguished name', answer: 'distinguishedName', then: ({ id }) => { ids['otherRequest'] = id; },
      body: { subject: { distinguishedName: 'CN=mailroom.example.com,O=Example Ltd,C=DE' }, keyType: 'ecP256' } },
    { does: 'listCertificateRequests', status: 200 },
    { does: 'getCertificateRequest', status: 200, path: request },
    { does: 'getCertificateRequest', status: 200, path: request, headers: { Accept: 'application/x-pem-file' } },
    { does: 'getCertificateRequest', status: 200, path: request, headers: { Accept: 'application/pkcs10' } },
    { does: 'installClientCertificate', status: 201, request: 'issued', summary: 'A certificate that was issued for a request', before: async () => { issued = await world.issueFor(csr); },
      live: () => ({ certificate: issued }), body: { certificate: world.shown.clientCertificate }, then: ({ id }) => { ids['issued'] = id; } },
    { does: 'installClientCertificate', status: 200, request: 'again', summary: 'The same one again changes nothing', live: () => ({ certificate: issued }), body: { certificate: world.shown.clientCertificate } },
    { does: 'uploadClientCertificate', status: 201, request: 'pkcs12', summary: 'A PKCS#12 file with its passphrase', body: { file: 'mailroom.p12', passphrase: world.passphrase }, file: () => world.pkcs12, then: ({ id }) => { ids['uploaded'] = id; } },
    { does: 'uploadClientCertificate', status: 200, request: 'pkcs12', body: { file: 'mailroom.p12', passphrase: world.passphrase }, file: () => world.pkcs12 },
    { does: 'activateClientCertificate', status: 200, path: () => ({ id: ids['issued']! }) },
    { does: 'listClientCertificates', status: 200 },
    { does: 'getClientCertificate', status: 200, path: () => ({ id: ids['uploaded']! }) },
    { does: 'deleteClientCertificate', status: 204, path: () => ({ id: ids['uploaded']! }) },
    { does: 'deleteCertificateRequest', status: 204, path: () => ({ id: ids['otherRequest']! }) },
    { does: 'addTrustedCertificates', status: 201, request: 'pem', summary: 'A private authority, in PEM', live: () => ({ certificate: world.authority.root }), body: { certificate: world.shown.root }, then: ({ id }) => { ids['trusted'] = id; } },
    { does: 'addTrustedCertificates', status: 200, request: 'again', summary: 'The same one again changes nothing', live: () => ({ certificate: world.authority.root }), body: { certificate: world.shown.root } },
    { does: 'uploadTrustedCertificates', status: 201, request: 'file', summary: 'The file of the authority', body: { file: 'ca.pem' }, file: () => Buffer.from(world.authority.intermediate), then: ({ id }) => { ids['trustedToo'] = id; } },
    { does: 'uploadTrustedCertificates', status: 200, request: 'file', body: { file: 'ca.pem' }, file: () => Buffer.from(world.authority.intermediate) },
    { does: 'listTrustedCertificates', status: 200 },
    { does: 'getTrustedCertificate', status: 200, path: () => ({ id: ids['trusted']! }) },
    { does: 'deleteTrustedCertificate', status: 204, path: () => ({ id: ids['trustedToo']! }) },
  ];
}

function recipients(world: World): Step[] {
  const { ids } = world;
  const user = () => ({ id: ids['user']! });
  const subscription = () => ({ id: ids['subscription']! });
  return [
    { does: 'createUser', status: 201, summary: 'Somebody with an address', then: ({ id }) => { ids['user'] = id; } },
    { does: 'listUsers', status: 200 },
    { does: 'getUser', status: 200, path: user },
    { does: 'putUser', status: 200, path: user, request: 'disabled', answer: 'disabled', summary: 'No mail for a while', body: { name: 'Dana Whitfield', emailAddress: 'dana.whitfield@example.com', enabled: false } },
    { does: 'putUser', status: 200, path: user, summary: 'Mail again' },
    { does: 'createSubscription', status: 201, summary: 'An address, for two event types', then: ({ id }) => { ids['subscription'] = id; } },
    { does: 'createSubscription', status: 201, request: 'user', summary: 'A user, for all events (the id is in GET /v1/users)', answer: 'user', live: (body) => ({ ...body, userId: ids['user'] }),
      body: { userId: '019ab3c1-7d20-7000-8000-000000000002', allEvents: true, description: 'Dana gets everything' }, then: ({ id }) => { ids['ofUser'] = id; } },
    { does: 'listSubscriptions', status: 200 },
    { does: 'getSubscription', status: 200, path: subscription },
    { does: 'putSubscription', status: 200, path: subscription, request: 'oneObject', answer: 'oneObject', summary: 'Only for one object',
      body: { emailAddress: 'alice@example.com', eventTypes: ['PasswordCheckFailed', 'TestConnectionFailed'], objectId: '42', description: 'Alice, one account only' } },
    { does: 'putSubscription', status: 200, path: subscription, summary: 'For all objects again' },
    { does: 'listDefaultSubscriptions', status: 200 },
    { does: 'createDefaultSubscription', status: 201, summary: 'What an asset administrator usually wants', then: ({ id }) => { ids['usual'] = id; } },
    { does: 'createDefaultSubscription', status: 200, summary: 'The same again changes nothing' },
    { does: 'explainSubscription', status: 200, query: { eventType: 'PasswordCheckFailed', emailAddress: 'alice@example.com' } },
    { does: 'explainSubscription', status: 200, answer: 'nobody', query: { eventType: 'PasswordCheckFailed', emailAddress: 'bob@example.com' } },
    { does: 'deleteSubscription', status: 204, path: () => ({ id: ids['usual']! }) },
  ];
}

function eventTypes({ ids }: World): Step[] {
  const name = () => ({ name: 'InvoicePaid' });
  return [
    { does: 'listEventTypes', status: 200, query: { limit: '2' } },
    { does: 'putEventType', status: 201, path: name, summary: 'An event type of your own' },
    { does: 'putEmailTemplate', status: 200, path: () => ({ eventType: 'InvoicePaid' }), request: 'ownType', answer: 'ownType', summary: 'Of a type of your own',
      body: { subject: 'Invoice {{ InvoiceNumber }} is paid', textBody: '{{ Amount }} euros came in for the invoice {{ InvoiceNumber }}.' } },
    { does: 'createSubscription', status: 201, request: 'ownType', answer: 'ownType', summary: 'A type of your own (first add it: PUT /v1/event-types/InvoicePaid)',
      body: { emailAddress: 'carol@example.com', eventTypes: ['InvoicePaid'], description: 'Carol, accounting' } },
    { does: 'putEventType', status: 200, path: name, request: 'again', summary: 'At each start of your service', answer: 'replaced', body: INVOICE_PAID },
    { does: 'putEventType', status: 200, path: name, query: { dryRun: 'true' }, request: 'propertyGone', summary: 'What would break without a property (dryRun)', answer: 'impact', body: { displayName: 'Invoice Paid', category: 'Billing', properties: [] } },
    { does: 'putEventType', status: 200, path: () => ({ name: 'PasswordCheckFailed' }), request: 'deliveryPolicy', summary: 'The delivery policy of a built-in type', answer: 'builtIn', body: { deliveryPolicy: 'atMostOnce' } },
    { does: 'putEventType', status: 200, path: () => ({ name: 'PasswordCheckFailed' }), request: 'deliveryPolicyAgain', summary: 'The usual delivery policy again', answer: 'builtIn', body: { deliveryPolicy: 'atLeastOnce' } },
    { does: 'getEventType', status: 200, path: name },
    { does: 'createApiKey', status: 201, summary: 'For a service that publishes', then: ({ id }) => { ids['apiKey'] = id; } },
  ];
}

const INVOICE_PAID = {
  displayName: 'Invoice Paid', category: 'Billing', level: 'info', description: 'A customer has paid an invoice.',
  properties: [{ name: 'InvoiceNumber', type: 'string', description: 'Number of the invoice.', required: true }, { name: 'Amount', type: 'number', description: 'What was paid, in euros.' }],
};

function templates(_world: World): Step[] {
  const path = () => ({ eventType: 'PasswordCheckFailed' });
  return [
    { does: 'listEmailTemplates', status: 200, query: { limit: '2' } },
    { does: 'getEmailTemplate', status: 200, path },
    { does: 'putEmailTemplate', status: 200, path, summary: 'A subject and text of your own' },
    { does: 'previewEmailTemplate', status: 200, path, summary: 'With values of your own' },
    { does: 'previewUnsavedTemplate', status: 200, summary: 'A template that is not saved, with sample values' },
    { does: 'sendTestEmail', status: 202, path, summary: 'To yourself' },
    { does: 'resetEmailTemplate', status: 200, path },
  ];
}

function tests(world: World): Step[] {
  const path = () => ({ id: world.ids['smtpTest']! });
  return [
    { does: 'startSmtpTest', status: 202, summary: 'The saved settings', answer: 'finished', headers: { Prefer: 'wait=60' }, then: ({ id }) => { world.ids['smtpTest'] = id; } },
    { does: 'startSmtpTest', status: 202, request: 'candidate', summary: 'Settings that are not saved yet', answer: 'queued',
      live: (body) => ({ ...body, settings: { ...(body['settings'] as object), serverAddress: '127.0.0.1', port: world.sink.port } }),
      body: { sendTo: 'you@example.com', settings: { serverAddress: 'localhost', port: 1025, security: 'none', senderAddress: 'mailroom@example.com' } } },
    { does: 'getSmtpTest', status: 200, path, until: ({ body }) => body['status'] === 'passed' },
    { does: 'streamSmtpTest', status: 200, path },
    { does: 'listSmtpTests', status: 200, query: { limit: '1' } },
  ];
}

function events(world: World): Step[] {
  const { ids } = world;
  const email = () => ({ id: ids['email']! });
  const waits = () => ({ id: ids['waitingEmail']! });
  return [
    { does: 'publishEvent', status: 202, summary: 'A built-in type', headers: { 'Idempotency-Key': '0d6b8d0a-6f0b-4a3e-9c39-6a5f0a1b2c3d' }, then: ({ id }) => { ids['event'] = id; } },
    { does: 'publishEvent', status: 202, request: 'own', answer: 'own', summary: 'A type of your own (first add it: PUT /v1/event-types/InvoicePaid)', body: { type: 'InvoicePaid', properties: { InvoiceNumber: '2026-0815', Amount: 119.9 } } },
    { does: 'publishEvents', status: 202, summary: 'Two at once' },
    { does: 'getEvent', status: 200, path: () => ({ id: ids['event']! }), until: ({ body }) => (body['emails'] as Record<string, number>)['sent']! >= 2 },
    { does: 'listEvents', status: 200, query: { limit: '2' } },
    { does: 'listEmails', status: 200, query: () => ({ eventId: ids['event']!, to: 'alice@example.com' }), then: ({ body }) => { ids['email'] = (body['items'] as { id: string }[])[0]!.id; } },
    { does: 'getEmail', status: 200, path: email },
    { does: 'cancelEmail', status: 200, path: waits, before: async () => { ids['waitingEmail'] = await world.waitingEmail(); } },
    { does: 'retryEmail', status: 202, path: waits },
    { does: 'retryEmails', status: 202, summary: 'All that failed', before: () => world.failedEmail() },
    { does: 'deleteEventType', status: 200, path: () => ({ name: 'InvoicePaid' }), query: { dryRun: 'true' } },
    { does: 'deleteEventType', status: 204, path: () => ({ name: 'InvoicePaid' }) },
  ];
}

function operations({ ids }: World): Step[] {
  const apiKey = () => ({ id: ids['apiKey']! });
  return [
    { does: 'listApiKeys', status: 200 },
    { does: 'getApiKey', status: 200, path: apiKey },
    { does: 'deleteApiKey', status: 204, path: apiKey },
    { does: 'listAuditLog', status: 200, query: { limit: '2' } },
    { does: 'getSupportBundle', status: 200 },
    { does: 'deleteUser', status: 204, path: () => ({ id: ids['user']! }) },
  ];
}
