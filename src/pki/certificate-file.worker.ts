import { parentPort, workerData } from 'node:worker_threads';
import { readCertificateFile } from './certificate-file.js';
import { PkiFault } from './pki-fault.js';
import type { ReadAnswer, ReadQuestion } from './certificate-file-reader.js';

/** Reads one file, in a thread of its own, and ends. */
function answer({ bytes, passphrase }: ReadQuestion): ReadAnswer {
  try {
    return { file: readCertificateFile(Buffer.from(bytes), passphrase) };
  } catch (error) {
    if (!(error instanceof PkiFault)) throw error;
    const { code, message, part } = error;
    return { fault: { code, message, part } };
  }
}

parentPort!.postMessage(answer(workerData as ReadQuestion));
