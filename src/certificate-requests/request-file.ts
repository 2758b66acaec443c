import { pemBlocks } from '../pki/pem.js';
import type { CertificateRequest } from './certificate-requests.contract.js';

export interface RequestFile {
  mediaType: string;
  fileName: string;
  bytes: Buffer;
}

const JSON_TYPE = 'application/json';
const PEM_TYPE = 'application/x-pem-file';
const DER_TYPE = 'application/pkcs10'; // RFC 5967

/** The request as the file that an Accept header prefers; null: as JSON. @param preferred which of some media types the caller prefers */
export function requestFile({ id, pem }: CertificateRequest, preferred: (types: string[]) => string | false): RequestFile | null {
  const mediaType = preferred([JSON_TYPE, PEM_TYPE, DER_TYPE]);
  if (mediaType === PEM_TYPE) return { mediaType, fileName: `mailroom-${id}.pem`, bytes: Buffer.from(pem) };
  return mediaType === DER_TYPE ? { mediaType, fileName: `mailroom-${id}.p10`, bytes: pemBlocks(pem)[0]!.der } : null;
}
