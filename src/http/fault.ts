import { ValidateError } from '@tsoa/runtime';
import { type ErrorKind, type FieldError, MailroomError } from '../errors.js';
import { isDatabaseOutage, isTransactionTimeout } from './database-outage.js';
import { toFieldErrors } from './validation-errors.js';

/** What a problem says, before it knows which request it answers. */
export interface Fault {
  /** The HTTP status. */
  status: number;
  code: string;
  detail: string;
  errors?: FieldError[];
  /** When it is worth to send the same request again. */
  retryAfterSeconds?: number | undefined;
}

/** A path that is there, but not for this method. The answer's Allow header says which it takes. */
export class MethodNotAllowed extends Error {
  constructor(method: string, allow: string) {
    super(`This path does not take ${method}. It takes ${allow}.`);
    this.name = 'MethodNotAllowed';
  }
}

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
  expectation: 417,
  keyReused: 422,
  tooMany: 429,
  unavailable: 503,
};

/** Faults that the body parser tells by `type`. */
const BODY_FAULTS: Record<string, Fault> = {
  'entity.too.large': { status: 413, code: 'BODY_TOO_LARGE', detail: 'A request body may have 1 MiB at most.' },
  'entity.parse.failed': { status: 400, code: 'JSON_INVALID', detail: 'The body is not valid JSON.' },
  'encoding.unsupported': { status: 415, code: 'ENCODING_UNSUPPORTED', detail: 'Send the body uncompressed, or with the Content-Encoding gzip, deflate or br.' },
  'charset.unsupported': { status: 415, code: 'CHARSET_UNSUPPORTED', detail: 'Send JSON in UTF-8.' },
};

const REPEAT = 'Try again. With an Idempotency-Key a repeated POST is done once; without one look first whether it was done.';
const URL_INVALID = badRequest('The URL holds an escape (%) that is not UTF-8. Encode its text as UTF-8, and a plain percent sign as %25.');
const BODY_CORRUPT = badRequest('The body cannot be decompressed. Compress it as its Content-Encoding says, or leave that header out.');
const UNREADABLE = badRequest('The request cannot be read: it broke off, or its headers do not fit its body. Send it again.');
const OUTAGE: Fault = { status: 503, code: 'DATABASE_UNAVAILABLE', detail: `The database cannot be reached, or takes no more work. ${REPEAT}` };
const TIMEOUT: Fault = { status: 503, code: 'TRANSACTION_TIMEOUT', detail: `The database took too long, so the request was given up and nothing was changed. ${REPEAT}` };
const INTERNAL: Fault = { status: 500, code: 'INTERNAL', detail: 'This is a fault of Mailroom, not of your request. Its log has the details under this requestId.' };

/** What any error means to the caller. Texts of others' errors never come along: they tell of the inside, and not what to do. */
export function faultOf(error: unknown): Fault {
  if (error instanceof MailroomError) return { status: STATUS[error.kind], code: error.code, detail: error.message, errors: error.errors, retryAfterSeconds: error.retryAfterSeconds };
  if (error instanceof ValidateError) return validationFault(toFieldErrors(error.fields));
  if (error instanceof MethodNotAllowed) return { status: 405, code: 'METHOD_NOT_ALLOWED', detail: error.message };
  if (isTransactionTimeout(error)) return TIMEOUT;
  return requestFault(error as HttpError) ?? (isDatabaseOutage(error) ? OUTAGE : INTERNAL);
}

interface HttpError {
  type?: string;
  status?: number;
  name?: string;
  code?: string;
  expose?: boolean;
}

/**
 * `expose` is how the body parser marks a fault of the request. A status alone says nothing: tsoa gives 401 to whatever fails while a key
 * is looked up, also when the database is gone.
 */
function requestFault({ type, status = 400, name, code, expose }: HttpError): Fault | null {
  if (type !== undefined && BODY_FAULTS[type]) return BODY_FAULTS[type];
  if (name === 'URIError') return URL_INVALID;
  if (expose !== true || status >= 500) return null;
  return /^(Z_|ERR_)/.test(code ?? '') ? BODY_CORRUPT : { ...UNREADABLE, status };
}

function validationFault(errors: FieldError[]): Fault {
  const detail = errors.map(({ pointer, parameter, message }) => `${pointer || parameter || 'The body'} ${message}`).join('; ');
  return { status: 400, code: 'VALIDATION_FAILED', detail: `${detail.slice(0, 1_000)}.`, errors };
}

function badRequest(detail: string): Fault {
  return { status: 400, code: 'REQUEST_INVALID', detail };
}
