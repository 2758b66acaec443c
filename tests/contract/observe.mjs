// Sees every answer of the API that a server in this process makes, whoever asked.
import http from 'node:http';

/** Of a larger body nothing is kept: it is a file. */
const MOST_BYTES = 8 * 1024 * 1024;

/**
 * @param {(answer: import('./judge.mjs').Answer) => void} see called when an answer has been written whole
 * @returns {() => void} ends it
 */
export function observe(see) {
  const { write, end } = http.ServerResponse.prototype;
  const bodies = new WeakMap();

  const keep = (response, chunk, encoding) => {
    if (chunk === null || chunk === undefined || typeof chunk === 'function') return;
    const body = bodies.get(response) ?? { chunks: [], size: 0 };
    const bytes = Buffer.from(chunk, typeof encoding === 'string' ? encoding : undefined);
    body.size += bytes.length;
    if (body.size <= MOST_BYTES) body.chunks.push(bytes);
    else body.chunks.length = 0;
    bodies.set(response, body);
  };

  http.ServerResponse.prototype.write = function (chunk, encoding, ...rest) {
    if (ofApi(this)) keep(this, chunk, encoding);
    return write.call(this, chunk, encoding, ...rest);
  };
  http.ServerResponse.prototype.end = function (chunk, encoding, ...rest) {
    const seen = ofApi(this) && !this.writableEnded;
    if (seen) keep(this, chunk, encoding);
    const result = end.call(this, chunk, encoding, ...rest);
    const body = bodies.get(this);
    if (seen && (body?.size ?? 0) <= MOST_BYTES) {
      const { method, originalUrl, url } = this.req;
      see({ method, url: originalUrl ?? url, status: this.statusCode, headers: this.getHeaders(), body: Buffer.concat(body?.chunks ?? []) });
    }
    return result;
  };
  return () => Object.assign(http.ServerResponse.prototype, { write, end });
}

/** Other servers of a test, such as token servers, are nobody's business here. */
const ofApi = (response) => response.getHeader('x-request-id') !== undefined && /^\/v1(\/|$|\?)/.test(response.req?.originalUrl ?? response.req?.url ?? '');
