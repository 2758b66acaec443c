import type { Logger } from '../logger.js';
import type { SessionLogRow } from './smtp-session-logs.repository.js';

export interface LogBufferParts {
  write(rows: readonly SessionLogRow[]): Promise<void>;
  /** Told, when rows could be written again, how many were dropped before. */
  dropped(rows: number): void;
  logger: Logger;
}

/** Of one statement, and of all that waits. Characters are counted, not bytes. */
const BATCH = { rows: 500, characters: 4 * 1024 * 1024 };
const ROOM = { rows: 20_000, characters: 16 * 1024 * 1024 };
/** A success may wait for others; a failure is what somebody looks for now. */
const LAZY_MS = 1_000;
const PROMPT_MS = 50;
const RETRY_MS = 1_000;
const CLOSE_MS = 1_500;

/**
 * Collects rows and writes them together. Adding never waits and never throws: while the database is away rows wait here, in bounded
 * memory, and when there is no more room the oldest are dropped. A process that is killed loses what waits, a second's worth.
 */
export class LogBuffer {
  private rows: SessionLogRow[] = [];
  private characters = 0;
  private lost = 0;
  private dueAt = Infinity;
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> | null = null;
  /** Rows of the statement that runs. */
  private underWay = 0;
  private failed = false;
  private closed = false;

  constructor(private readonly parts: LogBufferParts) {}

  add(row: SessionLogRow, promptly: boolean): void {
    this.rows.push(row);
    this.characters += sizeOf(row);
    this.makeRoom();
    const soonMs = this.isBatchFull() ? 0 : promptly ? PROMPT_MS : LAZY_MS;
    this.flushWithin(this.failed ? RETRY_MS : soonMs);
  }

  /** Writes what waits, for at most 1.5 s. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    let late: NodeJS.Timeout | undefined;
    await Promise.race([this.drain(), new Promise<void>((resolve) => { late = setTimeout(resolve, CLOSE_MS); })]);
    clearTimeout(late);
    const left = this.rows.length + this.underWay;
    if (left > 0) this.parts.logger.warn({ sessions: left }, 'lines of the SMTP session log could not be written before the stop');
  }

  private async drain(): Promise<void> {
    await this.writing;
    while (this.rows.length > 0) {
      await this.flush();
      if (this.failed) return;
    }
  }

  private flushWithin(ms: number): void {
    this.dueAt = Math.min(this.dueAt, Date.now() + ms);
    if (this.writing !== null || this.closed) return; // the end of the write looks again
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.flush(), Math.max(0, this.dueAt - Date.now()));
    this.timer.unref();
  }

  private async flush(): Promise<void> {
    this.dueAt = Infinity;
    const batch = this.takeBatch();
    this.underWay = batch.length;
    this.writing = this.write(batch);
    await this.writing;
    this.writing = null;
    this.underWay = 0;
    if (this.rows.length > 0) this.flushWithin(this.failed ? RETRY_MS : this.isBatchFull() ? 0 : Math.min(LAZY_MS, this.dueAt - Date.now()));
  }

  private async write(batch: SessionLogRow[]): Promise<void> {
    try {
      await this.parts.write(batch);
      this.written();
    } catch (error) {
      if (!this.failed) this.parts.logger.warn({ err: error }, 'the SMTP session log cannot be written; it is tried again every second');
      this.failed = true;
      this.rows = [...batch, ...this.rows];
      this.characters += batch.reduce((sum, row) => sum + sizeOf(row), 0);
      this.makeRoom();
    }
  }

  private written(): void {
    this.failed = false;
    const lost = this.lost;
    this.lost = 0;
    if (lost > 0) this.parts.dropped(lost);
  }

  private takeBatch(): SessionLogRow[] {
    let count = 0;
    let characters = 0;
    for (const row of this.rows.slice(0, BATCH.rows)) {
      if (count > 0 && characters + sizeOf(row) > BATCH.characters) break;
      count += 1;
      characters += sizeOf(row);
    }
    this.characters -= characters;
    return this.rows.splice(0, count);
  }

  /** A tenth at a time: to take one row from the front of a long array costs as much as to take many. */
  private makeRoom(): void {
    while (this.rows.length > ROOM.rows || this.characters > ROOM.characters) {
      const oldest = this.rows.splice(0, Math.ceil(this.rows.length / 10));
      this.characters -= oldest.reduce((sum, row) => sum + sizeOf(row), 0);
      this.lost += oldest.length;
    }
  }

  private isBatchFull(): boolean {
    return this.rows.length >= BATCH.rows || this.characters >= BATCH.characters;
  }
}

const sizeOf = ({ line, transcript }: SessionLogRow): number => line.length + (transcript?.length ?? 0);
