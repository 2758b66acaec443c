import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import type { CertificateFile } from './certificate-file.js';
import { PkiFault, type PkiFaultPart } from './pki-fault.js';

export interface ReadQuestion {
  bytes: Uint8Array;
  passphrase: string | null;
}

export type ReadAnswer = { file: CertificateFile } | { fault: { code: string; message: string; part: PkiFaultPart } };

/** The compiled thread: `imports` of package.json names it, since a thread cannot be started from TypeScript. */
const WORKER = createRequire(import.meta.url).resolve('#certificate-file-worker');
const TIMEOUT_MS = 20_000;
/** Each is a thread with some 20 MB of its own. */
const AT_ONCE = 2;
const MEMORY = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32 };

/**
 * Reads certificate files in threads, since a PKCS#12 file can ask for seconds of computing, and a hostile one for anything: 20 s and 256 MB
 * for each, two at a time, the others wait their turn.
 */
export class CertificateFileReader {
  private free = AT_ONCE;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly timeoutMs = TIMEOUT_MS) {}

  /** @throws PkiFault */
  async read(bytes: Uint8Array, passphrase: string | null): Promise<CertificateFile> {
    if (this.free === 0) await new Promise<void>((turn) => this.waiting.push(turn));
    else this.free -= 1;
    try {
      return await readInThread({ bytes, passphrase }, this.timeoutMs);
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.free += 1;
    }
  }
}

async function readInThread(question: ReadQuestion, timeoutMs: number): Promise<CertificateFile> {
  const thread = new Worker(WORKER, { workerData: question, resourceLimits: MEMORY, env: {}, execArgv: [], stdout: true, stderr: true });
  let timer: NodeJS.Timeout | undefined;
  try {
    const answer = await new Promise<ReadAnswer>((resolve, reject) => {
      timer = setTimeout(() => reject(tooMuchWork()), timeoutMs);
      thread.once('message', resolve).once('error', (cause) => reject(unusable(cause))).once('exit', () => reject(unusable(undefined)));
    });
    if ('file' in answer) return answer.file;
    throw new PkiFault(answer.fault.code, answer.fault.message, answer.fault.part);
  } finally {
    clearTimeout(timer);
    await thread.terminate();
  }
}

const tooMuchWork = (): PkiFault =>
  new PkiFault('CERTIFICATE_FILE_TOO_COMPLEX', 'Reading the file took too long. Export it again, with the usual settings and with one key only.');

const unusable = (cause: unknown): PkiFault =>
  new PkiFault('CERTIFICATE_FILE_TOO_COMPLEX', 'The file could not be read: it is damaged in an unusual way, or needs too much memory. Export it again.', 'certificate', { cause });
