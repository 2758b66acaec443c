import { fileTooLarge, MAX_FILE_BYTES } from '../contract/file-limit.js';
import { MailroomError } from '../errors.js';
import { fromBase64, looksLikePem } from '../pki/pem.js';

/**
 * The bytes of a file that came as text: PEM as it is, anything else in base64.
 * @throws MailroomError FILE_TOO_LARGE, CERTIFICATE_UNREADABLE
 */
export function certificateBytes(text: string): Buffer {
  const bytes = looksLikePem(text) ? Buffer.from(text, 'utf8') : fromBase64(text);
  if (bytes === null) throw unreadable();
  if (bytes.length > MAX_FILE_BYTES) throw fileTooLarge('/certificate');
  return bytes;
}

/**
 * The bytes of a file that came as multipart; its size was checked as it came.
 * @param fields the names of the texts that may come with it
 * @throws MailroomError FILE_REQUIRED, FORM_INVALID
 */
export function uploadedBytes(file: { buffer: Buffer } | undefined, form: unknown, fields: string[] = []): Buffer {
  const other = Object.keys(form ?? {}).find((name) => !fields.includes(name));
  if (other !== undefined) throw formFault('FORM_INVALID', `/${other}`, other === 'file' ? 'must be sent as a file (curl: -F file=@name), and not as text' : `is not a known part; known: ${['file', ...fields].join(', ')}`);
  if (file === undefined) throw formFault('FILE_REQUIRED', '/file', 'is required: send the file as the part "file" of multipart/form-data');
  return file.buffer;
}

const formFault = (code: string, pointer: string, message: string): MailroomError => new MailroomError('invalid', code, `${pointer} ${message}.`, [{ pointer, message }]);

const unreadable = (): MailroomError =>
  new MailroomError('invalid', 'CERTIFICATE_UNREADABLE', 'This is not a certificate: send PEM text (with BEGIN CERTIFICATE in it), or the file in base64.', [
    { pointer: '/certificate', message: 'must be PEM text, or a file in base64' },
  ]);
