/** SQLSTATE: 08 connection exceptions, 25006 a primary that became a standby, 53300 too many connections, 57P0x shutting down or starting. */
const SQL_STATES = /^(08[0-9A-Z]{3}|25006|53300|57P0\d)$/;
/** Prisma's connection errors (P1xxx), its pool's time-out, and those of sockets. */
const CODES = /^(P1\d{3}|P2024|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/;
/** How Prisma's driver adapter names what sockets reported. */
const KINDS = new Set(['DatabaseNotReachable', 'ConnectionClosed', 'SocketTimeout', 'TooManyConnections']);
/** The pool and the driver throw these without a code; Prisma gives its own code to all that can go wrong with a transaction (P2028). */
const TEXTS = /Unable to start a transaction|timeout exceeded when trying to connect|Connection terminated|Query read timeout|connection error and is not queryable|Can't reach database/i;

/** An error of any layer between us and Postgres. */
interface Layer {
  code?: unknown;
  originalCode?: unknown;
  kind?: unknown;
  message?: unknown;
  cause?: unknown;
  meta?: { driverAdapterError?: unknown };
}

/** Whether the request failed because Postgres could not be reached, is stopping or starting, or takes no more connections. */
export function isDatabaseOutage(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { code, originalCode, kind, message, cause, meta } = error as Layer;
  return [code, originalCode].some((value) => typeof value === 'string' && (SQL_STATES.test(value) || CODES.test(value)))
    || KINDS.has(kind as string)
    || (typeof message === 'string' && TEXTS.test(message))
    || isDatabaseOutage(meta?.driverAdapterError)
    || isDatabaseOutage(cause);
}

/** Of P2028, those of a transaction that outlived its time. Prisma forgets transactions that ended long ago, so it may also not find it. */
const EXPIRED = /expired transaction|Transaction not found/;

/** Whether a transaction took longer than it may. Postgres was there, and has rolled it back. */
export function isTransactionTimeout(error: unknown): boolean {
  const { code, message } = (error ?? {}) as Layer;
  return code === 'P2028' && typeof message === 'string' && EXPIRED.test(message);
}
