import { performance } from 'node:perf_hooks';
import { printable } from './printable.js';

const LIMIT_BYTES = 64 * 1024;
const LINE_LIMIT = 1_000;

/**
 * The dialogue as people read it: `C:` what we said, `S:` what the server said, `*` what happened, each with seconds since the start.
 * It never sees a secret: credentials are redacted and the message is replaced by its size before a line arrives here.
 * At most 64 KiB; what comes after is dropped, and the last line says so.
 */
export class Transcript {
  readonly #startedAt = performance.now();
  readonly #lines: string[] = [];
  #bytes = 0;
  #full = false;

  client(line: string): void {
    this.#add('C:', line);
  }

  server(line: string): void {
    this.#add('S:', line);
  }

  note(line: string): void {
    this.#add('*', line);
  }

  toString(): string {
    return this.#lines.join('\n');
  }

  #add(who: string, text: string): void {
    if (this.#full) return;
    const line = `${((performance.now() - this.#startedAt) / 1000).toFixed(3)} ${who} ${printable(text, LINE_LIMIT)}`;
    this.#bytes += Buffer.byteLength(line) + 1;
    this.#full = this.#bytes > LIMIT_BYTES - 100;
    this.#lines.push(this.#full ? '* The transcript was cut here, at 64 KiB.' : line);
  }
}
