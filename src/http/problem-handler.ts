import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import type { Problem } from '../contract/problem.js';
import { MailroomError } from '../errors.js';
import type { Logger } from '../logger.js';
import { type Fault, faultOf } from './fault.js';

const TITLES: Record<number, string> = {
  400: 'The request is not valid',
  401: 'An API key is needed',
  403: 'This key may not do that',
  404: 'There is no such resource',
  405: 'The resource does not take this method',
  409: 'The state of the resource does not allow this',
  412: 'The resource has changed',
  413: 'The request is too large',
  415: 'This media type is not understood',
  417: 'This expectation cannot be met',
  422: 'The Idempotency-Key was used for another request',
  429: 'There were too many requests',
  500: 'Mailroom failed',
  503: 'Mailroom cannot do this now',
};

export const notFoundHandler: RequestHandler = (req, _res, next) => {
  next(new MailroomError('notFound', 'ROUTE_NOT_FOUND', `There is nothing at ${req.method} ${pathOf(req.originalUrl, 200)}. The contract is at /openapi.json, and to read at /docs.`));
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

const OUTAGE_SECONDS = 5;

function sendProblem(res: Response, { status, code, detail, errors, retryAfterSeconds = status === 503 ? OUTAGE_SECONDS : undefined }: Fault, url: string): void {
  const problem: Problem = {
    type: `urn:mailroom:problem:${code}`,
    title: TITLES[status] ?? 'The request failed',
    status,
    detail,
    instance: pathOf(url, 500),
    code,
    ...(errors?.length && { errors }),
    requestId: res.locals['requestId'] as string,
  };
  if (status === 401) res.set('WWW-Authenticate', 'Bearer realm="mailroom"');
  if (retryAfterSeconds !== undefined) res.set('Retry-After', String(retryAfterSeconds));
  res.status(status).set({ 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store' }).send(Buffer.from(JSON.stringify(problem)));
}

/** Whole also inside a mounted handler, where `req.path` has lost its beginning. */
const pathOf = (url: string, length: number): string => url.split('?')[0]!.slice(0, length);
