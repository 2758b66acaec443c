import { constants, copyFile, open, stat, truncate, type FileHandle } from 'node:fs/promises';

const MAX_BYTES = 5 * 1024 * 1024;
const CHECK_MS = 60_000;
/** The lines of Postgres and initdb that give the reason; what follows them is only tidying up. */
const REASON = /(?:FATAL|PANIC|ERROR|error|fatal):\s+(.*)/;

/**
 * Postgres' log, `postgres.log` in the data folder (0600), and one older one, `postgres.log.1`; each about 5 MB at most. Mailroom opens it and
 * Postgres inherits it, because the account that Postgres runs as may be unable to enter the data folder.
 */
export class LogFile {
  private timer: NodeJS.Timeout | undefined;

  private constructor(readonly path: string, private readonly handle: FileHandle) {}

  static async open(file: string): Promise<LogFile> {
    // Appending, so that what a server inherited goes on at the new end when the file is cut.
    const log = new LogFile(file, await open(file, constants.O_CREAT | constants.O_APPEND | constants.O_RDWR | constants.O_NOFOLLOW, 0o600));
    await log.bound();
    log.timer = setInterval(() => void log.bound().catch((error: Error) => process.emitWarning(error)), CHECK_MS).unref();
    return log;
  }

  get descriptor(): number {
    return this.handle.fd;
  }

  async append(text: string): Promise<void> {
    await this.handle.appendFile(text);
  }

  async size(): Promise<number> {
    return (await this.handle.stat()).size;
  }

  async since(offset: number): Promise<string> {
    const { buffer, bytesRead } = await this.handle.read({ buffer: Buffer.alloc(256 * 1024), position: offset });
    return buffer.toString('utf8', 0, bytesRead);
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.handle.close();
  }

  private async bound(): Promise<void> {
    if ((await stat(this.path)).size <= MAX_BYTES) return;
    await copyFile(this.path, `${this.path}.1`);
    await truncate(this.path, 0);
  }
}

/** The line that says most about a failure. */
export function usefulLine(output: string): string {
  return REASON.exec(output)?.[1]?.trim() ?? output.trim().split('\n').at(-1) ?? '';
}
