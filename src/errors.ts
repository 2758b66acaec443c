/**
 * The errors that Mailroom throws on purpose. Each has a stable `code` (part of the contract) and a `kind`, which two edges
 * translate: HTTP into a status, the queue host into "retry" or "stop". Nothing here knows HTTP or the queue.
 */
export type ErrorKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'notFound'
  | 'conflict'
  | 'stale'
  | 'tooLarge'
  | 'unsupportedMediaType'
  | 'expectation'
  | 'keyReused'
  | 'tooMany'
  | 'unavailable';

/** One fault in the input: where it is (a JSON pointer into the body, or a parameter's name) and what to do about it. */
export interface FieldError {
  pointer?: string;
  parameter?: string;
  message: string;
  /** Where in a text the fault is: line and column from 1, and the text of that line. */
  line?: number;
  column?: number;
  lineText?: string;
}

export class MailroomError extends Error {
  /** When it is worth to try the same again. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    readonly kind: ErrorKind,
    readonly code: string,
    message: string,
    readonly errors: FieldError[] = [],
    options?: ErrorOptions & { retryAfterSeconds?: number },
  ) {
    super(message, options);
    this.name = 'MailroomError';
    this.retryAfterSeconds = options?.retryAfterSeconds;
  }
}

/** Input that has one fault at one place. */
export const invalid = (code: string, pointer: string, message: string): MailroomError =>
  new MailroomError('invalid', code, `${pointer || 'The body'} ${message}${/[.?!]$/.test(message) ? '' : '.'}`, [{ pointer, message }]);

export const notFound = (what: string, id: string): MailroomError =>
  new MailroomError('notFound', 'NOT_FOUND', `There is no ${what} ${id}.`);

/** A start that cannot succeed: told in one line, and the process ends with exit code 1. */
export class StartError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StartError';
  }
}
