import { type RequestHandler, Router } from 'express';

const METHODS = ['all', 'delete', 'get', 'post', 'put'] as const;

type Register = (path: string, ...handlers: RequestHandler[]) => unknown;

/**
 * Routes by the resource that a path begins with: Express compares a request with one route after the other, and a hundred of them cost as much as to read
 * its body. So each resource has a router of its own, which is asked alone.
 */
export class ResourceRouters {
  private readonly routers = new Map<string, Router>();

  /** @param base of all paths, such as `/v1` */
  constructor(private readonly base: string) {}

  /** To register routes with, as with a Router; their paths are whole ones. */
  get registry(): Router {
    const register = METHODS.map((method): [string, Register] => [method, (path, ...handlers) => this.routerOf(path)[method](path, ...handlers)]);
    return Object.fromEntries(register) as unknown as Router;
  }

  readonly handle: RequestHandler = (req, res, next) => {
    const router = this.routers.get(this.resourceOf(req.path));
    if (router === undefined) next();
    else router(req, res, next);
  };

  private routerOf(path: string): Router {
    const resource = this.resourceOf(path);
    const router = this.routers.get(resource) ?? Router();
    this.routers.set(resource, router);
    return router;
  }

  /** Express takes letters in either case. */
  private resourceOf(path: string): string {
    const start = this.base.length + 1;
    const end = path.indexOf('/', start);
    return path.slice(start, end < 0 ? undefined : end).toLowerCase();
  }
}
