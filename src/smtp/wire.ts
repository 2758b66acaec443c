import type { Socket } from 'node:net';
import { Deadline } from './deadline.js';
import { MalformedReply, redactedReply, ReplyReader, type Reply } from './replies.js';
import type { Transcript } from './transcript.js';

/** Why a wait on the wire ended without what was waited for. `cause` holds the socket's or the reader's error. */
export class WireError extends Error {
  constructor(readonly fault: 'timeout' | 'lost' | 'malformed' | 'aborted', message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'WireError';
  }
}

/**
 * A socket that speaks in commands and replies. One wait is under way at a time, each with a deadline for the whole of it (so a server
 * that trickles bytes gains nothing). It knows how many replies the server owes: one that nobody asked for makes the wire `broken`.
 */
export class Wire {
  #socket: Socket;
  #reader = new ReplyReader();
  readonly #replies: Reply[] = [];
  #owed = 1; // the greeting
  #error: WireError | null = null;
  #unsolicited: string | null = null;
  #deliver: ((reply: Reply) => void) | null = null;
  #reject: ((error: WireError) => void) | null = null;
  readonly #deadline = new Deadline(() => this.#fail(new WireError('timeout', 'The server did not answer in time.')));
  /** Applied to what the server says before anything keeps it; set from the log-in on, since a server may echo the credentials at any time. */
  redact: ((text: string) => string) | null = null;

  constructor(socket: Socket, private readonly transcript: Transcript | null, private readonly signal: AbortSignal | null) {
    this.#socket = socket;
    this.#listen(socket);
    signal?.addEventListener('abort', this.#onAbort);
    if (signal?.aborted) this.#onAbort();
  }

  get socket(): Socket {
    return this.#socket;
  }

  /** Nothing more can be said on this wire. */
  get broken(): boolean {
    return this.#error !== null || this.#unsolicited !== null || this.#reader.midReply;
  }

  /** What the server said without being asked (usually a 421 before it closed), or null. */
  get unsolicited(): string | null {
    return this.#unsolicited;
  }

  /** Replies to commands already sent that nobody has read yet. */
  get pending(): number {
    return this.#error ? this.#replies.length : this.#owed + this.#replies.length;
  }

  /** Sends one line; `shown` stands for it in the transcript when it holds a secret. */
  command(line: string, shown = line): void {
    this.commands([line], [shown]);
  }

  /** Sends lines in one write (RFC 2920); each will be answered. */
  commands(lines: string[], shown = lines): void {
    // The callers have validated each argument; a line break that slipped through would be a command of somebody else's.
    if (lines.some((line) => /[\r\n\0]/.test(line))) throw new Error('A line break in an SMTP command');
    this.assertQuiet();
    if (this.transcript) for (const line of shown) this.transcript.client(line);
    this.#owed += lines.length;
    this.#socket.write(`${lines.join('\r\n')}\r\n`);
  }

  /** The server must not have spoken out of turn before we go on: it may just have said good-bye. */
  assertQuiet(): void {
    if (this.#owed === 0 && this.broken) this.#fail(new WireError('lost', 'The server spoke out of turn.'));
    if (this.#error) throw this.#error;
  }

  /** Sends bytes of the message; with `answered` the server owes the reply to it from now on. */
  data(bytes: Buffer, answered: boolean, onWritten?: () => void): void {
    this.transcript?.client(`(${bytes.length} bytes of the message)`);
    if (answered) this.#owed += 1;
    this.#socket.write(bytes, (error) => { if (!error) onWritten?.(); });
  }

  /** The next reply, at most `ms` from now until it is complete. */
  reply(ms: number): Promise<Reply> {
    const ready = this.#replies.shift();
    if (ready) return Promise.resolve(ready);
    return this.wait(ms, (resolve) => { this.#deliver = resolve; });
  }

  /** Waits at most `ms` for `register`'s callback, or for the end of the connection. */
  wait<T>(ms: number, register: (resolve: (value: T) => void) => void): Promise<T> {
    if (this.#error) return Promise.reject(this.#error);
    this.#deadline.arm(ms);
    return new Promise<T>((resolve, reject) => {
      this.#reject = reject;
      register((value) => {
        if (this.#reject !== reject) return;
        this.#deadline.disarm();
        this.#reject = null;
        resolve(value);
      });
    });
  }

  /**
   * Sends bytes of the message that do not end it, and waits until the operating system has them all. The reply to the message is owed
   * from here on, because a server may refuse it half way: true when it did so and waits to be read.
   */
  async flush(bytes: Buffer, ms: number): Promise<boolean> {
    await this.wait<void>(ms, (resolve) => {
      this.#deliver = (reply) => {
        this.#replies.push(reply);
        resolve();
      };
      this.data(bytes, true, resolve);
    });
    this.#deliver = null;
    return this.#replies.length > 0;
  }

  /** Goes on over another socket on top of this one (TLS). What the server said before is forgotten, nothing is owed. */
  replaceSocket(socket: Socket): void {
    this.#ignore(this.#socket);
    this.#reader = new ReplyReader();
    this.#socket = socket;
    this.#listen(socket);
  }

  destroy(): void {
    this.#fail(new WireError('lost', 'The connection was closed on this side.'));
  }

  readonly #onData = (chunk: Buffer): void => {
    try {
      this.#reader.push(chunk, (reply) => this.#onReply(reply));
    } catch (error) {
      if (!(error instanceof MalformedReply)) throw error;
      const cause = this.redact ? error.withoutExcerpt() : error;
      this.transcript?.note(`The server sent ${cause.message}.`);
      this.#fail(new WireError('malformed', 'The server sent something that is not an SMTP reply.', { cause }));
    }
  };

  #onReply(received: Reply): void {
    const reply = this.redact ? redactedReply(received, this.redact) : received;
    if (this.transcript) this.#record(reply);
    if (this.#owed === 0) {
      this.#unsolicited ??= reply.text;
      return;
    }
    this.#owed -= 1;
    const deliver = this.#deliver;
    this.#deliver = null;
    if (deliver) deliver(reply);
    else this.#replies.push(reply);
  }

  #record({ code, lines }: Reply): void {
    lines.forEach((line, index) => this.transcript?.server(`${code}${index < lines.length - 1 ? '-' : ' '}${line}`));
  }

  readonly #onError = (error: Error): void => this.#fail(new WireError('lost', 'The connection failed.', { cause: error }));
  readonly #onEnd = (): void => this.#fail(new WireError('lost', 'The server closed the connection.'));
  readonly #onAbort = (): void => this.#fail(new WireError('aborted', 'The dialogue was stopped.', { cause: this.signal?.reason }));

  #fail(error: WireError): void {
    if (this.#error) return;
    this.#error = error;
    this.transcript?.note(error.cause instanceof Error && error.fault === 'lost' ? `${error.message} ${error.cause.message}` : error.message);
    this.#deadline.close();
    this.signal?.removeEventListener('abort', this.#onAbort);
    this.#socket.destroy();
    this.#deliver = null;
    this.#reject?.(error);
    this.#reject = null;
  }

  #listen(socket: Socket): void {
    socket.on('data', this.#onData).on('error', this.#onError).on('end', this.#onEnd).on('close', this.#onEnd);
  }

  #ignore(socket: Socket): void {
    socket.off('data', this.#onData).off('error', this.#onError).off('end', this.#onEnd).off('close', this.#onEnd);
    // A failure of the carrier reaches us through the socket on top of it; without a listener it would end the process.
    socket.on('error', () => {});
  }
}
