import type { IocContainer, IocContainerFactory } from '@tsoa/runtime';
import type { Request } from 'express';

/** What the HTTP layer needs of the container: a controller of each class. */
export interface HttpParts {
  controllers: ReadonlyMap<unknown, () => unknown>;
}

export const partsOf = (req: Request): HttpParts => req.app.locals['parts'] as HttpParts;

/** One container for each app, so that several apps (tests) live in one process. */
export const iocContainer: IocContainerFactory<Request> = (req): IocContainer => ({
  get: (controller: unknown) => {
    const make = partsOf(req).controllers.get(controller);
    if (!make) throw new Error(`the container makes no ${(controller as { name?: string }).name}`);
    return make() as never;
  },
});
