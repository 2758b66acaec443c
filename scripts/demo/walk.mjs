import { answer, beginStep, note, request, say, table } from './page.mjs';

const STATUS_TEXT = { 200: '200 OK', 201: '201 Created', 202: '202 Accepted' };
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
  answer(STATUS_TEXT[status], { enabled: body.enabled, effectivePort: body.effectivePort, updatedAt: body.updatedAt });
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

async function post(api, path, content, important) {
  request('POST', path, content);
  const { status, body } = await api.send('POST', path, content);
  answer(STATUS_TEXT[status], important(body));
  return body;
}

export async function followEvents(api, [failed, pending]) {
  beginStep('Follow the events until their e-mails are sent');
  await followCounts(api, failed, 'sent', 2);
  await followCounts(api, pending, 'sent', 1);
  say('Alice and ops get the first event, only ops the second: one e-mail for each event and address.');
}

/** Shows the counts of an event's e-mails whenever they change, with the seconds since then. */
async function followCounts(api, { id, acceptedAt }, status, count, since = Date.parse(acceptedAt)) {
  request('GET', `/v1/events/${id}`);
  let shown = '';
  await api.follow(`/v1/events/${id}`, ({ emails }) => emails[status] === count, ({ emails, matchedAt }) => {
    const counts = matchedAt === null ? 'subscribers not looked up yet' : countsText(emails);
    if (counts !== shown) note(`${((Date.now() - since) / 1000).toFixed(2)} s  ${counts}`);
    shown = counts;
  });
}

const countsText = (counts) => Object.entries(counts).filter(([, count]) => count > 0).map(([status, count]) => `${count} ${status}`).join(', ') || 'no e-mail yet';

export async function showAttempts(api, [{ id }]) {
  beginStep('Ask Mailroom what became of it');
  await showEmail(api, id, 'alice@example.com');
}

/** Finds the e-mail of that event and address and shows it with its attempts. */
async function showEmail(api, eventId, to) {
  const list = `/v1/emails?eventId=${eventId}&to=${to}`;
  request('GET', list);
  const { items: [{ id }] } = await api.get(list);
  answer(STATUS_TEXT[200], { id });
  request('GET', `/v1/emails/${id}`);
  const email = await api.get(`/v1/emails/${id}`);
  answer(STATUS_TEXT[200], importantOf(email));
  table(email.attempts.map(attemptRow));
}

const importantOf = ({ to, subject, status, reason, nextAttemptAt, sentAt, serverReply, serverQueueId, messageId }) => ({
  to, subject, status, 'reason.code': reason?.code, 'reason.message': reason?.message, nextAttemptAt, sentAt, serverReply, serverQueueId, messageId,
});

const attemptRow = ({ number, startedAt, durationMs, address, port, stage, outcome, code, reply }) => ({
  attempt: number, startedAt, ms: durationMs, server: address === null ? '' : `${address}:${port}`, stage: stage ?? '', outcome, answer: reply ?? code ?? '',
});

/** Answers the event whose e-mail waits. */
export async function publishWithoutServer(api, catcher) {
  beginStep('Take the mail server away, and publish again');
  await catcher.stop();
  note('the mail catcher is stopped');
  const event = await post(api, '/v1/events', CONNECTION_FAILED, acceptedFacts);
  await followCounts(api, event, 'deferred', 1);
  await showEmail(api, event.id, 'ops@example.com');
  say('Nothing is lost: it would be tried again at nextAttemptAt, then ever more rarely for up to three days.');
  return event;
}

export async function bringServerBack(api, catcher, event) {
  beginStep('Bring it back: saving the settings sends what waits at once');
  await catcher.start();
  note(`the mail catcher is started again on port ${catcher.port}`);
  const since = Date.now();
  await put(api, settingsFor(catcher));
  await followCounts(api, event, 'sent', 1, since);
  await showEmail(api, event.id, 'ops@example.com');
}
