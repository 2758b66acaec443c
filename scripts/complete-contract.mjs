// What every operation has in common is added here once, instead of to each controller method.

const TAGS = [
  ['Events', 'Publish what happened. Start here when you are another service.'],
  ['E-mails', 'What became of an event: one e-mail for each subscribed address, with every delivery attempt.'],
  ['Subscriptions', 'Who gets mail for which events.'],
  ['Users', 'People who subscribe, with their address in one place.'],
  ['Event types', 'The catalogue of what can happen; add your own.'],
  ['E-mail templates', 'How the e-mails read; change them, preview them, send one to try it.'],
  ['SMTP settings', 'The mail server that Mailroom hands its mail to.'],
  ['DNS settings', 'Who is asked for the addresses of mail servers.'],
  ['Accounts', 'Directory and asset accounts that the SMTP settings may log in with.'],
  ['Certificate requests', 'Ask a certificate authority for a certificate with which Mailroom signs in to the mail server.'],
  ['Client certificates', 'The certificate with which Mailroom signs in to the mail server, and those that it replaced.'],
  ['Trusted certificates', 'The certificate authorities of private mail servers.'],
  ['SMTP tests', 'Find out whether, and why not, mail can be handed over: each address, each step, each reply.'],
  ['API keys', 'Who may call this API.'],
  ['Audit log', 'Who changed what, when and from where.'],
  ['Support', 'What to hand to whoever is to find out why mail does not arrive.'],
];

const DESCRIPTION = `Other services publish **events** ("a password check failed"). Mailroom finds who **subscribed**, renders the event type's
**template**, and delivers the **e-mails** through the SMTP server that an administrator configured.

**First steps here:** press *Authorize* and paste the API key that the first start printed. Then set the *SMTP settings*, create a
*subscription*, publish an *event*, and look at its *e-mails*. The examples work as they stand.

**Conventions.** JSON in UTF-8, at most 1 MiB; times are RFC 3339 in UTC; unknown properties are refused. Errors are RFC 9457
\`application/problem+json\` with a stable \`code\`. PUT replaces: what you leave out takes its default, read-only fields are accepted and
ignored, a secret that you leave out is kept. Single resources carry an \`ETag\`; send it as \`If-Match\` with a write, and you get 412 instead
of overwriting somebody else's change. Lists are paged by \`limit\` and \`cursor\`, newest first unless said otherwise.`;

const PROBLEMS = {
  400: 'The request is malformed or not valid; `errors` says where',
  401: 'The API key is missing, not known, or has expired',
  403: 'The role of this key does not allow it',
  404: 'There is no such resource',
  409: 'The state of the resource does not allow it',
  412: 'If-Match is stale: the resource has changed since you read it',
  413: 'The body or the file is larger than 1 MiB',
  415: 'The body has another media type than this operation takes',
  422: 'The Idempotency-Key was used for another body',
  429: 'The key makes more requests a second than MAILROOM_RATE_LIMIT allows, or too many requests from this address came with a key that is not valid',
  503: 'A part that is needed cannot be reached; try again',
};

const HEADERS = {
  etag: { ETag: { description: 'Version of the resource; send it as If-Match with a write.', schema: { type: 'string' } } },
  file: { 'Content-Disposition': { description: 'The name of the file.', schema: { type: 'string' } } },
  retryAfter: { 'Retry-After': { description: 'Seconds to wait before the request is repeated.', schema: { type: 'integer' } } },
  location: { Location: { description: 'Where the resource is.', schema: { type: 'string' } } },
  replayed: { 'Idempotency-Replayed': { description: '`true` when this is the answer to an earlier request with the same Idempotency-Key.', schema: { type: 'string' } } },
};

/** Parameters that mean the same wherever they stand. */
const PARAMETERS = {
  'If-Match': 'The ETag that you read. When the resource has changed since, the answer is 412 and nothing is written.',
  'Idempotency-Key': '1 to 255 visible ASCII characters of your choice, such as a UUID. Kept 24 hours: the same key and body gets the first answer again, another body 422.',
  id: 'Its id.',
};

export function completeContract(contract) {
  contract.openapi = '3.0.3';
  contract.info = { title: 'Mailroom', version: contract.info.version, description: DESCRIPTION, license: { name: 'Apache-2.0' } };
  contract.servers = [{ url: '/v1' }];
  contract.tags = TAGS.map(([name, description]) => ({ name, description }));
  contract.components.schemas.Problem ??= PROBLEM;
  contract.components.schemas.ProblemError ??= PROBLEM_ERROR;
  Object.values(contract.components.schemas).forEach(discriminate, contract);
  const names = new Set();
  for (const [path, item] of Object.entries(contract.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      if (names.has(operation.operationId)) throw new Error(`two operations are called ${operation.operationId}`);
      names.add(operation.operationId);
      completeOperation(operation, method, path);
    }
  }
  return contract;

  /** A union of objects that a literal `type` or `kind` tells apart. */
  function discriminate(schema) {
    for (const part of [schema, ...Object.values(schema.properties ?? {})]) {
      const branches = part.anyOf?.map(({ $ref }) => contract.components.schemas[$ref?.split('/').pop()]);
      const propertyName = ['type', 'kind'].find((name) => branches?.every((branch) => branch?.properties?.[name]?.enum?.length === 1));
      if (propertyName === undefined) continue;
      part.oneOf = part.anyOf;
      delete part.anyOf;
      part.discriminator = { propertyName, mapping: Object.fromEntries(part.oneOf.map(({ $ref }, index) => [branches[index].properties[propertyName].enum[0], $ref])) };
    }
  }
}

function completeOperation(operation, method, path) {
  delete operation.responses[204]?.content; // there is no body, whatever else the method may answer
  const roles = operation.security?.[0]?.apiKey ?? [];
  if (roles.length > 0) {
    // OpenAPI 3.0 allows scopes for OAuth2 only.
    operation.security = [{ apiKey: [] }];
    operation['x-roles'] = roles;
    operation.description = `${operation.description ?? operation.summary}\n\nRoles: ${roles.join(', ')}.`;
  }
  for (const parameter of operation.parameters ?? []) parameter.description ??= PARAMETERS[parameter.name];
  for (const status of problemsOf(operation, method, path, roles)) {
    operation.responses[status] ??= {
      description: PROBLEMS[status],
      ...([429, 503].includes(status) && { headers: HEADERS.retryAfter }),
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    };
  }
  addHeaders(operation, method);
  nameFiles(operation);
}

const RESOURCE = /^application\/(problem\+)?json$/;
const STREAM = 'text/event-stream';

/**
 * tsoa describes a file's bytes as base64 text or as the resource that it is of, and does not know their headers. A file that is no resource
 * has no ETag, and neither has a stream.
 */
function nameFiles(operation) {
  for (const response of Object.values(operation.responses)) {
    const types = Object.keys(response.content ?? {});
    const files = types.filter((mediaType) => !RESOURCE.test(mediaType) && mediaType !== STREAM);
    for (const mediaType of files) response.content[mediaType] = { schema: { type: 'string', format: 'binary' } };
    if (types.includes(STREAM)) {
      response.content[STREAM] = { schema: { type: 'string' } };
      delete response.headers;
    }
    if (files.length > 0) response.headers = { ...(types.length > files.length && response.headers), ...HEADERS.file };
  }
}

function problemsOf(operation, method, path, roles) {
  const parameters = (operation.parameters ?? []).map(({ name }) => name);
  return [
    400,
    ...(roles.length > 0 ? [401, 403, 429] : []),
    ...(path.includes('{') ? [404] : []),
    ...(parameters.includes('Idempotency-Key') ? [409, 422] : []),
    ...(/\/(retry|cancel|activate)$/.test(path) && path.includes('{') ? [409] : []),
    ...(method === 'delete' && /^\/(api-keys|accounts|client-certificates)/.test(path) ? [409] : []),
    ...(method === 'post' && /^\/trusted-certificates/.test(path) ? [409] : []),
    ...(path === '/event-types/{name}' && method !== 'get' ? [409] : []),
    ...(parameters.includes('If-Match') ? [412] : []),
    ...(operation.requestBody ? [413, 415] : []),
    503,
  ];
}

function addHeaders(operation, method) {
  const parameters = (operation.parameters ?? []).map(({ name }) => name);
  for (const [status, response] of Object.entries(operation.responses)) {
    const isList = method === 'get' && parameters.includes('limit');
    const headers = {
      ...(['200', '201', '202'].includes(status) && !isList && HEADERS.etag),
      ...((['201', '202'].includes(status) || (status === '200' && operation.responses['201'])) && HEADERS.location),
      ...(status === '202' && parameters.includes('Idempotency-Key') && HEADERS.replayed),
    };
    if (Object.keys(headers).length > 0) response.headers = headers;
  }
}

const PROBLEM_ERROR = {
  type: 'object',
  description: 'One fault in a request: where it is, and what to do about it.',
  required: ['message'],
  properties: {
    pointer: { type: 'string', description: 'JSON pointer (RFC 6901) into the request body.', example: '/senderAddress' },
    parameter: { type: 'string', description: 'Name of the query parameter, path parameter or header.' },
    message: { type: 'string', example: 'is required when serverAddress is set' },
    line: { type: 'integer', description: 'In a template: the line, from 1.' },
    column: { type: 'integer', description: 'In a template: the column, from 1, in UTF-16 code units.' },
    lineText: { type: 'string', description: 'In a template: the text of that line, at most 200 characters of it.' },
  },
};

const PROBLEM = {
  type: 'object',
  description: 'An error, as RFC 9457 defines it.',
  required: ['type', 'title', 'status', 'detail', 'instance', 'code', 'requestId'],
  properties: {
    type: { type: 'string', example: 'urn:mailroom:problem:SMTP_SENDER_REQUIRED' },
    title: { type: 'string', description: 'The kind of problem, the same for every occurrence.', example: 'The request is not valid' },
    status: { type: 'integer', description: 'The HTTP status.', example: 400 },
    detail: { type: 'string', description: 'What went wrong this time, and what to do about it.', example: '/senderAddress is required when serverAddress is set.' },
    instance: { type: 'string', description: 'The path that was asked for.', example: '/v1/smtp-settings' },
    code: { type: 'string', description: 'Stable: write your code against this.', example: 'SMTP_SENDER_REQUIRED' },
    errors: { type: 'array', items: { $ref: '#/components/schemas/ProblemError' } },
    requestId: { type: 'string', description: "Names the request in Mailroom's log; the same as the header X-Request-Id.", example: '019ab3c1-7d20-7000-8000-4d61696c726d' },
  },
};
