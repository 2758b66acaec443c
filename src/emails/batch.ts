import type { Transcript } from '../smtp/transcript.js';
import type { ConnectionFacts } from '../smtp-session-logs/session-line.js';
import type { Relay } from '../smtp-settings/relay.js';
import type { ClaimedEmail, OpenEmails, Started } from './delivery.repository.js';
import type { MessageSource } from './message-source.js';

/** An e-mail of a batch; `begun` when its attempt has started already and goes on over another connection. */
export interface BatchItem {
  email: ClaimedEmail;
  begun: { started: Started; error: unknown } | null;
}

export interface BatchFacts {
  relay: Relay;
  messages: MessageSource;
  signal: AbortSignal;
  open: OpenEmails;
  /** The relay could not be reached: one connection tries. */
  isProbe: boolean;
}

/** The e-mails of one lease, and how far it is with them. */
export class Batch implements BatchFacts {
  readonly relay: Relay;
  readonly messages: MessageSource;
  readonly signal: AbortSignal;
  readonly open: OpenEmails;
  readonly isProbe: boolean;
  readonly waiting: BatchItem[];
  /** The last connection that was not made, for the log; null while all were. */
  notConnected: { facts: ConnectionFacts; transcript: Transcript } | null = null;
  /** Lanes that have a session, or may still get one. */
  private hopeful: number;

  constructor({ relay, messages, signal, open, isProbe }: BatchFacts, claimed: ClaimedEmail[]) {
    [this.relay, this.messages, this.signal, this.open, this.isProbe] = [relay, messages, signal, open, isProbe];
    this.waiting = claimed.map((email) => ({ email, begun: null }));
    this.hopeful = isProbe ? 1 : Math.min(relay.maxConnections, claimed.length);
  }

  get lanes(): number {
    return this.hopeful;
  }

  get isOver(): boolean {
    return this.waiting.length === 0 || this.signal.aborted;
  }

  /** A lane got no connection. What waits when it was the last one that might: the relay cannot be reached. */
  laneLost(): BatchItem[] {
    this.hopeful -= 1;
    return this.hopeful === 0 ? this.takeAll() : [];
  }

  /** Nothing may start now (a test runs, or the settings changed): only what has begun goes on. */
  holdBack(): void {
    const begun = this.takeAll().filter((item) => item.begun !== null);
    this.waiting.push(...begun);
  }

  takeAll(): BatchItem[] {
    return this.waiting.splice(0);
  }
}
