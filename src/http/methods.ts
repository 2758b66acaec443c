import type { Express, NextFunction, Request, RequestHandler, Response } from 'express';
import { notFoundHandler } from './problem-handler.js';
import { MethodNotAllowed } from './fault.js';

/**
 * Judges each request under `base` by the contract's paths, before a key is looked up or a body is read: a path that is not there is 404, a
 * method that it does not take 405, and OPTIONS answers with what it takes (RFC 9110 §9.3.7, §15.5.6).
 * @param paths the contract's: `{id}` stands for any segment
 */
export function refuseOtherMethods(app: Express, base: string, paths: Record<string, object>): void {
  for (const [path, operations] of Object.entries(paths)) {
    const methods = methodsOf(operations);
    app.all(`${base}${path.replace(/\{(\w+)\}/g, ':$1')}`, (_req, res, next) => {
      // /emails/retry is also an /emails/{id}: such a path takes what any of its patterns takes.
      res.locals['allowed'] = [...allowedOf(res) ?? [], ...methods];
      next();
    });
  }
  app.use(base, (req, res, next) => {
    const allowed = allowedOf(res);
    if (allowed === undefined) return notFoundHandler(req, res, next);
    judge(allowed, req, res, next);
  });
}

/** For what can only be read: to stand behind or in front of its GET. */
export const onlyRead: RequestHandler = (req, res, next) => judge(['GET', 'HEAD'], req, res, next);

const allowedOf = (res: Response): string[] | undefined => res.locals['allowed'] as string[] | undefined;

function methodsOf(operations: object): string[] {
  return Object.keys(operations).flatMap((method) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]));
}

function judge(methods: string[], req: Request, res: Response, next: NextFunction): void {
  if (methods.includes(req.method)) return next();
  const allow = [...new Set([...methods, 'OPTIONS'])].sort().join(', ');
  res.set('Allow', allow);
  if (req.method !== 'OPTIONS') throw new MethodNotAllowed(req.method, allow);
  res.status(204).end();
}
