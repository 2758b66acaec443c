/** Waits until `read` gives something that `isReached` accepts; fails with the last value when `deadlineMs` have passed. */
export async function waitFor<T>(read: () => Promise<T> | T, isReached: (value: T) => boolean, deadlineMs = 15_000): Promise<T> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const value = await read();
    if (isReached(value)) return value;
    if (Date.now() > deadline) throw new Error(`not reached within ${deadlineMs} ms; last: ${JSON.stringify(value)}`);
    await new Promise((wake) => setTimeout(wake, 20));
  }
}
