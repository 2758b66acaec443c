const [LEAST_MS, MOST_MS] = [20, 250];

/** Waits until `read` gives something that `isReached` accepts; fails with the last value when `deadlineMs` have passed. */
export async function waitFor<T>(read: () => Promise<T> | T, isReached: (value: T) => boolean, deadlineMs = 30_000): Promise<T> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const askedAt = performance.now();
    const value = await read();
    const tookMs = performance.now() - askedAt;
    if (isReached(value)) return value;
    if (Date.now() > deadline) throw new Error(`not reached within ${deadlineMs} ms; last: ${JSON.stringify(value)}`);
    // A look that takes long is repeated less often: looking must not be most of the work of the process that is looked at.
    await new Promise((wake) => setTimeout(wake, Math.min(Math.max(LEAST_MS, 3 * tookMs), MOST_MS)));
  }
}
