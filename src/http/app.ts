import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import express, { type Express, type RequestHandler } from 'express';
import type { JsonObject } from 'swagger-ui-express';
import type { Logger } from '../logger.js';
import { identify } from './authentication.js';
import { onlyKnownType, readJson, uploads } from './body.js';
import { serveDocs } from './docs.js';
import { RegisterRoutes } from './generated/routes.js';
import type { HttpParts } from './ioc.js';
import { onlyRead, refuseOtherMethods } from './methods.js';
import { type OperationsParts, operationsRoutes } from './operations.js';
import { notFoundHandler, problemHandler } from './problem-handler.js';
import { repairValidation } from './repair-validation.js';
import { requestLog } from './request-log.js';
import { wellFormedBody, wellFormedUrl } from './well-formed.js';

const CONTRACT = fileURLToPath(new URL('../../openapi/openapi.json', import.meta.url));

export type AppParts = HttpParts & OperationsParts & { logger: Logger };

/** The whole HTTP side of the API role. It never listens: `listen` does, and tests hand it to supertest. */
export function createApp(parts: AppParts): Express {
  repairValidation();
  const contract = JSON.parse(readFileSync(CONTRACT, 'utf8')) as JsonObject;
  const app = bareApp(parts);
  app.locals['parts'] = parts;
  app.use(wellFormedUrl);
  serveContract(app, contract);
  app.use('/v1', noStore);
  refuseOtherMethods(app, '/v1', contract['paths'] as Record<string, object>);
  // Nothing of a body is read for callers without a key.
  app.use('/v1', identify, onlyKnownType, readJson, wellFormedBody);
  RegisterRoutes(app, { multer: uploads });
  return closed(app, parts);
}

/** The HTTP side of a worker: health and metrics. */
export function createWorkerApp(parts: OperationsParts & { logger: Logger }): Express {
  return closed(bareApp(parts), parts);
}

function bareApp(parts: OperationsParts & { logger: Logger }): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.use(requestLog(parts.logger, parts.answered));
  app.use(operationsRoutes(parts));
  return app;
}

function closed(app: Express, { logger }: { logger: Logger }): Express {
  app.use(notFoundHandler);
  app.use(problemHandler(logger));
  return app;
}

function serveContract(app: Express, contract: JsonObject): void {
  app.get('/openapi.json', (_req, res) => void res.json(contract));
  app.get('/', (_req, res) => res.redirect('/docs/'));
  app.all(['/openapi.json', '/'], onlyRead);
  serveDocs(app, contract);
}

const noStore: RequestHandler = (_req, res, next) => {
  res.set('Cache-Control', 'no-store');
  next();
};
