import { MailroomError } from '../errors.js';
import { BUSY, PkiFault } from '../pki/pki-fault.js';

const POINTERS = { certificate: '/certificate', passphrase: '/passphrase', subject: '/subject/distinguishedName' };

/** A fault of what was given becomes a problem that points at it; anything else stays what it is. */
export function refusalOf(error: unknown): unknown {
  if (!(error instanceof PkiFault)) return error;
  if (error.code === BUSY) return new MailroomError('unavailable', BUSY, error.message, [], { cause: error });
  return refusal(error.code, error.message, POINTERS[error.part], error);
}

/** For a file that came as the part of a form: its faults point at that part. */
export function pointAtFile(error: unknown): never {
  if (!(error instanceof MailroomError)) throw error;
  const { kind, code, message, errors, cause } = error;
  throw new MailroomError(kind, code, message, errors.map((one) => (one.pointer === POINTERS.certificate ? { ...one, pointer: '/file' } : one)), { cause });
}

/** What cannot be taken, for a reason that stands in one sentence. */
export const refusal = (code: string, message: string, pointer = POINTERS.certificate, cause?: unknown): MailroomError =>
  new MailroomError('invalid', code, message, [{ pointer, message }], { cause });
