/** How long a retryable failure is retried, from the time the e-mail was made or retried by hand. */
export const RETRY_WINDOW_MS = 3 * 24 * 60 * 60 * 1_000;
const LONGEST_DELAY_MS = 4 * 60 * 60 * 1_000;
const JITTER = 0.2;

/**
 * Milliseconds until the next attempt: doubled after each, at most 4 hours, and spread by ±20 % so that e-mails which failed together
 * do not come back together.
 * @param tries attempts made so far, at least 1
 * @param random from 0 to 1
 */
export function retryDelayMs(tries: number, baseMs: number, random: number): number {
  const delay = Math.min(baseMs * 2 ** Math.min(tries - 1, 30), LONGEST_DELAY_MS);
  return Math.round(delay * (1 - JITTER + 2 * JITTER * random));
}
