import { MailroomError } from '../errors.js';
import { PkiFault } from '../pki/pki-fault.js';

const POINTERS = { certificate: '/certificate', passphrase: '/passphrase', subject: '/subject/distinguishedName' };

/** A fault of what was given becomes a problem that points at it; anything else stays what it is. */
export function refusalOf(error: unknown): unknown {
  return error instanceof PkiFault ? refusal(error.code, error.message, POINTERS[error.part], error) : error;
}

/** A file that cannot be taken, for a reason that stands in one sentence. */
export const refusal = (code: string, message: string, pointer = POINTERS.certificate, cause?: unknown): MailroomError =>
  new MailroomError('invalid', code, message, [{ pointer, message }], { cause });
