import { OAuth2Failure } from './oauth2-failure.js';

export interface TokenResponse {
  accessToken: string;
  /** How long the token holds from now on. */
  expiresInSeconds: number;
}

export interface RawResponse {
  status: number;
  /** Of a redirect. */
  location: string | null;
  body: string;
}

/** A server that does not say how long its token holds (RFC 6749 §5.1 only recommends it) is asked again soon. */
const UNSTATED_LIFETIME_SECONDS = 300;
const MAX_TOKEN_LENGTH = 16_384;
/** C0 and C1 controls, line separators, and the marks that reorder text on a screen. */
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g;

/** How the token server is named in messages, and what takes our secret out of its words. */
export interface Reading {
  server: string;
  redact: (text: string) => string;
}

/**
 * The token in an answer (RFC 6749 §5.1).
 * @throws OAuth2Failure for every other answer; what the server said is in it, on one line and shortened
 */
export function readTokenResponse({ status, location, body }: RawResponse, { server, redact }: Reading): TokenResponse {
  const quote: Quote = (text, limit) => printable(redact(text), limit);
  if (status >= 300 && status < 400) throw redirected(server, status, location && quote(location, 300));
  const json = parseObject(body);
  if (status !== 200) throw refused(server, status, json, quote);
  const { access_token: accessToken, token_type: type, expires_in: expiresIn } = json ?? {};
  // Visible ASCII without spaces (RFC 6750 §2.1): it goes into XOAUTH2, whose parts end with a control character.
  if (typeof accessToken !== 'string' || accessToken.length > MAX_TOKEN_LENGTH || !/^[\x21-\x7e]+$/.test(accessToken)) throw noToken(server, json);
  if (typeof type === 'string' && type.toLowerCase() !== 'bearer') throw unusable(server, `a token of type ${quote(type, 100)} instead of Bearer`);
  return { accessToken, expiresInSeconds: lifetime(expiresIn) };
}

/** Some servers write the number as text. */
function lifetime(expiresIn: unknown): number {
  const seconds = typeof expiresIn === 'string' && expiresIn.trim() !== '' ? Number(expiresIn) : expiresIn;
  return typeof seconds === 'number' && seconds >= 0 ? seconds : UNSTATED_LIFETIME_SECONDS;
}

function parseObject(body: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(body);
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null; // told by the caller, who knows the status
  }
}

/** RFC 6749 §5.2, with what to do about it. */
const HINTS = new Map(Object.entries({
  invalid_client: 'Check clientId and clientSecret; a client secret may have expired at the token server.',
  unauthorized_client: 'Allow the client credentials grant for this client at the token server, and check the client secret.',
  unsupported_grant_type: 'The token server must support the client credentials grant.',
  invalid_scope: 'Check the scope. For Microsoft 365 it is https://outlook.office365.com/.default.',
  invalid_request: 'Check scope and tokenUrl, in which the tenant may be wrong.',
}));

type Quote = (text: string, limit: number) => string;

function refused(server: string, status: number, json: Record<string, unknown> | null, quote: Quote): OAuth2Failure {
  const words = [json?.['error'], json?.['error_description']].filter((word) => typeof word === 'string').map((word) => quote(word, 300));
  const said = words.length > 1 ? `${words[0]} (${words[1]})` : (words[0] ?? `HTTP status ${status}`);
  if (status >= 500 || status === 429) {
    return new OAuth2Failure('OAUTH2_SERVER_FAILED', `${server} could not give a token just now: ${said}.`, 'It is tried again later. Check the token server when it stays so.');
  }
  if (words.length === 0 && status !== 401 && status !== 403) {
    return new OAuth2Failure('OAUTH2_RESPONSE_INVALID', `${server} answered with HTTP status ${status} and no OAuth 2.0 error.`, 'Check tokenUrl: it must be the token endpoint itself.');
  }
  const hint = HINTS.get(words[0] ?? '') ?? 'Check clientId, clientSecret and scope, and what the token server allows this client.';
  return new OAuth2Failure('OAUTH2_TOKEN_REFUSED', `${server} refused to give a token: ${said}.`, hint);
}

function redirected(server: string, status: number, location: string | null): OAuth2Failure {
  const where = location === null ? '' : ` to ${location}`;
  return new OAuth2Failure('OAUTH2_RESPONSE_INVALID', `${server} redirects${where} (HTTP status ${status}), which is not followed: the client secret would go there.`,
    'Enter the final address as tokenUrl, if it is to be trusted.');
}

const noToken = (server: string, json: Record<string, unknown> | null): OAuth2Failure =>
  unusable(server, json === null ? 'something that is no JSON object' : 'no usable access_token');

const unusable = (server: string, what: string): OAuth2Failure =>
  new OAuth2Failure('OAUTH2_RESPONSE_INVALID', `${server} answered with ${what}.`, 'Check tokenUrl: it must be the token endpoint itself (RFC 6749, section 3.2).');

/** Text of the other side made safe to store and show. */
function printable(text: string, limit: number): string {
  const safe = text.replace(UNPRINTABLE, ' ').trim();
  return safe.length > limit ? `${safe.slice(0, limit)}…` : safe;
}
