import type { Problem } from './generated/types.gen.js';
import { secondsOf } from './retry-after.js';

/** What every failed call throws: Mailroom's problem+json, or that no answer came (`status` 0, `code` CONNECTION_FAILED). */
export class MailroomProblem extends Error {
  override readonly name = 'MailroomProblem';
  /** The HTTP status; 0 when no answer came. */
  readonly status: number;
  /** Stable: write your code against this. */
  readonly code: string;
  /** The kind of problem, the same for every occurrence. */
  readonly title: string;
  /** What went wrong this time, and what to do about it. */
  readonly detail: string;
  /** What is wrong with the input, and where; empty when it is not the input. */
  readonly errors: NonNullable<Problem['errors']>;
  /** Names the request in Mailroom's log. */
  readonly requestId: string | undefined;
  /** Seconds after which it is worth trying again, when Mailroom says so. */
  readonly retryAfter: number | undefined;

  private constructor(problem: Omit<Problem, 'type' | 'instance' | 'requestId'> & { requestId: string | undefined }, retryAfter?: number, options?: ErrorOptions) {
    super(`${problem.status > 0 ? `${problem.status} ` : ''}${problem.code}: ${problem.detail}`, options);
    this.status = problem.status;
    this.code = problem.code;
    this.title = problem.title;
    this.detail = problem.detail;
    this.errors = problem.errors ?? [];
    this.requestId = problem.requestId;
    this.retryAfter = retryAfter;
  }

  /** Of an answer that is not 2xx, with its body read. */
  static ofAnswer(body: unknown, { status, statusText, headers }: Response): MailroomProblem {
    const retryAfter = secondsOf(headers.get('Retry-After'));
    const requestId = headers.get('X-Request-Id') ?? undefined;
    if (isProblem(body)) return new MailroomProblem({ ...body, status, requestId: body.requestId ?? requestId }, retryAfter);
    const title = statusText === '' ? 'The request failed' : statusText;
    return new MailroomProblem({ status, code: 'UNEXPECTED_ANSWER', title, detail: unexpected(status, headers), requestId }, retryAfter);
  }

  /** No answer came, or only a part of one. */
  static ofConnection(cause: unknown): MailroomProblem {
    return new MailroomProblem({ status: 0, code: 'CONNECTION_FAILED', title: 'No answer', detail: `Mailroom did not answer: ${reasonOf(cause)}`, requestId: undefined }, undefined, { cause });
  }
}

const isProblem = (body: unknown): body is Omit<Problem, 'requestId'> & { requestId?: string } => typeof body === 'object' && body !== null && 'code' in body && 'detail' in body;

/** What answered was a proxy, or something else than Mailroom. */
function unexpected(status: number, headers: Headers): string {
  const location = headers.get('Location');
  if (location !== null) return `The answer is a redirection to ${location}, and none is followed. Check baseUrl.`;
  return `The answer has status ${status} and is not one of Mailroom's. Check baseUrl, and what is between you and Mailroom.`;
}

/** fetch() only says "fetch failed"; why is in its cause. */
function reasonOf(error: unknown): string {
  const { message = String(error), cause } = error as Partial<Error> & { cause?: { message?: string; code?: string } };
  const reason = cause?.message || cause?.code; // of several addresses there is a code only
  return reason ? `${message}: ${reason}` : message;
}
