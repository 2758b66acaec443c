import { lookup as lookUp, type LookupAddress } from 'node:dns';
import { type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { redactorOf } from '../redact.js';
import { networkFailure, timedOut } from './network-failure.js';
import { OAuth2Failure } from './oauth2-failure.js';
import { readTokenResponse, type TokenResponse } from './token-response.js';
import { literalAddress } from './token-url.js';

/** Who asks a token server for what. */
export interface OAuth2Client {
  /** Checked by tokenUrlFault. */
  tokenUrl: string;
  clientId: string;
  clientSecret: string;
  /** null: what the server gives by default. */
  scope: string | null;
}

/** Which addresses no connection may be opened to. */
export interface AddressPolicy {
  denies(address: string): boolean;
}

interface HttpAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

const MAX_RESPONSE_BYTES = 64 * 1024;

/**
 * One client credentials grant (RFC 6749 §4.4). The client's id and secret go in the body, as most token servers' own guides have it; to a
 * server that answers 401 with a Basic challenge they go as that (§2.3.1). Certificates are checked against Node's roots and
 * NODE_EXTRA_CA_CERTS. No redirect is followed, no connection is kept.
 * @param timeoutMs for the whole exchange
 * @throws OAuth2Failure
 */
export async function requestToken(client: OAuth2Client, policy: AddressPolicy, timeoutMs: number): Promise<TokenResponse> {
  const deadline = AbortSignal.timeout(timeoutMs);
  const server = describeServer(client.tokenUrl);
  try {
    let answer = await post(client, policy, deadline, { client_id: client.clientId, client_secret: client.clientSecret }, {});
    if (answer.status === 401 && /^basic\b/i.test(answer.headers['www-authenticate'] ?? '')) answer = await post(client, policy, deadline, {}, { authorization: basic(client) });
    const { status, headers, body } = answer;
    return readTokenResponse({ status, location: locationIn(headers), body }, { server, redact: redactorOf([client.clientSecret]) });
  } catch (error) {
    throw deadline.aborted && !(error instanceof OAuth2Failure) ? timedOut(server, timeoutMs, error) : networkFailure(error, server);
  }
}

/** Without the query, which may hold what is nobody's business. */
export function describeServer(tokenUrl: string): string {
  const { origin, pathname } = new URL(tokenUrl);
  return `The token server ${origin}${pathname}`;
}

async function post(client: OAuth2Client, policy: AddressPolicy, signal: AbortSignal, secrets: Record<string, string>, headers: OutgoingHttpHeaders): Promise<HttpAnswer> {
  const literal = literalAddress(client.tokenUrl);
  if (literal !== null && policy.denies(literal)) throw denied(client.tokenUrl, literal); // a literal is never looked up
  const body = new URLSearchParams({ grant_type: 'client_credentials', ...secrets, ...(client.scope !== null && { scope: client.scope }) }).toString();
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const send = client.tokenUrl.toLowerCase().startsWith('https:') ? httpsRequest : httpRequest;
    const request = send(client.tokenUrl, {
      method: 'POST',
      agent: false,
      signal,
      lookup: allowedLookup(policy, client.tokenUrl),
      headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(body), accept: 'application/json' },
    });
    request.on('response', resolve).on('error', reject).end(body);
  });
  return { status: response.statusCode!, headers: response.headers, body: await bodyOf(response, client.tokenUrl) };
}

async function bodyOf(response: IncomingMessage, tokenUrl: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_RESPONSE_BYTES) throw tooLarge(tokenUrl); // leaving the loop destroys the connection
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Looks a name up and leaves out what is denied, so that the connection can only go to what was checked: no second look-up comes between. */
function allowedLookup(policy: AddressPolicy, tokenUrl: string): LookupFunction {
  return (hostname, options, callback) => {
    lookUp(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, '', 0);
      const allowed = found.filter(({ address }) => !policy.denies(address));
      const [first] = allowed;
      if (first === undefined) return callback(denied(tokenUrl, found.map(({ address }: LookupAddress) => address).join(', ')), '', 0);
      return options.all ? callback(null, allowed) : callback(null, first.address, isIP(first.address));
    });
  };
}

/** RFC 6749 §2.3.1: both are form-urlencoded before they are joined. */
function basic({ clientId, clientSecret }: OAuth2Client): string {
  const encode = (text: string): string => new URLSearchParams([['', text]]).toString().slice(1);
  return `Basic ${Buffer.from(`${encode(clientId)}:${encode(clientSecret)}`).toString('base64')}`;
}

/** Node reads headers as Latin-1; a secret that is repeated in UTF-8 would not be known again. */
function locationIn({ location }: IncomingHttpHeaders): string | null {
  return location === undefined ? null : Buffer.from(location, 'latin1').toString('utf8');
}

const denied = (tokenUrl: string, addresses: string): OAuth2Failure =>
  new OAuth2Failure('SMTP_ADDRESS_DENIED', `${describeServer(tokenUrl)} has an address that Mailroom may not connect to (${addresses}).`,
    'Enter another tokenUrl, or let whoever runs Mailroom change MAILROOM_SMTP_DENY_NETWORKS.');

const tooLarge = (tokenUrl: string): OAuth2Failure =>
  new OAuth2Failure('OAUTH2_RESPONSE_INVALID', `${describeServer(tokenUrl)} answered with more than ${MAX_RESPONSE_BYTES / 1024} KiB.`, 'Check tokenUrl: it must be the token endpoint itself.');
