import type { Express, Request, RequestHandler } from 'express';
import { namesEtagWeakly, tagsOf } from '../contract/etag.js';
import { MailroomError } from '../errors.js';
import { staleCopy } from '../contract/preconditions.js';
import { operationOf } from './methods.js';

const PRECONDITIONS = ['If-Match', 'If-None-Match'] as const;
const isRead = ({ method }: Request): boolean => method === 'GET' || method === 'HEAD';

/**
 * Answers reads 304 whose If-None-Match names the ETag of the answer: Express asks `req.fresh` before it sends one. Its own judgement takes
 * what a list of tags holds apart at each comma, and does not hear a request that says `Cache-Control: no-cache`.
 */
export function answerNotModified(app: Express): void {
  Object.defineProperty(app.request, 'fresh', {
    configurable: true,
    get(this: Request): boolean {
      const [ifNoneMatch, { statusCode }] = [this.headers['if-none-match'], this.res!];
      if (!isRead(this) || ifNoneMatch === undefined || statusCode < 200 || statusCode > 299) return false;
      return namesEtagWeakly(ifNoneMatch, etagOfAnswer(this));
    },
  });
}

/**
 * Sees to it that no precondition is passed over in silence. A write honours those that the contract has for it, and is refused with others, or
 * with what is no list of ETags. A read with If-Match gets its answer when that has such an ETag, else 412.
 */
export const preconditions: RequestHandler = (req, res, next) => {
  if (isRead(req)) refuseOtherAnswers(req, operationOf(res)?.parameters ?? []);
  else PRECONDITIONS.forEach((name) => refuseUnsound(name, req.header(name), operationOf(res)?.parameters ?? []));
  next();
};

const etagOfAnswer = ({ res }: Request): string | null => (res!.getHeader('ETag') as string | undefined) ?? null;

function refuseUnsound(name: string, value: string | undefined, parameters: { name: string }[]): void {
  if (value === undefined) return;
  if (!parameters.some((parameter) => parameter.name === name)) throw refusal('PRECONDITION_UNSUPPORTED', name, 'is not for this operation: leave it out');
  if (tagsOf(value) === null) throw refusal('PRECONDITION_INVALID', name, 'must be an ETag as it was given, with its quotes, or several with commas between them, or *');
}

/** Those whose answer has an ETag are the ones that take If-None-Match. */
function refuseOtherAnswers(req: Request, parameters: { name: string }[]): void {
  const [ifMatch, res] = [req.headers['if-match'], req.res!];
  if (ifMatch === undefined) return;
  refuseUnsound('If-Match', ifMatch, parameters.some(({ name }) => name === 'If-None-Match') ? [{ name: 'If-Match' }] : []);
  const tags = tagsOf(ifMatch)!;
  const send = res.send.bind(res);
  res.send = (body) => {
    const etag = etagOfAnswer(req);
    if (res.statusCode < 300 && tags !== '*' && (etag === null || !tags.includes(etag))) throw staleCopy(ifMatch, etag);
    return send(body);
  };
}

const refusal = (code: string, name: string, message: string): MailroomError => new MailroomError('invalid', code, `${name} ${message}.`, [{ parameter: name, message }]);
