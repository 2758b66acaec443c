import { isUtf8 } from 'node:buffer';
import express, { type RequestHandler } from 'express';
import multer from 'multer';
import { fileTooLarge, MAX_FILE_BYTES } from '../contract/file-limit.js';
import { MailroomError } from '../errors.js';

const JSON_LIMIT = 1024 * 1024;
/** Where the body holds a file in base64. */
const FILE_IN_JSON_LIMIT = 2 * MAX_FILE_BYTES;
const TAKES_A_FILE = /^\/(client|trusted)-certificates\/?$/i;
const UPLOAD = /^\/(client|trusted)-certificates\/upload\/?$/i;

/** A body of another type is refused before it is read. Clients say "Content-Length: 0" for a POST without a body: that is none. */
export const onlyKnownType: RequestHandler = (req, _res, next) => {
  const expected = UPLOAD.test(req.path) ? 'multipart/form-data' : 'application/json';
  if (req.headers['content-length'] !== '0' && req.is(expected) === false) {
    throw new MailroomError('unsupportedMediaType', 'MEDIA_TYPE_UNSUPPORTED', `Send the body as ${expected}.`);
  }
  next();
};

/** So much of a body that is refused is read all the same: whoever still sends when the connection is closed may not get to read the answer. */
const READ_ANYWAY = 16 * 1024 * 1024;

/** A body that is far too large by its own word is refused before it is read, and the connection with it. */
export const notFarTooLarge: RequestHandler = (req, res, next) => {
  if (Number(req.headers['content-length'] ?? 0) <= READ_ANYWAY) return next();
  res.set('Connection', 'close');
  if (UPLOAD.test(req.path)) throw fileTooLarge('/file');
  if (TAKES_A_FILE.test(req.path)) throw fileTooLarge('/certificate');
  throw Object.assign(new Error('The body is too large.'), { type: 'entity.too.large' });
};

/** Reads JSON, which is UTF-8 (RFC 8259 §8.1). Other bytes would be read as U+FFFD, and so be changed without a word. */
export const readJson: RequestHandler = (req, res, next) => (TAKES_A_FILE.test(req.path) ? jsonWithFile : json)(req, res, next);

const json = jsonUpTo(JSON_LIMIT);
const largeJson = jsonUpTo(FILE_IN_JSON_LIMIT);
const jsonWithFile: RequestHandler = (req, res, next) => largeJson(req, res, (error?: unknown) => next(isTooLarge(error) ? fileTooLarge('/certificate') : error));

function jsonUpTo(limit: number): RequestHandler {
  return express.json({
    limit,
    verify: (_req, _res, bytes, charset) => {
      if (charset !== 'utf-8') throw new MailroomError('unsupportedMediaType', 'CHARSET_UNSUPPORTED', 'Send JSON in UTF-8.');
      if (!isUtf8(bytes)) throw new MailroomError('invalid', 'JSON_INVALID', 'The body is not valid UTF-8. Encode it as UTF-8 and send it again.');
    },
  });
}

const isTooLarge = (error: unknown): boolean => (error as { type?: string } | undefined)?.type === 'entity.too.large';

const form = multer({ storage: multer.memoryStorage(), limits: { fileSize: MAX_FILE_BYTES, files: 1, fields: 1, fieldSize: 8 * 1024, fieldNameSize: 100, parts: 2, headerPairs: 20 } });

/**
 * Reads multipart/form-data into memory: one file, and one text beside it. tsoa calls it once the role of the key was looked at. Whatever is
 * wrong with a form is the caller's fault.
 */
export const uploads = {
  fields: (files: multer.Field[]): RequestHandler => {
    const read = form.fields(files);
    return (req, res, next) => read(req, res, (error?: unknown) => {
      // Multer passes a request without a body by, and tsoa looks into what is not there.
      req.files ??= {};
      req.body ??= {};
      next(error === undefined || error === null ? undefined : formFault(error as multer.MulterError));
    });
  },
} as multer.Multer;

function formFault(error: multer.MulterError): MailroomError {
  if (error.code === 'LIMIT_FILE_SIZE') return fileTooLarge('/file');
  const pointer = error.field === undefined ? '' : `/${error.field.slice(0, 100)}`;
  const message = FORM_FAULTS[error.code] ?? 'is no complete multipart/form-data: check its boundary, and send it again';
  return new MailroomError('invalid', 'FORM_INVALID', `${pointer || 'The body'} ${message}.`, [{ pointer, message }], { cause: error });
}

const FORM_FAULTS: Partial<Record<string, string>> = {
  LIMIT_UNEXPECTED_FILE: 'is not expected: send one file, as the part "file"',
  LIMIT_FILE_COUNT: 'has more than one file: send one, as the part "file"',
  LIMIT_FIELD_COUNT: 'has more parts than this operation takes, or one of them twice',
  LIMIT_PART_COUNT: 'has more parts than this operation takes, or one of them twice',
  LIMIT_FIELD_KEY: 'has a part with a name of more than 100 characters',
  MISSING_FIELD_NAME: 'has a part without a name',
  LIMIT_FIELD_VALUE: 'is too long',
};
