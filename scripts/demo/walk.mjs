import { simpleParser } from 'mailparser';
import { answer, beginStep, facts, quote, request, say, table } from './page.mjs';

const HTML_LINES = 40;
const PASSWORD_CHECK_FAILED = {
  type: 'PasswordCheckFailed',
  properties: {
    EventUserDisplayName: 'Dana Whitfield', AccountName: 'svc-backup', AssetName: 'db-prod-01', NetworkAddress: '192.0.2.17', ProfileName: 'Servers, daily',
  },
};
const ACCESS_REQUEST = {
  type: 'AccessRequestPendingApproval',
  properties: {
    RequestId: '7-1-1-1-29418', Requester: 'Priya Raman', AccountName: 'root', AssetName: 'web-7', Reason: 'Renew the TLS certificate before it expires',
    TicketNumber: 'CHG-20417', DurationInMinutes: 120, ApproverAccessRequestUri: 'https://appliance.example.com/requests/7-1-1-1-29418/approve',
  },
};
const CONNECTION_FAILED = { type: 'TestConnectionFailed', properties: { AssetName: 'db-prod-02', NetworkAddress: '192.0.2.18' } };

export async function setSettings(api, catcher) {
  beginStep('Tell Mailroom which SMTP server to use');
  await put(api, settingsFor(catcher));
  say('startTls means that TLS is required: no mail leaves in clear text, and the certificate is checked.');
}

const settingsFor = ({ port }) => ({
  serverAddress: 'localhost', port, security: 'startTls', verifyCertificate: true, senderAddress: 'mailroom@example.com', senderName: 'Mailroom demo',
});

async function put(api, settings) {
  request('PUT', '/v1/smtp-settings', settings);
  const { status, body } = await api.send('PUT', '/v1/smtp-settings', settings);
  answer(`${status} OK`, { enabled: body.enabled, effectivePort: body.effectivePort, updatedAt: body.updatedAt });
}

export async function subscribe(api) {
  beginStep('Subscribe two people: one to a single type of event, one to all');
  await post(api, '/v1/subscriptions', { emailAddress: 'alice@example.com', eventTypes: ['PasswordCheckFailed'] }, ({ id }) => ({ id }));
  await post(api, '/v1/subscriptions', { emailAddress: 'ops@example.com', allEvents: true }, ({ id }) => ({ id }));
}

/** Answers the two events. */
export async function publish(api) {
  beginStep('Publish two events, as another service would');
  const failed = await post(api, '/v1/events', PASSWORD_CHECK_FAILED, acceptedFacts);
  const pending = await post(api, '/v1/events', ACCESS_REQUEST, acceptedFacts);
  say('202: the event is stored. Matching, rendering and sending go on by themselves.');
  return [failed, pending];
}

const acceptedFacts = ({ id, acceptedAt }) => ({ id, acceptedAt });
const STATUS_TEXT = { 201: '201 Created', 202: '202 Accepted' };

async function post(api, path, content, important) {
  request('POST', path, content);
  const { status, body } = await api.send('POST', path, content);
  answer(STATUS_TEXT[status] ?? status, important(body));
  return body;
}

export async function followEvents(api, [failed, pending]) {
  beginStep('Follow the events until their e-mails are sent');
  await followCounts(api, failed, 'sent', 2);
  await followCounts(api, pending, 'sent', 1);
  say('Alice and ops get the first event, only ops the second: one e-mail for each event and address.');
}

/** Shows the counts of an event's e-mails whenever they change. */
async function followCounts(api, { id, type }, status, count) {
  request('GET', `/v1/events/${id}`);
  const start = performance.now();
  let shown = '';
  await api.follow(`/v1/events/${id}`, ({ emails }) => emails[status] === count, ({ emails, matchedAt }) => {
    const counts = matchedAt === null ? 'subscribers not looked up yet' : countsText(emails);
    if (counts !== shown) console.log(`        ${type}  +${((performance.now() - start) / 1000).toFixed(2)} s  ${counts}`);
    shown = counts;
  });
}

const countsText = (counts) => Object.entries(counts).filter(([, count]) => count > 0).map(([status, count]) => `${count} ${status}`).join(', ') || 'no e-mail yet';

export async function showMail({ mails }) {
  beginStep('Look at what arrived');
  table(mails.map(({ from, to, tls, raw }, index) => ({ mail: index + 1, from, to: to.join(', '), TLS: tls ? 'yes' : 'no', bytes: raw.length })));
  const { raw } = mails.find(({ to }) => to.includes('alice@example.com'));
  const mail = await simpleParser(raw, { skipTextToHtml: true });
  say('The one for Alice:');
  quote('headers', mail.headerLines.map(({ line }) => line.replaceAll('\r', '')).join('\n'));
  quote('text body', mail.text);
  const lines = mail.html.trimEnd().split('\n');
  quote(`HTML body, decoded: ${Buffer.byteLength(mail.html)} bytes, ${lines.length} lines${lines.length > HTML_LINES ? `, of which the first ${HTML_LINES}` : ''}`, lines.slice(0, HTML_LINES).join('\n'));
}

export async function showAttempts(api, [{ id }]) {
  beginStep('Ask Mailroom what became of it');
  const email = await readEmail(api, id, 'alice@example.com');
  facts(outcomeFacts(email));
  attempts(email);
}

/** The e-mail of that event and address, with its attempts. */
async function readEmail(api, eventId, to) {
  request('GET', `/v1/emails?eventId=${eventId}&to=${to}`);
  const { items: [{ id }] } = await api.get(`/v1/emails?eventId=${eventId}&to=${to}`);
  request('GET', `/v1/emails/${id}`);
  return api.get(`/v1/emails/${id}`);
}

const outcomeFacts = ({ to, subject, status, reason, nextAttemptAt, serverReply, serverQueueId, messageId }) => ({
  to, subject, status, 'reason.code': reason?.code, 'reason.message': reason?.message, nextAttemptAt, serverReply, serverQueueId, messageId,
});

const attempts = (email) => table(email.attempts.map(({ number, startedAt, durationMs, address, port, stage, outcome, code, reply }) => ({
  attempt: number, startedAt, ms: durationMs, server: address === null ? '' : `${address}:${port}`, stage: stage ?? '', outcome, answer: reply ?? code ?? '',
})));

export async function breakAndMend(api, catcher) {
  beginStep('Take the mail server away, and publish again');
  await catcher.stop();
  facts({ 'mail catcher': 'stopped' });
  const event = await post(api, '/v1/events', CONNECTION_FAILED, acceptedFacts);
  await followCounts(api, event, 'deferred', 1);
  facts(outcomeFacts(await readEmail(api, event.id, 'ops@example.com')));
  say('Nothing is lost: it would be tried again at nextAttemptAt, then ever more rarely for up to three days.');

  beginStep('Bring it back: saving the settings sends what waits at once');
  await catcher.start();
  facts({ 'mail catcher': `started again on port ${catcher.port}` });
  await put(api, settingsFor(catcher));
  await followCounts(api, event, 'sent', 1);
  const email = await readEmail(api, event.id, 'ops@example.com');
  facts({ status: email.status, sentAt: email.sentAt, serverReply: email.serverReply });
  attempts(email);
}
