import { MailroomError } from '../errors.js';
import { fromBase64, looksLikePem } from '../pki/pem.js';

export const MAX_FILE_BYTES = 1024 * 1024;

/**
 * The bytes of a file that came as text: PEM as it is, anything else in base64.
 * @throws MailroomError FILE_TOO_LARGE, CERTIFICATE_UNREADABLE
 */
export function certificateBytes(text: string): Buffer {
  const bytes = looksLikePem(text) ? Buffer.from(text, 'utf8') : fromBase64(text);
  if (bytes === null) throw unreadable();
  if (bytes.length > MAX_FILE_BYTES) throw tooLarge();
  return bytes;
}

/**
 * The bytes of a file that came as multipart; its size was checked as it came.
 * @param fields the names of the texts that may come with it
 * @throws MailroomError FILE_REQUIRED, FORM_INVALID
 */
export function uploadedBytes(file: { buffer: Buffer } | undefined, form: unknown, fields: string[] = []): Buffer {
  const other = Object.keys(form ?? {}).find((name) => !fields.includes(name));
  if (other !== undefined) throw formFault('FORM_INVALID', `/${other}`, `is not a known part; known are ${['file', ...fields].join(' and ')}`);
  if (file === undefined) throw formFault('FILE_REQUIRED', '/file', 'is required: send the file as the part "file" of multipart/form-data');
  return file.buffer;
}

const formFault = (code: string, pointer: string, message: string): MailroomError => new MailroomError('invalid', code, `${pointer} ${message}.`, [{ pointer, message }]);

const tooLarge = (): MailroomError =>
  new MailroomError('tooLarge', 'FILE_TOO_LARGE', 'A certificate file may have 1 MiB at most. Leave out what is not needed: one certificate has a few kilobytes.', [
    { pointer: '/certificate', message: 'must be a file of 1 MiB at most' },
  ]);

const unreadable = (): MailroomError =>
  new MailroomError('invalid', 'CERTIFICATE_UNREADABLE', 'This is not a certificate: send PEM text (with BEGIN CERTIFICATE in it), or the file in base64.', [
    { pointer: '/certificate', message: 'must be PEM text, or a file in base64' },
  ]);
