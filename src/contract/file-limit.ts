import { MailroomError } from '../errors.js';

/** Of a file that a request holds, in whatever form. */
export const MAX_FILE_BYTES = 1024 * 1024;

/** @param pointer where the file stands in the request */
export const fileTooLarge = (pointer: string): MailroomError =>
  new MailroomError('tooLarge', 'FILE_TOO_LARGE', 'A certificate file may have 1 MiB at most. Leave out what is not needed: one certificate has a few kilobytes.', [
    { pointer, message: 'must be a file of 1 MiB at most' },
  ]);
