import type { Request, RequestHandler, Response } from 'express';
import type { Actor } from '../contract/actor.js';
import { newId } from '../ids.js';
import type { Logger } from '../logger.js';

/** What is told of each answered request. `route` is the path's pattern, never the path: ids would make endless series. */
export interface AnsweredRequest {
  method: string;
  route: string;
  status: number;
  seconds: number;
}

const REQUEST_ID = /^[\w.:-]{1,128}$/;
const QUIET = /^\/(health|metrics)/;

/** Names each request (a caller's X-Request-Id is kept), and logs and counts it when it is answered. */
export function requestLog(logger: Logger, answered: (request: AnsweredRequest) => void): RequestHandler {
  return (req, res, next) => {
    const started = process.hrtime.bigint();
    const given = req.header('x-request-id');
    const requestId = given !== undefined && REQUEST_ID.test(given) ? given : newId();
    res.locals['requestId'] = requestId;
    res.set('X-Request-Id', requestId);
    res.on('close', () => {
      const seconds = Number(process.hrtime.bigint() - started) / 1e9;
      const route = routeOf(req);
      answered({ method: req.method, route, status: res.statusCode, seconds });
      const line = { requestId, method: req.method, path: req.path, status: res.statusCode, ms: Math.round(seconds * 1_000), actor: actorName(req) };
      logger[levelOf(req, res)](line, 'request');
    });
    next();
  };
}

function routeOf(req: Request): string {
  const { path } = (req.route ?? {}) as { path?: unknown };
  return typeof path === 'string' ? path : 'other';
}

const actorName = (req: Request): string | undefined => (req as { user?: Actor }).user?.name;

function levelOf(req: Request, res: Response): 'debug' | 'info' | 'warn' {
  if (res.statusCode >= 500) return 'warn';
  return req.method === 'GET' || QUIET.test(req.path) ? 'debug' : 'info';
}
