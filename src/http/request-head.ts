import type { RequestHandler } from 'express';
import { MailroomError } from '../errors.js';

/** uri-host [ ":" port ] (RFC 9110 §7.2); empty where the target has no authority. */
const HOST = /^(\[[0-9a-fA-F:.]+\]|[\w.~!$&'()*+,;=%-]*)(:\d*)?$/;

/**
 * What Node.js would refuse with an empty answer, or let pass: an HTTP/1.1 request names one host (RFC 9112 §3.2), and nothing is expected of
 * the server but that it says to go on (RFC 9110 §10.1.1).
 */
export const soundHead: RequestHandler = (req, res, next) => {
  const hosts = req.rawHeaders.filter((_text, index, all) => index % 2 === 1 && all[index - 1]!.toLowerCase() === 'host');
  const isOne = hosts.length === 1 || (hosts.length === 0 && req.httpVersion === '1.0');
  if (!isOne || !hosts.every((host) => HOST.test(host))) throw new MailroomError('invalid', 'HOST_INVALID', 'Send one Host header, with a host name or an address, and a port if need be.');
  const expected = req.headers.expect;
  if (expected === undefined || expected.toLowerCase() === '100-continue') return next();
  res.set('Connection', 'close'); // whether the body comes all the same is not known
  throw new MailroomError('expectation', 'EXPECTATION_UNKNOWN', 'The Expect header may hold 100-continue alone. Leave it out.');
};
