/** The code of the one fault that is none of what was given: it would have to wait too long. */
export const BUSY = 'CERTIFICATE_READER_BUSY';

/** Which part of what was given is at fault. */
export type PkiFaultPart = 'certificate' | 'passphrase' | 'subject';

/** What was given cannot be used; `code` is stable, and `message` says in a sentence what is wrong and what to do. */
export class PkiFault extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly part: PkiFaultPart = 'certificate',
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'PkiFault';
  }
}

export const unreadable = (message: string, cause?: unknown): PkiFault => new PkiFault('CERTIFICATE_UNREADABLE', message, 'certificate', { cause });
