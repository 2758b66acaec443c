import { connect, isIPv6, type Socket } from 'node:net';
import { completed, Dialogue } from './dialogue.js';
import type { RelayEndpoint } from './endpoint.js';
import { planEnvelope } from './envelope.js';
import { SmtpFailure } from './failure.js';
import { connected, ehlo, greeting, immediateTls, logIn, startTls, validClientHostname, warn } from './opening.js';
import { eightBitNeeds, resetAfter, transact, type Accepted } from './send.js';
import type { Stage } from './stage.js';
import type { TlsFacts } from './tls-facts.js';
import type { Transcript } from './transcript.js';
import { Wire } from './wire.js';

export interface SessionOptions {
  /** Ends the session at any time, also after it was opened. `AbortSignal.timeout()` makes it a time-out. */
  signal?: AbortSignal;
  /** Called at the end of each stage, of the opening, of each mail and of the end. */
  onStage?: (stage: Stage) => void;
  transcript?: Transcript;
}

export interface Mail {
  /** Empty for the null sender. */
  from: string;
  to: string;
  message: Buffer;
}

export interface SmtpSession {
  readonly endpoint: RelayEndpoint;
  /** Of the opening, and `quit`. Those of a mail are in what `send` returns or throws. */
  readonly stages: readonly Stage[];
  readonly tls: TlsFacts | null;
  /** The server's own name from its 220. */
  readonly greetingHost: string;
  /** Keyword in upper case → parameters, of the last EHLO. */
  readonly extensions: ReadonlyMap<string, string>;
  /** A mail can be sent now: the connection stands and no other mail is under way. */
  readonly usable: boolean;
  /** MAIL, RCPT, DATA and the message. `onHandover` is called just before the final dot may leave; when it throws, the mail is not sent and the session ends. Throws SmtpFailure. One mail at a time. */
  send(mail: Mail, options?: { onHandover?: () => void }): Promise<Accepted>;
  /** QUIT, and the end of the connection. Never throws. */
  quit(): Promise<void>;
  destroy(): void;
}

/**
 * Opens a session with one address of a relay: connect, greeting, EHLO, STARTTLS or TLS, AUTH. Every wait is bounded by the endpoint's
 * timeouts. Throws SmtpFailure, with the stages so far, and leaves no socket behind.
 */
export async function openSession(endpoint: RelayEndpoint, options: SessionOptions = {}): Promise<SmtpSession> {
  validClientHostname(endpoint);
  const dialogue = new Dialogue(endpoint, new Wire(dial(endpoint), options.transcript ?? null, options.signal ?? null), options.onStage ?? null);
  const stages: Stage[] = [];
  try {
    await dialogue.run(stages, 'connect', () => connected(dialogue));
    if (endpoint.security === 'smtps') await dialogue.run(stages, 'tls', (stage) => immediateTls(dialogue, stage));
    await dialogue.run(stages, 'greeting', (stage) => greeting(dialogue, stage));
    await dialogue.run(stages, 'ehlo', (stage) => ehlo(dialogue, stage));
    if (endpoint.security === 'startTls') {
      await dialogue.run(stages, 'startTls', (stage) => startTls(dialogue, stage));
      await dialogue.run(stages, 'ehlo', (stage) => ehlo(dialogue, stage));
    }
    await logIn(dialogue, stages);
    return new OpenSession(dialogue, stages);
  } catch (error) {
    dialogue.wire.destroy();
    throw error;
  }
}

function dial({ address, port }: RelayEndpoint): Socket {
  return connect({ host: address, port, family: isIPv6(address) ? 6 : 4, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 });
}

/** A server has no reason to think long about QUIT. */
const QUIT_MS = 5_000;

class OpenSession implements SmtpSession {
  #busy = false;

  constructor(private readonly dialogue: Dialogue, readonly stages: Stage[]) {}

  get endpoint(): RelayEndpoint { return this.dialogue.endpoint; }
  get tls(): TlsFacts | null { return this.dialogue.tls; }
  get greetingHost(): string { return this.dialogue.greetingHost; }
  get extensions(): ReadonlyMap<string, string> { return this.dialogue.extensions; }
  get usable(): boolean { return !this.#busy && !this.dialogue.wire.broken; }

  async send({ from, to, message }: Mail, options: { onHandover?: () => void } = {}): Promise<Accepted> {
    if (this.#busy) throw new Error('The SMTP session is sending another mail.');
    const envelope = planEnvelope({ from, to, size: message.length, ...eightBitNeeds(message) }, this.endpoint, this.extensions);
    this.#busy = true;
    try {
      return await transact(this.dialogue, envelope, message, options.onHandover);
    } catch (error) {
      if (!(error instanceof SmtpFailure) || error.replyCode === 421 || !await resetAfter(this.dialogue)) this.destroy();
      throw error;
    } finally {
      this.#busy = false;
    }
  }

  async quit(): Promise<void> {
    if (this.usable) await this.dialogue.run(this.stages, 'quit', (stage) => this.#farewell(stage));
    this.destroy();
  }

  destroy(): void {
    this.dialogue.wire.destroy();
  }

  /** All mails are safe by now: a server that does not answer QUIT is worth a warning and no more. */
  async #farewell(stage: Stage): Promise<void> {
    try {
      this.dialogue.wire.command('QUIT');
      await this.dialogue.expect(stage, Math.min(QUIT_MS, this.endpoint.timeouts.commandMs), completed);
    } catch (error) {
      const failure = this.dialogue.explain(error, 'quit');
      if (!(failure instanceof SmtpFailure)) throw failure;
      warn(stage, failure.code, failure.message, failure.hint);
    }
  }
}
