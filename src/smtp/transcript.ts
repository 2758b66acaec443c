import { performance } from 'node:perf_hooks';
import { printable } from './printable.js';

const LIMIT_BYTES = 64 * 1024;
const LINE_LIMIT = 1_000;
/** Kept free for a last line that says that the rest is missing. */
const RESERVE_BYTES = 100;

/**
 * The dialogue as people read it: `C:` what we said, `S:` what the server said, `*` what happened, each with seconds since the start.
 * It never sees a secret: credentials are redacted and the message is replaced by its size before a line arrives here.
 * At most 64 KiB; what comes after is dropped, and the last line says so.
 *
 * A session is used for many mails: `mark` at the end of its opening, and `reset` after each mail, so that the transcript is always the
 * opening followed by the present mail.
 */
export class Transcript {
  readonly #startedAt = performance.now();
  #lines: string[] = [];
  #bytes = 0;
  #full = false;
  #marked = { lines: 0, bytes: 0 };

  client(line: string): void {
    this.#add('C:', line);
  }

  server(line: string): void {
    this.#add('S:', line);
  }

  note(line: string): void {
    this.#add('*', line);
  }

  /** What is here now stays when `reset` is called. Of a very long opening half the room is left for what follows. */
  mark(): void {
    if (this.#bytes > LIMIT_BYTES / 2) this.#shorten(LIMIT_BYTES / 2);
    this.#marked = { lines: this.#lines.length, bytes: this.#bytes };
  }

  /** Forgets what came after the mark. */
  reset(): void {
    this.#lines.length = this.#marked.lines;
    this.#bytes = this.#marked.bytes;
    this.#full = false;
  }

  toString(): string {
    return this.#lines.join('\n');
  }

  #add(who: string, text: string): void {
    if (this.#full) return;
    const line = `${((performance.now() - this.#startedAt) / 1000).toFixed(3)} ${who} ${printable(text, LINE_LIMIT)}`;
    if (!this.#push(line, LIMIT_BYTES)) this.#end('* The transcript was cut here, at 64 KiB.');
  }

  /** False when there is no room for it. */
  #push(line: string, limit: number): boolean {
    const bytes = this.#bytes + Buffer.byteLength(line) + 1;
    if (bytes > limit - RESERVE_BYTES) return false;
    this.#lines.push(line);
    this.#bytes = bytes;
    return true;
  }

  #end(note: string): void {
    this.#lines.push(note);
    this.#bytes += note.length + 1;
    this.#full = true;
  }

  #shorten(limit: number): void {
    const lines = this.#lines;
    [this.#lines, this.#bytes] = [[], 0];
    lines.every((line) => this.#push(line, limit));
    this.#end('* The rest of the opening was left out here.');
    this.#full = false;
  }
}
