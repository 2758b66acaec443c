import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import type { CertificateFile } from './certificate-file.js';
import { BUSY, PkiFault, type PkiFaultPart } from './pki-fault.js';

export interface ReadQuestion {
  bytes: Uint8Array;
  passphrase: string | null;
}

export type ReadAnswer = { file: CertificateFile } | { fault: { code: string; message: string; part: PkiFaultPart } };

/** The compiled thread: `imports` of package.json names it, since a thread cannot be started from TypeScript. */
const WORKER = createRequire(import.meta.url).resolve('#certificate-file-worker');
const TIMEOUT_MS = 30_000;
/** Each is a thread with some 20 MB of its own. */
const AT_ONCE = 2;
const MAX_WAITING = 50;
const MEMORY = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32 };

/**
 * Reads certificate files in threads, since a PKCS#12 file can ask for seconds of computing, and a hostile one for anything: 30 s and 256 MB of
 * objects for each, two at a time, the others wait their turn.
 */
export class CertificateFileReader {
  private free = AT_ONCE;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly timeoutMs = TIMEOUT_MS) {}

  /** @throws PkiFault; CERTIFICATE_READER_BUSY says nothing about the file */
  async read(bytes: Uint8Array, passphrase: string | null): Promise<CertificateFile> {
    await this.turn();
    const thread = new Worker(WORKER, { workerData: { bytes, passphrase }, resourceLimits: MEMORY, env: {}, execArgv: [], stdout: true, stderr: true });
    try {
      return await answerOf(thread, this.timeoutMs);
    } finally {
      // Its place is free when it has ended, which nobody has to wait for: a thread cannot be stopped in the middle of a computation of OpenSSL.
      void thread.terminate().finally(() => this.release());
    }
  }

  private async turn(): Promise<void> {
    if (this.free > 0) {
      this.free -= 1;
      return;
    }
    if (this.waiting.length >= MAX_WAITING) throw new PkiFault(BUSY, 'Other certificate files are being read. Try again.');
    await new Promise<void>((turn) => this.waiting.push(turn));
  }

  private release(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.free += 1;
  }
}

async function answerOf(thread: Worker, timeoutMs: number): Promise<CertificateFile> {
  let timer: NodeJS.Timeout | undefined;
  try {
    const answer = await new Promise<ReadAnswer>((resolve, reject) => {
      timer = setTimeout(() => reject(tooMuchWork()), timeoutMs);
      thread.once('message', resolve).once('error', (cause) => reject(faultOf(cause))).once('exit', (code) => reject(new Error(`the thread that reads certificate files ended with code ${code}`)));
    });
    if ('file' in answer) return answer.file;
    throw new PkiFault(answer.fault.code, answer.fault.message, answer.fault.part);
  } finally {
    clearTimeout(timer);
  }
}

const tooMuchWork = (): PkiFault =>
  new PkiFault('CERTIFICATE_FILE_TOO_COMPLEX', 'Reading the file took too long. Export it again, with the usual settings and with one key only.');

/** Anything but a lack of memory is a fault of ours, and not of the file. */
const faultOf = (cause: Error): Error =>
  (cause as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY'
    ? new PkiFault('CERTIFICATE_FILE_TOO_COMPLEX', 'Reading the file needs too much memory. Export it again, with the usual settings and with one key only.', 'certificate', { cause })
    : cause;
