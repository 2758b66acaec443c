import { ValidateError } from '@tsoa/runtime';
import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import type { Problem } from '../contract/problem.js';
import { type ErrorKind, type FieldError, MailroomError } from '../errors.js';
import type { Logger } from '../logger.js';
import { isDatabaseOutage } from './database-outage.js';
import { toFieldErrors } from './validation-errors.js';

/** The one place where an error's kind becomes an HTTP status. */
const STATUS: Record<ErrorKind, number> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  notFound: 404,
  conflict: 409,
  stale: 412,
  tooLarge: 413,
  unsupportedMediaType: 415,
  keyReused: 422,
  unavailable: 503,
};

const TITLES: Record<number, string> = {
  400: 'The request is not valid',
  401: 'An API key is needed',
  403: 'This key may not do that',
  404: 'There is no such resource',
  409: 'The state of the resource does not allow this',
  412: 'The resource has changed',
  413: 'The request is too large',
  415: 'This media type is not understood',
  422: 'The Idempotency-Key was used for another request',
  500: 'Mailroom failed',
  503: 'Mailroom cannot do this now',
};

/** What a problem says, before it knows which request it answers. */
interface Fault {
  status: number;
  code: string;
  detail: string;
  errors?: FieldError[];
}

/** Faults that the body parser tells by `type`. */
const BODY_FAULTS: Record<string, Fault> = {
  'entity.too.large': { status: 413, code: 'BODY_TOO_LARGE', detail: 'A request body may have 1 MiB at most.' },
  'entity.parse.failed': { status: 400, code: 'JSON_INVALID', detail: 'The body is not valid JSON.' },
  'encoding.unsupported': { status: 415, code: 'ENCODING_UNSUPPORTED', detail: 'Send the body uncompressed, or as gzip or deflate.' },
  'charset.unsupported': { status: 415, code: 'CHARSET_UNSUPPORTED', detail: 'Send JSON in UTF-8.' },
};

export const notFoundHandler: RequestHandler = (req, _res, next) => {
  next(new MailroomError('notFound', 'ROUTE_NOT_FOUND', `There is nothing at ${req.method} ${req.path.slice(0, 200)}. The contract is at /openapi.json, and to read at /docs.`));
};

/** The HTTP edge of all errors: each becomes problem+json; what nobody expected is logged with its stack and told without it. */
export function problemHandler(logger: Logger): ErrorRequestHandler {
  return (error: unknown, req, res, next) => {
    if (res.headersSent) return next(error);
    const fault = faultOf(error);
    if (fault.status >= 500) logger.error({ err: error, requestId: res.locals['requestId'] }, 'a request failed');
    sendProblem(res, fault, req.originalUrl);
  };
}

/**
 * `expose` is how the body parser marks a fault of the request whose message may be told. A status alone says nothing: tsoa gives 401 to
 * whatever fails while a key is looked up, also when the database is gone.
 */
function faultOf(error: unknown): Fault {
  if (error instanceof MailroomError) return { status: STATUS[error.kind], code: error.code, detail: error.message, errors: error.errors };
  if (error instanceof ValidateError) return validationFault(toFieldErrors(error.fields));
  const { type, status = 400, message, name, expose } = error as { type?: string; status?: number; message?: string; name?: string; expose?: boolean };
  if (type !== undefined && BODY_FAULTS[type]) return BODY_FAULTS[type];
  if (name === 'URIError' || (expose === true && status < 500)) {
    return { status, code: 'REQUEST_INVALID', detail: String(message ?? 'The request cannot be read.').slice(0, 300) };
  }
  if (isDatabaseOutage(error)) return { status: 503, code: 'DATABASE_UNAVAILABLE', detail: 'The database cannot be reached. Try again; an Idempotency-Key keeps a repeated POST from being done twice.' };
  return { status: 500, code: 'INTERNAL', detail: 'This is a fault of Mailroom, not of your request. Its log has the details under this requestId.' };
}

function validationFault(errors: FieldError[]): Fault {
  const detail = errors.map(({ pointer, parameter, message }) => `${pointer || parameter || 'The body'} ${message}`).join('; ');
  return { status: 400, code: 'VALIDATION_FAILED', detail: `${detail.slice(0, 1_000)}.`, errors };
}

function sendProblem(res: Response, { status, code, detail, errors }: Fault, url: string): void {
  const problem: Problem = {
    type: `urn:mailroom:problem:${code}`,
    title: TITLES[status] ?? 'The request failed',
    status,
    detail,
    instance: url.split('?')[0]!.slice(0, 500),
    code,
    ...(errors?.length && { errors }),
    requestId: res.locals['requestId'] as string,
  };
  if (status === 401) res.set('WWW-Authenticate', 'Bearer realm="mailroom"');
  if (status === 503) res.set('Retry-After', '5');
  res.status(status).set({ 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store' }).send(Buffer.from(JSON.stringify(problem)));
}
