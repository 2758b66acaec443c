import cors from 'cors';
import type { RequestHandler } from 'express';

/** What a page may read of an answer, besides its body. */
const READABLE = ['ETag', 'Location', 'Retry-After', 'RateLimit', 'RateLimit-Policy', 'Idempotency-Replayed', 'Preference-Applied', 'X-Request-Id', 'Content-Disposition', 'Allow', 'WWW-Authenticate'];
/** What a page may send. */
const SENDABLE = ['Authorization', 'Content-Type', 'If-Match', 'If-None-Match', 'Idempotency-Key', 'Prefer', 'X-Request-Id'];
const PREFLIGHT_SECONDS = 600;

/**
 * Lets pages of these origins call the API (CORS). Keys travel in Authorization, which a page must know: there are no credentials that a browser
 * would add by itself. A preflight gets these headers and is then answered as any OPTIONS, without a key. Other origins get none of them.
 * @param origins `*` for any
 */
export function crossOrigin(origins: readonly string[]): RequestHandler[] {
  const isAny = origins.includes('*');
  const known = cors({
    origin: isAny ? '*' : (origin, tell) => tell(null, origin !== undefined && origins.includes(origin)),
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'],
    allowedHeaders: SENDABLE,
    exposedHeaders: READABLE,
    maxAge: PREFLIGHT_SECONDS,
    preflightContinue: true,
  });
  const varies: RequestHandler = (_req, res, next) => {
    res.vary('Origin');
    next();
  };
  return isAny ? [known] : [varies, known];
}
