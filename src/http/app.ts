import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import express, { type Express } from 'express';
import swaggerUi from 'swagger-ui-express';
import { MailroomError } from '../errors.js';
import type { Logger } from '../logger.js';
import { RegisterRoutes } from './generated/routes.js';
import type { HttpParts } from './ioc.js';
import { notFoundHandler, problemHandler } from './problem-handler.js';
import { type OperationsParts, operationsRoutes } from './operations.js';
import { requestLog } from './request-log.js';
import { repairArrayPaths } from './validation-errors.js';
import { wellFormed } from './well-formed.js';

const CONTRACT = fileURLToPath(new URL('../../openapi/openapi.json', import.meta.url));
const BODY_LIMIT = '1mb';

export type AppParts = HttpParts & OperationsParts & { logger: Logger };

/** The whole HTTP side of the API role. It never listens: `listen` does, and tests hand it to supertest. */
export function createApp(parts: AppParts): Express {
  repairArrayPaths();
  const app = bareApp(parts);
  app.locals['parts'] = parts;
  app.use(onlyJson, express.json({ limit: BODY_LIMIT }), wellFormed);
  serveContract(app);
  app.use('/v1', (_req, res, next) => {
    res.set('Cache-Control', 'no-store');
    next();
  });
  RegisterRoutes(app);
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

function serveContract(app: Express): void {
  const contract = JSON.parse(readFileSync(CONTRACT, 'utf8')) as swaggerUi.JsonObject;
  app.get('/openapi.json', (_req, res) => void res.json(contract));
  app.get('/', (_req, res) => res.redirect('/docs/'));
  app.use('/docs', swaggerUi.serve, swaggerUi.setup(contract, {
    customSiteTitle: 'Mailroom',
    customCss: '.swagger-ui .topbar { display: none }',
    swaggerOptions: { persistAuthorization: true, displayRequestDuration: true, docExpansion: 'list', filter: true, tryItOutEnabled: true },
  }));
}

/** A body of another type is refused before it is read. Clients say "Content-Length: 0" for a POST without a body: that is none. */
const onlyJson: express.RequestHandler = (req, _res, next) => {
  if (req.headers['content-length'] !== '0' && req.is('application/json') === false) {
    throw new MailroomError('unsupportedMediaType', 'MEDIA_TYPE_UNSUPPORTED', 'Send the body as application/json.');
  }
  next();
};
