import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import express, { type Express, type RequestHandler } from 'express';
import type { JsonObject } from 'swagger-ui-express';
import { digestOf } from '../contract/etag.js';
import type { Logger } from '../logger.js';
import { type AccessParts, identify } from './authentication.js';
import { notFarTooLarge, onlyKnownType, readJson, uploads } from './body.js';
import { ClientLimits } from './client-limits.js';
import { crossOrigin } from './cross-origin.js';
import { serveDocs } from './docs.js';
import { RegisterRoutes } from './generated/routes.js';
import type { HttpParts } from './ioc.js';
import { onlyRead, refuseOtherMethods } from './methods.js';
import { type OperationsParts, operationsRoutes } from './operations.js';
import { answerNotModified, preconditions } from './preconditions.js';
import { notFoundHandler, problemHandler } from './problem-handler.js';
import { repairValidation } from './repair-validation.js';
import { soundHead } from './request-head.js';
import { requestLog } from './request-log.js';
import { protectiveHeaders } from './protective-headers.js';
import { ResourceRouters } from './resource-routers.js';
import { wellFormedBody, wellFormedUrl } from './well-formed.js';

/** Of all operations' paths. */
const BASE = '/v1';
const CONTRACT = fileURLToPath(new URL('../../openapi/openapi.json', import.meta.url));

/** What both roles serve. */
export type BareParts = OperationsParts & {
  logger: Logger;
  /** Networks of the proxies whose X-Forwarded-For is believed. */
  trustedProxies: readonly string[];
};

export type AppParts = HttpParts & AccessParts & BareParts & {
  /** Requests a second for each key; null: no limit. */
  rateLimit: number | null;
  /** Origins whose pages may call the API; `*`: any. */
  corsOrigins: readonly string[];
};

/** The whole HTTP side of the API role. It never listens: `listen` does, and tests hand it to supertest. */
export function createApp(parts: AppParts): Express {
  repairValidation();
  const contract = JSON.parse(readFileSync(CONTRACT, 'utf8')) as JsonObject;
  const app = bareApp(parts);
  app.locals['parts'] = parts;
  if (parts.corsOrigins.length > 0) app.use([BASE, '/openapi.json'], crossOrigin(parts.corsOrigins));
  app.use(wellFormedUrl);
  serveContract(app, contract);
  app.use(BASE, noStore);
  refuseOtherMethods(app, BASE, contract['paths'] as Parameters<typeof refuseOtherMethods>[2]);
  // Nothing of a body is read for callers without a key.
  app.use(BASE, identify(parts, new ClientLimits(parts.rateLimit)), preconditions, onlyKnownType, notFarTooLarge, readJson, wellFormedBody);
  const operations = new ResourceRouters(BASE);
  RegisterRoutes(operations.registry, { multer: uploads });
  app.use(operations.handle);
  return closed(app, parts);
}

/** The HTTP side of a worker: health and metrics. */
export function createWorkerApp(parts: BareParts): Express {
  return closed(bareApp(parts), parts);
}

function bareApp(parts: BareParts): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  answerNotModified(app);
  app.set('trust proxy', [...parts.trustedProxies]);
  app.use(requestLog(parts.logger, parts.answered));
  app.use(protectiveHeaders);
  app.use(soundHead);
  app.use(operationsRoutes(parts));
  return app;
}

function closed(app: Express, { logger }: { logger: Logger }): Express {
  app.use(notFoundHandler);
  app.use(problemHandler(logger));
  return app;
}

function serveContract(app: Express, contract: JsonObject): void {
  const bytes = Buffer.from(JSON.stringify(contract)); // one for all answers, however many wait to be read
  const headers = { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'no-cache', ETag: digestOf(contract) };
  app.get('/openapi.json', (_req, res) => void res.set(headers).send(bytes));
  app.get('/', (_req, res) => res.redirect('/docs/'));
  app.all(['/openapi.json', '/'], onlyRead);
  serveDocs(app, contract);
}

const noStore: RequestHandler = (_req, res, next) => {
  res.set('Cache-Control', 'no-store');
  next();
};
