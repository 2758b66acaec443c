import { MailroomError } from '../errors.js';

/** The longest wait for an answer of the back end. */
export const ANSWER_MS = 2_000;

export const unreachable = (message: string, cause?: unknown): MailroomError =>
  new MailroomError('unavailable', 'QUEUE_UNREACHABLE', `The job queue cannot be reached: ${message}`, [], { cause: cause && withoutCommand(cause) });

/** Settles like `work`, or rejects with QUEUE_UNREACHABLE after `ms`. A later outcome of `work` is dropped. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(unreachable(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves when `work` has settled, whatever its outcome, or after `ms`. Tells whether it has settled. */
export const settled = (ms: number, work: Promise<unknown>): Promise<boolean> =>
  within(ms, work.then(() => true, () => true)).catch(() => false);

/**
 * The error without its own properties: ioredis hangs the command that failed on its errors, and that of an AUTH holds the password,
 * which a logger would print.
 */
export function withoutCommand(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  const plain = new Error(error.message);
  plain.name = error.name;
  if (error.stack !== undefined) plain.stack = error.stack;
  return plain;
}
