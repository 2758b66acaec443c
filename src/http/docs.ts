import express, { type Express, type RequestHandler } from 'express';
import swaggerUi, { type JsonObject } from 'swagger-ui-express';
import { forReading, PAGE } from './docs-page.js';
import { onlyRead } from './methods.js';
import { notFoundHandler } from './problem-handler.js';
import { pageHeaders } from './protective-headers.js';

/** What the page is made of. Its package brings more: an example page for another API, source maps, and a page for each name it does not know. */
const FILES = new Set(['/', '/swagger-ui-init.js', '/swagger-ui.css', '/swagger-ui-bundle.js', '/swagger-ui-standalone-preset.js']);

/** Serves the contract to read and to try out, at /docs/. */
export function serveDocs(app: Express, contract: JsonObject): void {
  // Without it phones show the page as wide as on a desk, and tiny.
  const html = swaggerUi.generateHTML(forReading(contract), PAGE).replace('<head>', '<head>\n  <meta name="viewport" content="width=device-width, initial-scale=1">');
  app.use('/docs', (req, res, next) => (FILES.has(req.path) ? onlyRead(req, res, next) : notFoundHandler(req, res, next)));
  const page: RequestHandler = (_req, res) => void res.type('html').send(html);
  app.use('/docs', pageHeaders, revalidated().use(swaggerUi.serve, page));
}

/** An application that has browsers keep what they were sent, and ask each time whether it is still that. */
function revalidated(): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', 'strong');
  return app.use((_req, res, next) => void (res.set('Cache-Control', 'no-cache'), next()));
}
