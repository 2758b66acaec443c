import { isIPv6 } from 'node:net';
import type { Response } from 'express';
import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible';
import { MailroomError } from '../errors.js';

/** Whoever guesses keys gets as many tries; a service with an old key is not locked out by a few requests. */
const FAILURES = { points: 20, duration: 60 };
const WINDOW_SECONDS = 1;
/** An IPv6 client has a whole /64 at least (RFC 6177): its first four groups name it. */
const NETWORK_GROUPS = 4;

/** What one client may ask of one process: so many requests a second for a key, and few failed keys for an address. Counted in this process. */
export class ClientLimits {
  private readonly failures = new RateLimiterMemory(FAILURES);
  private readonly requests: RateLimiterMemory | null;

  /** @param requestsPerSecond of a key; null: no limit */
  constructor(private readonly requestsPerSecond: number | null) {
    this.requests = requestsPerSecond === null ? null : new RateLimiterMemory({ points: requestsPerSecond, duration: WINDOW_SECONDS });
  }

  /** @throws MailroomError TOO_MANY_FAILED_KEYS (429): also a right key is not looked at, or guessing would go on */
  async refuseGuesser(address: string, res: Response): Promise<void> {
    const state = await this.failures.get(clientOf(address));
    if (state === null || state.consumedPoints < FAILURES.points) return;
    res.set('Retry-After', secondsOf(state));
    throw new MailroomError('tooMany', 'TOO_MANY_FAILED_KEYS', `${FAILURES.points} requests from your address came with a key that is not valid. Wait for the seconds in Retry-After, and then use a valid one.`);
  }

  async failed(address: string): Promise<void> {
    await this.failures.consume(clientOf(address)).catch(() => undefined); // it rejects beyond the limit, which the next request is told
  }

  /** Counts a request and says how it stands in the headers RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-10). @throws MailroomError RATE_LIMITED (429) */
  async count(keyId: string, res: Response): Promise<void> {
    if (this.requests === null) return;
    const taken = await this.requests.consume(keyId).then((state) => ({ state, refused: false }), (state: RateLimiterRes) => ({ state, refused: true }));
    const [left, seconds] = [taken.state.remainingPoints, secondsOf(taken.state)];
    res.set({ 'RateLimit-Policy': `"key";q=${this.requestsPerSecond};w=${WINDOW_SECONDS}`, RateLimit: `"key";r=${left};t=${seconds}` });
    if (!taken.refused) return;
    res.set('Retry-After', seconds);
    throw new MailroomError('tooMany', 'RATE_LIMITED', `This key may make ${this.requestsPerSecond} requests a second (MAILROOM_RATE_LIMIT). Wait for the seconds in Retry-After, and repeat the request.`);
  }
}

const secondsOf = ({ msBeforeNext }: RateLimiterRes): string => String(Math.max(1, Math.ceil(msBeforeNext / 1_000)));

/** The address that a limit counts for. */
function clientOf(address: string): string {
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  return mapped ?? `${groupsOf(address).slice(0, NETWORK_GROUPS).join(':')}::/64`;
}

/** All eight groups, with the zeros that `::` stands for. */
function groupsOf(address: string): string[] {
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const [first, last] = [head, tail ?? ''].map((part) => part.split(':').filter(Boolean)) as [string[], string[]];
  return [...first, ...new Array<string>(Math.max(0, 8 - first.length - last.length)).fill('0'), ...last];
}
