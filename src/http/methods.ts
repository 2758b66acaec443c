import type { Express, NextFunction, Request, RequestHandler, Response } from 'express';
import { notFoundHandler } from './problem-handler.js';
import { MethodNotAllowed } from './fault.js';
import { ResourceRouters } from './resource-routers.js';

/** An operation of the contract, as far as requests are judged by it. */
interface Operation {
  parameters?: { name: string }[];
}

type Operations = Record<string, Operation>;

/**
 * Judges each request under `base` by the contract's paths, before a key is looked up or a body is read: a path that is not there is 404, a
 * method that it does not take 405, and OPTIONS answers with what it takes (RFC 9110 §9.3.7, §15.5.6). A path that stands in the contract as it
 * is, such as /emails/retry, is no /emails/{id}.
 * @param paths the contract's: `{id}` stands for any segment
 */
export function refuseOtherMethods(app: Express, base: string, paths: Record<string, Operations>): void {
  const routers = new ResourceRouters(base);
  const { registry } = routers;
  const patternsLast = Object.entries(paths).sort(([one], [other]) => Number(one.includes('{')) - Number(other.includes('{')));
  for (const [path, operations] of patternsLast) {
    const methods = Object.keys(operations).flatMap((method) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]));
    registry.all(`${base}${path.replace(/\{(\w+)\}/g, ':$1')}`, (req, res, next) => {
      if (operationOf(res) !== undefined) return next();
      res.locals['operation'] = operations[req.method === 'HEAD' ? 'get' : req.method.toLowerCase()];
      judge(methods, req, res, next);
    });
  }
  app.use(routers.handle);
  app.use(base, (req, res, next) => (operationOf(res) === undefined ? notFoundHandler(req, res, next) : next()));
}

/** For what can only be read: to stand behind or in front of its GET. */
export const onlyRead: RequestHandler = (req, res, next) => judge(['GET', 'HEAD'], req, res, next);

/** What the contract says of the operation that is asked for. */
export const operationOf = (res: Response): Operation | undefined => res.locals['operation'] as Operation | undefined;

function judge(methods: string[], req: Request, res: Response, next: NextFunction): void {
  if (methods.includes(req.method)) return next();
  const allow = [...new Set([...methods, 'OPTIONS'])].sort().join(', ');
  res.set('Allow', allow);
  if (req.method !== 'OPTIONS') throw new MethodNotAllowed(req.method, allow);
  res.status(204).end();
}
