import { createHash } from 'node:crypto';
import { OAuth2Failure } from './oauth2-failure.js';
import { type AddressPolicy, describeServer, type OAuth2Client, requestToken } from './token-request.js';

export interface AccessToken {
  accessToken: string;
  /** Whether it was at hand: one that the mail server refuses may have been revoked, and a fresh one may work. */
  fromCache: boolean;
}

export interface GetOptions {
  /** Asks the token server also when an unexpired token is at hand. */
  fresh?: boolean | undefined;
  /** Ends this caller's wait; the request goes on for others. */
  signal?: AbortSignal | undefined;
}

interface Kept {
  accessToken: string;
  /** By the monotonic clock, in milliseconds. */
  staleAt: number;
}

const TIMEOUT_MS = 10_000;
/** A token that is about to expire could be refused by the time it arrives. */
const MARGIN_MS = 60_000;

/**
 * Access tokens of this process, one for each client (token server, id, secret and scope), in memory only. A token is used again until
 * 60 s before it expires. One request at a time for a client: callers who come meanwhile share its outcome.
 */
export class AccessTokens {
  private readonly kept = new Map<string, Kept>();
  private readonly underWay = new Map<string, Promise<string>>();

  /** @param now milliseconds of a monotonic clock */
  constructor(
    private readonly policy: AddressPolicy,
    private readonly timeoutMs: number = TIMEOUT_MS,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** @throws OAuth2Failure within 10 s */
  async get(client: OAuth2Client, { fresh = false, signal }: GetOptions = {}): Promise<AccessToken> {
    const key = keyOf(client);
    const kept = this.kept.get(key);
    if (!fresh && kept !== undefined && kept.staleAt > this.now()) return { accessToken: kept.accessToken, fromCache: true };
    return { accessToken: await unlessAborted(this.shared(key, client), client, signal), fromCache: false };
  }

  /** Forgets a token, because the mail server refused it; another one that has come meanwhile stays. */
  drop(accessToken: string): void {
    for (const [key, kept] of this.kept) if (kept.accessToken === accessToken) this.kept.delete(key);
  }

  private shared(key: string, client: OAuth2Client): Promise<string> {
    const running = this.underWay.get(key) ?? this.request(key, client).finally(() => this.underWay.delete(key));
    this.underWay.set(key, running);
    return running;
  }

  private async request(key: string, client: OAuth2Client): Promise<string> {
    const { accessToken, expiresInSeconds } = await requestToken(client, this.policy, this.timeoutMs);
    for (const [other, { staleAt }] of this.kept) if (staleAt <= this.now()) this.kept.delete(other);
    this.kept.set(key, { accessToken, staleAt: this.now() + expiresInSeconds * 1_000 - MARGIN_MS });
    return accessToken;
  }
}

/** With the secret, so that a wrong one is never hidden by a token that the right one got; as a digest, so that it is not kept. */
const keyOf = ({ tokenUrl, clientId, clientSecret, scope }: OAuth2Client): string =>
  createHash('sha256').update(JSON.stringify([tokenUrl, clientId, clientSecret, scope])).digest('base64');

async function unlessAborted<T>(work: Promise<T>, { tokenUrl }: OAuth2Client, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  let stop!: () => void;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(stopped(tokenUrl, signal.reason));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** An AbortSignal.timeout() is a time-out like any other; every other abort is somebody's wish. */
function stopped(tokenUrl: string, cause: unknown): OAuth2Failure {
  const isTimeout = (cause as { name?: unknown } | undefined)?.name === 'TimeoutError';
  return isTimeout
    ? new OAuth2Failure('TIMED_OUT', `${describeServer(tokenUrl)} did not answer within the time allowed.`, 'Allow more time, or check the load of the token server.', { cause })
    : new OAuth2Failure('ABORTED', `The request to the token server was stopped (${tokenUrl.split('?')[0]}).`, 'Start it again when wanted.', { cause });
}
