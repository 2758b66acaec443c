// What the contract says of the API as a whole.

/** In the order in which somebody new needs them. */
export const TAGS = [
  ['SMTP settings', 'The mail server that Mailroom hands its mail to.'],
  ['SMTP tests', 'Find out whether, and why not, mail can be handed over: each address, each step, each reply.'],
  ['Subscriptions', 'Who gets mail for which events.'],
  ['Events', 'Publish what happened. Start here when you are another service.'],
  ['E-mails', 'What became of an event: one e-mail for each subscribed address, with every delivery attempt.'],
  ['Users', 'People who subscribe, with their address in one place.'],
  ['Event types', 'The catalogue of what can happen; add your own.'],
  ['E-mail templates', 'How the e-mails read; change them, preview them, send one to try it.'],
  ['DNS settings', 'Who is asked for the addresses of mail servers.'],
  ['Accounts', 'Directory and asset accounts that the SMTP settings may log in with.'],
  ['Certificate requests', 'Ask a certificate authority for a certificate with which Mailroom signs in to the mail server.'],
  ['Client certificates', 'The certificate with which Mailroom signs in to the mail server, and those that it replaced.'],
  ['Trusted certificates', 'The certificate authorities of private mail servers.'],
  ['API keys', 'Who may call this API.'],
  ['Audit log', 'Who changed what, when and from where.'],
  ['Support', 'What to hand to whoever is to find out why mail does not arrive.'],
];

export const DESCRIPTION = `Other services publish **events** ("a password check failed"). Mailroom finds who **subscribed**, renders the event type's
**template**, and delivers the **e-mails** through the SMTP server that an administrator configured.

**Conventions.** JSON in UTF-8, at most 1 MiB; times are RFC 3339 in UTC; unknown properties are refused. Errors are RFC 9457
\`application/problem+json\` with a stable \`code\`. PUT replaces: what you leave out takes its default, read-only fields are accepted and
ignored, a secret that you leave out is kept. Single resources carry an \`ETag\`; send it as \`If-Match\` with a write, and you get 412 instead
of overwriting somebody else's change. Lists are paged by \`limit\` and \`cursor\`, newest first unless said otherwise. Send the API key as
\`Authorization: Bearer …\`. POSTs that make work take an \`Idempotency-Key\`, so that a repeated one is done once. 429 and 503 carry
\`Retry-After\`.`;

/** Parameters that mean the same wherever they stand. */
export const PARAMETERS = {
  'If-Match': 'The ETag that you read. When the resource has changed since, the answer is 412 and nothing is written.',
  'If-None-Match': 'The ETag that you have: while the resource is still that, the answer is 304 without a body.',
  'Idempotency-Key': '1 to 255 visible ASCII characters of your choice, such as a UUID. Kept 24 hours: the same key and body gets the first answer again, another body 422.',
  id: 'Its id.',
};

export const RESPONSE_HEADERS = {
  ETag: { description: 'Version of the resource; send it as If-Match with a write.', required: true, schema: { type: 'string', example: '"3"' } },
  Location: { description: 'Where the resource is; for a batch or a retry by filter, the list that has them.', required: true, schema: { type: 'string', example: '/v1/events/019ab3c1-7d20-7000-8000-4d61696c726d' } },
  'Content-Disposition': { description: 'The name of the file.', required: true, schema: { type: 'string', example: 'attachment; filename="mailroom.csr"' } },
  'Retry-After': { description: 'Seconds to wait before the request is repeated.', required: true, schema: { type: 'integer', example: 1 } },
  'Idempotency-Replayed': { description: '`true` when this is the answer to an earlier request with the same Idempotency-Key.', schema: { type: 'string', example: 'true' } },
  'Preference-Applied': { description: 'Which preference of the Prefer header decided when the answer came (RFC 7240).', schema: { type: 'string', example: 'wait=60' } },
  Vary: { description: 'Which headers of the request the answer depends on.', schema: { type: 'string', example: 'Prefer' } },
  RateLimit: { description: 'With MAILROOM_RATE_LIMIT: requests left in this window, and its seconds (draft-ietf-httpapi-ratelimit-headers-10).', schema: { type: 'string', example: '"key";r=19;t=1' } },
  'RateLimit-Policy': { description: 'With MAILROOM_RATE_LIMIT: how many requests the key may make in how many seconds.', schema: { type: 'string', example: '"key";q=20;w=1' } },
};
