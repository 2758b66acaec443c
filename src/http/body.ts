import { isUtf8 } from 'node:buffer';
import express, { type RequestHandler } from 'express';
import { MailroomError } from '../errors.js';

const BODY_LIMIT = '1mb';

/** A body of another type is refused before it is read. Clients say "Content-Length: 0" for a POST without a body: that is none. */
export const onlyJson: RequestHandler = (req, _res, next) => {
  if (req.headers['content-length'] !== '0' && req.is('application/json') === false) {
    throw new MailroomError('unsupportedMediaType', 'MEDIA_TYPE_UNSUPPORTED', 'Send the body as application/json.');
  }
  next();
};

/** Reads JSON, which is UTF-8 (RFC 8259 §8.1). Other bytes would be read as U+FFFD, and so be changed without a word. */
export const readJson: RequestHandler = express.json({
  limit: BODY_LIMIT,
  verify: (_req, _res, bytes, charset) => {
    if (charset !== 'utf-8') throw new MailroomError('unsupportedMediaType', 'CHARSET_UNSUPPORTED', 'Send JSON in UTF-8.');
    if (!isUtf8(bytes)) throw new MailroomError('invalid', 'JSON_INVALID', 'The body is not valid UTF-8. Encode it as UTF-8 and send it again.');
  },
});
