import type { SmtpFailure } from './failure.js';
import type { StageName } from './stage.js';

export interface Verdict {
  /** `retry`: try again later; `final`: this mail can never be delivered so; `unconfirmed`: the server may have it (RFC 1047). */
  outcome: 'retry' | 'final' | 'unconfirmed';
  /** Whether the relay asked for less: 421 (closing, too many connections) and 452 (out of room). It concerns all mail, not this one. */
  slowDown: boolean;
}

export type ClassifiedFailure = Pick<SmtpFailure, 'code' | 'stage' | 'replyCode' | 'messageHandedOver'>;

/** Stages whose 5xx speak of this mail. Before them a 5xx speaks of the relay's or our own configuration. */
const MAIL_STAGES: ReadonlySet<StageName> = new Set(['mailFrom', 'rcptTo', 'data']);

/** Found out on our side, without a reply: the mail cannot go to this server in any form. */
const FINAL_CODES: ReadonlySet<string> = new Set(['INVALID_ADDRESS', 'SMTPUTF8_REQUIRED', 'EIGHTBITMIME_REQUIRED', 'MESSAGE_TOO_LARGE']);

/**
 * A 5xx to MAIL or RCPT that in truth says "log in first" or "use TLS first" (RFC 4954 §6), or that this machine or its EHLO name is not
 * welcome: settings, not the mail.
 */
const CONFIGURATION_CODES: ReadonlySet<string> = new Set(['AUTH_REQUIRED', 'TLS_REQUIRED', 'CLIENT_REJECTED', 'EHLO_REJECTED']);

/**
 * What a failure means for the mail:
 *
 * | failure                                                                       | outcome       |
 * |-------------------------------------------------------------------------------|---------------|
 * | any loss, time-out or garbage after the final dot, before a reply             | `unconfirmed` |
 * | invalid address, SMTPUTF8 or 8BITMIME missing, larger than the server's SIZE  | `final`       |
 * | 5xx to MAIL, RCPT, DATA or the message                                        | `final`       |
 * | 530, 538 and their like to MAIL (authentication or TLS required)              | `retry`       |
 * | 5xx to MAIL or RCPT that refuses this machine or its EHLO name                | `retry`       |
 * | 5xx to the connection, EHLO, STARTTLS, AUTH                                   | `retry`       |
 * | 4xx anywhere                                                                  | `retry`       |
 * | network, TLS, certificate, time-out, malformed reply before the final dot     | `retry`       |
 *
 * `slowDown` is set for 421 and 452, whatever the outcome. Nothing is lost by a `retry`: an administrator corrects the settings, or the
 * clock of the retries ends.
 */
export function classify(failure: ClassifiedFailure): Verdict {
  const slowDown = failure.replyCode === 421 || failure.replyCode === 452;
  if (failure.messageHandedOver) return { outcome: 'unconfirmed', slowDown };
  return { outcome: isFinal(failure) ? 'final' : 'retry', slowDown };
}

function isFinal({ code, stage, replyCode }: ClassifiedFailure): boolean {
  if (CONFIGURATION_CODES.has(code)) return false;
  // A 4xx is the server's own word that it may work later (452 to SIZE, 452 5.3.4), even where our code alone would be final.
  if (replyCode !== null) return replyCode >= 500 && MAIL_STAGES.has(stage);
  return FINAL_CODES.has(code);
}
