import type { Stage, StageName } from './stage.js';
import type { TlsFacts } from './tls-facts.js';

/** The codes of a wait that ended without an answer. */
const TIMEOUT_CODES = new Set(['CONNECT_TIMEOUT', 'TLS_TIMEOUT', 'GREETING_TIMEOUT', 'COMMAND_TIMEOUT', 'DATA_TIMEOUT', 'OAUTH2_TIMEOUT', 'TIMED_OUT']);

export interface FailureDetails {
  code: string;
  stage: StageName;
  /** A sentence that a person understands. */
  message: string;
  /** What to change. */
  hint: string;
  address: string;
  reply?: string | null;
  replyCode?: number | null;
  enhancedCode?: string | null;
  messageHandedOver?: boolean;
  cause?: unknown;
}

/**
 * A dialogue that did not end with an accepted mail (or an open session): the stage it failed in, a stable code, and the server's words.
 * `messageHandedOver` is true from the moment the final dot may have left until a reply came: then nobody knows whether the server took
 * the mail (RFC 1047), and it must not be sent again without thought.
 */
export class SmtpFailure extends Error {
  readonly code: string;
  readonly stage: StageName;
  readonly hint: string;
  readonly address: string;
  /** On one line, made printable; starts with the reply code. */
  readonly reply: string | null;
  readonly replyCode: number | null;
  /** RFC 3463, such as `5.7.1`. */
  readonly enhancedCode: string | null;
  readonly messageHandedOver: boolean;
  /** The stages of this operation, the failed one last. */
  stages: readonly Stage[] = [];
  /** What was agreed and shown in TLS, as far as it came. */
  tls: TlsFacts | null = null;

  constructor(details: FailureDetails) {
    super(details.message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'SmtpFailure';
    this.code = details.code;
    this.stage = details.stage;
    this.hint = details.hint;
    this.address = details.address;
    this.reply = details.reply ?? null;
    this.replyCode = details.replyCode ?? null;
    this.enhancedCode = details.enhancedCode ?? null;
    this.messageHandedOver = details.messageHandedOver ?? false;
  }

  /** Whether the server simply did not answer in time. */
  get timedOut(): boolean {
    return TIMEOUT_CODES.has(this.code);
  }
}
