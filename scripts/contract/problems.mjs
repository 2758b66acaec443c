// The problems that an operation may answer with: one example for each code, in openapi/problems.json.
import { readFileSync } from 'node:fs';
import { RESPONSE_HEADERS } from './texts.mjs';

/**
 * code → `{ status, detail, errors?, operations?, at? }`; `at` is the operation that the example is of. Without `operations` it is common: WHERE says which operations may answer it. A code of two
 * statuses stands there twice, the second time as `CODE.409`.
 */
const CODES = JSON.parse(readFileSync(new URL('../../openapi/problems.json', import.meta.url), 'utf8'));

const STATUSES = {
  400: ['BadRequest', 'The request is not valid', 'The request is malformed or not valid; `errors` says where.'],
  401: ['Unauthorized', 'An API key is needed', 'The API key is missing, not known, or has expired.'],
  403: ['Forbidden', 'This key may not do that', 'The role of this key does not allow it.'],
  404: ['NotFound', 'There is no such resource', 'There is no such resource.'],
  406: ['NotAcceptable', 'The resource has no such representation', 'The resource cannot be had in the media type that Accept asks for.'],
  409: ['Conflict', 'The state of the resource does not allow this', 'The state of the resource, or of Mailroom, does not allow it.'],
  412: ['PreconditionFailed', 'The resource has changed', 'If-Match does not name the resource as it is now: it has changed since you read it. Or If-None-Match does, and it is there already. Nothing was written.'],
  413: ['ContentTooLarge', 'The request is too large', 'The body or the file is larger than 1 MiB.'],
  415: ['UnsupportedMediaType', 'This media type is not understood', 'The body has another media type, charset or encoding than this operation takes.'],
  422: ['UnprocessableContent', 'The Idempotency-Key was used for another request', 'The Idempotency-Key was used for another body.'],
  429: ['TooManyRequests', 'There were too many requests', 'The key makes more requests a second than MAILROOM_RATE_LIMIT allows, or too many requests from this address came with a key that is not valid.'],
  500: ['InternalServerError', 'Mailroom failed', 'A fault of Mailroom; its log has the details under the requestId.'],
  503: ['ServiceUnavailable', 'Mailroom cannot do this now', 'A part that is needed cannot be reached. Try again. With an Idempotency-Key a repeated POST is done once; without one look first whether it was done.'],
};

const takes = (name) => ({ parameters }) => parameters.includes(name);
const everywhere = () => true;
const withBody = ({ mediaTypes }) => mediaTypes.length > 0;
const withJson = ({ mediaTypes }) => mediaTypes.includes('application/json');
const withForm = ({ mediaTypes }) => mediaTypes.includes('multipart/form-data');

const WHERE = {
  VALIDATION_FAILED: everywhere,
  REQUEST_INVALID: everywhere,
  HOST_INVALID: everywhere,
  PRECONDITION_INVALID: everywhere,
  PRECONDITION_UNSUPPORTED: everywhere,
  JSON_INVALID: withJson,
  JSON_TOO_DEEP: withJson,
  JSON_TOO_LARGE: withJson,
  NUMBER_TOO_LARGE: withJson,
  TEXT_INVALID: everywhere,
  FORM_INVALID: withForm,
  CURSOR_INVALID: takes('cursor'),
  IDEMPOTENCY_KEY_INVALID: takes('Idempotency-Key'),
  API_KEY_REQUIRED: everywhere,
  API_KEY_UNKNOWN: everywhere,
  API_KEY_EXPIRED: everywhere,
  ROLE_INSUFFICIENT: everywhere,
  NOT_FOUND: ({ path }) => path.includes('{'),
  IDEMPOTENCY_KEY_IN_PROGRESS: takes('Idempotency-Key'),
  PRECONDITION_FAILED: ({ parameters, isSingle }) => isSingle || parameters.includes('If-Match'),
  BODY_TOO_LARGE: withBody,
  MEDIA_TYPE_UNSUPPORTED: withBody,
  CHARSET_UNSUPPORTED: withJson,
  ENCODING_UNSUPPORTED: withJson,
  IDEMPOTENCY_KEY_REUSED: takes('Idempotency-Key'),
  RATE_LIMITED: everywhere,
  TOO_MANY_FAILED_KEYS: everywhere,
  INTERNAL: everywhere,
  DATABASE_UNAVAILABLE: everywhere,
  TRANSACTION_TIMEOUT: everywhere,
};

const codeIn = (key) => key.split('.')[0];

/** Adds to each operation the problems that it may answer with. */
export function addProblems(contract, operations) {
  const { components } = contract;
  Object.assign(components.schemas, { Problem: PROBLEM, ProblemError: PROBLEM_ERROR });
  components.examples = Object.fromEntries(Object.entries(CODES).map(([code, { detail, errors, status, operations: only, at }]) =>
    [code, { summary: codeIn(code), value: problemOf(codeIn(code), status, detail, errors, instanceOf(at ?? only?.[0] ?? 'putSmtpSettings', operations)) }]));
  components.responses = {};
  for (const facts of operations) {
    for (const [status, codes] of Object.entries(codesOf(facts))) facts.operation.responses[status] = responseOf(status, codes, components.responses);
  }
}

function codesOf(facts) {
  const found = {};
  for (const [code, { status, operations }] of Object.entries(CODES)) {
    if (operations === undefined && WHERE[code] === undefined) throw new Error(`openapi/problems.json does not say which operations answer ${code}`);
    if (operations?.includes(facts.operation.operationId) ?? WHERE[code](facts)) (found[status] ??= []).push(code);
  }
  return found;
}

/** Written once for all operations that answer the same codes. */
function responseOf(status, codes, shared) {
  const [name, , description] = STATUSES[status];
  const response = {
    description,
    headers: headersFor(['429', '503'].includes(status) || codes.includes('IDEMPOTENCY_KEY_IN_PROGRESS') ? ['Retry-After'] : [], status === '409' ? ['Retry-After'] : []),
    content: {
      'application/problem+json': {
        schema: { $ref: '#/components/schemas/Problem' },
        examples: Object.fromEntries(codes.map((code) => [codeIn(code), { $ref: `#/components/examples/${code}` }])),
      },
    },
  };
  const common = codes.every((code) => CODES[code].operations === undefined);
  if (!common) return response;
  let key = name;
  for (let number = 2; shared[key] !== undefined && JSON.stringify(shared[key]) !== JSON.stringify(response); number += 1) key = `${name}${number}`;
  shared[key] = response;
  return { $ref: `#/components/responses/${key}` };
}

/** @param maybe those of them that some answers lack */
export const headersFor = (names, maybe = []) => Object.fromEntries([...names, 'RateLimit', 'RateLimit-Policy'].map((name) =>
  [name, maybe.includes(name) ? { ...RESPONSE_HEADERS[name], required: false } : { $ref: `#/components/headers/${name}` }]));

export const headerComponents = () => ({ ...RESPONSE_HEADERS });

const ID = '019ab3c1-7d20-7000-8000-4d61696c726d';
const instanceOf = (operationId, operations) => `/v1${operations.find(({ operation }) => operation.operationId === operationId).path.replace('{id}', ID).replace(/\{\w+\}/, 'InvoicePaid')}`;

const problemOf = (code, status, detail, errors, instance) => ({
  type: `urn:mailroom:problem:${code}`,
  title: STATUSES[status][1],
  status,
  detail,
  instance,
  code,
  ...(errors && { errors }),
  requestId: '019ab3c1-7d20-7000-8000-4d61696c726d',
});

const PROBLEM_ERROR = {
  type: 'object',
  description: 'One fault in a request: where it is, and what to do about it.',
  required: ['message'],
  properties: {
    pointer: { type: 'string', description: 'JSON pointer (RFC 6901) into the request body.', example: '/senderAddress' },
    parameter: { type: 'string', description: 'Name of the query parameter, path parameter or header.', example: 'limit' },
    message: { type: 'string', description: 'What is wrong there.', example: 'is required when serverAddress is set' },
    line: { type: 'integer', description: 'In a template: the line, from 1.', example: 1 },
    column: { type: 'integer', description: 'In a template: the column, from 1, in UTF-16 code units.', example: 9 },
    lineText: { type: 'string', description: 'In a template: the text of that line, at most 200 characters of it.', example: 'Failed: {{ AccountName' },
  },
  additionalProperties: false,
};

const PROBLEM = {
  type: 'object',
  description: 'An error, as RFC 9457 defines it.',
  required: ['type', 'title', 'status', 'detail', 'instance', 'code', 'requestId'],
  properties: {
    type: { type: 'string', description: 'Names the code as a URI.', example: 'urn:mailroom:problem:SMTP_SENDER_REQUIRED' },
    title: { type: 'string', description: 'The kind of problem, the same for every occurrence.', example: 'The request is not valid' },
    status: { type: 'integer', description: 'The HTTP status.', example: 400 },
    detail: { type: 'string', description: 'What went wrong this time, and what to do about it.', example: '/senderAddress is required when serverAddress is set.' },
    instance: { type: 'string', description: 'The path that was asked for.', example: '/v1/smtp-settings' },
    code: { type: 'string', description: 'Stable: write your code against this.', example: 'SMTP_SENDER_REQUIRED' },
    errors: { type: 'array', description: 'Where the faults are, when they have a place.', items: { $ref: '#/components/schemas/ProblemError' } },
    requestId: { type: 'string', description: "Names the request in Mailroom's log; the same as the header X-Request-Id.", example: ID },
  },
  additionalProperties: false,
};
