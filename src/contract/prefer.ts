import type { Request } from 'express';

/** What a caller would like, of what RFC 7240 names and Mailroom knows. */
export interface Preferences {
  respondAsync: boolean;
  /** How long the caller would wait; null: the caller does not say. */
  waitSeconds: number | null;
}

/** How long an answer may be held back, whatever a caller would wait. */
export const LONGEST_WAIT_SECONDS = 300;
const POLL_MS = 100;

const TOKEN = "[\\w!#$%&'*+.^`|~-]+";
const QUOTED = '"(?:[^"\\\\]|\\\\.)*"';
/** A preference; its parameters, which none of ours has, are skipped. Each character can be read in one way only, so that no header takes long. */
const PREFERENCE = new RegExp(`^(${TOKEN})(?:[ \\t]*=[ \\t]*(${TOKEN}|${QUOTED})?)?[ \\t]*(?:;(?:[^",]|${QUOTED})*)?(?:,|$)`);
/** A longer header is passed over: whoever means one of ours says it shorter. */
const MOST_CHARACTERS = 1_000;

/**
 * Reads the Prefer headers of a request. Preferences that nobody knows, and values that are none, are passed over, and so is what comes a
 * second time (RFC 7240 §2).
 */
export function preferencesOf(header: string | undefined): Preferences {
  const found = new Map<string, string>();
  for (let rest = (header ?? '').length > MOST_CHARACTERS ? '' : (header ?? '').trim(); rest !== ''; ) {
    const [whole, name, value = ''] = PREFERENCE.exec(rest) ?? [/^[^,]*,?/.exec(rest)![0]];
    if (name !== undefined && !found.has(name.toLowerCase())) found.set(name.toLowerCase(), unquoted(value));
    rest = rest.slice(whole.length).trimStart();
  }
  const wait = found.get('wait') ?? '';
  return { respondAsync: found.get('respond-async') === '', waitSeconds: /^\d{1,9}$/.test(wait) ? Math.min(Number(wait), LONGEST_WAIT_SECONDS) : null };
}

const unquoted = (value: string): string => (value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value);

/**
 * Reads what was queued until it is as it should be, for as long as the caller is there and would wait; answers with what was read last. It is
 * queued, whatever happens to the reading.
 */
export async function readUntil<T>(queued: T, read: () => Promise<T>, isDone: (value: T) => boolean, seconds: number, signal: AbortSignal): Promise<T> {
  const deadline = Date.now() + seconds * 1_000;
  for (let value = queued; ; ) {
    value = await read().catch(() => value);
    if (isDone(value) || Date.now() >= deadline || signal.aborted) return value;
    await new Promise((wake) => setTimeout(wake, POLL_MS));
  }
}

/** Aborts when the caller goes away. */
export function closeOf({ res }: Request): AbortSignal {
  const gone = new AbortController();
  if (res!.closed) gone.abort();
  else res!.once('close', () => gone.abort());
  return gone.signal;
}
