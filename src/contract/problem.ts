import type { FieldError } from '../errors.js';

/** An error, as RFC 9457 defines it (`application/problem+json`). */
export interface Problem {
  type: string;
  /** The kind of problem, the same for every occurrence. */
  title: string;
  /** The HTTP status. */
  status: number;
  /** What went wrong this time, and what to do about it. */
  detail: string;
  /** The path that was asked for. */
  instance: string;
  /** Stable. */
  code: string;
  errors?: FieldError[];
  /** Names the request in the log. */
  requestId: string;
}
