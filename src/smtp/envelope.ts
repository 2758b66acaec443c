import { describeRelay, type RelayEndpoint } from './endpoint.js';
import { sizeLimit } from './extensions.js';
import { SmtpFailure, type FailureDetails } from './failure.js';
import { parseMailbox, type Mailbox } from './mailbox.js';
import type { StageName } from './stage.js';

/** What MAIL and RCPT will say: checked, so that no byte is written for a mail that cannot go. */
export interface Envelope {
  mail: string;
  rcpt: string;
}

export interface EnvelopeInput {
  /** Empty for the null sender (RFC 5321 §4.5.5). */
  from: string;
  to: string;
  /** Bytes. */
  size: number;
  eightBit: boolean;
  utf8Headers: boolean;
}

/** MAIL and RCPT with the parameters that the mail needs and the server offers. Throws SmtpFailure when it does not offer what is needed. */
export function planEnvelope(input: EnvelopeInput, endpoint: RelayEndpoint, extensions: ReadonlyMap<string, string>): Envelope {
  const from = input.from === '' ? null : mailbox(input.from, 'mailFrom', endpoint);
  const to = mailbox(input.to, 'rcptTo', endpoint);
  const smtpUtf8 = input.utf8Headers || to.needsSmtpUtf8 || from?.needsSmtpUtf8 === true;
  checkOffers(input, smtpUtf8, endpoint, extensions);
  const parameters = [
    extensions.has('SIZE') && `SIZE=${input.size}`, // RFC 1870
    input.eightBit && 'BODY=8BITMIME', // RFC 6152
    smtpUtf8 && 'SMTPUTF8', // RFC 6531
  ].filter(Boolean);
  return { mail: [`MAIL FROM:<${from?.address ?? ''}>`, ...parameters].join(' '), rcpt: `RCPT TO:<${to.address}>` };
}

function checkOffers(input: EnvelopeInput, smtpUtf8: boolean, endpoint: RelayEndpoint, extensions: ReadonlyMap<string, string>): void {
  const relay = describeRelay(endpoint);
  const limit = sizeLimit(extensions);
  if (limit !== null && input.size > limit) {
    throw refused('MESSAGE_TOO_LARGE', endpoint, `The message has ${input.size} bytes, and ${relay} takes at most ${limit}.`,
      'Shorten the template, or raise the size limit of the server.');
  }
  if (smtpUtf8 && !extensions.has('SMTPUTF8')) {
    throw refused('SMTPUTF8_REQUIRED', endpoint,
      `An address of this mail has other than ASCII characters before the @, and ${relay} does not support that (SMTPUTF8).`,
      'Use an ASCII address, or a server with SMTPUTF8.');
  }
  if (input.eightBit && !extensions.has('8BITMIME')) {
    throw refused('EIGHTBITMIME_REQUIRED', endpoint, `The message has 8-bit characters, and ${relay} takes only 7-bit ones (no 8BITMIME).`,
      'Use a server with 8BITMIME.');
  }
}

function mailbox(text: string, stage: StageName, endpoint: RelayEndpoint): Mailbox {
  try {
    return parseMailbox(text);
  } catch (cause) {
    throw refused('INVALID_ADDRESS', endpoint, (cause as Error).message,
      `Correct the ${stage === 'mailFrom' ? 'sender' : 'recipient'} address.`, { stage, cause });
  }
}

const refused = (code: string, { address }: RelayEndpoint, message: string, hint: string, more: Partial<FailureDetails> = {}): SmtpFailure =>
  new SmtpFailure({ code, stage: 'mailFrom', address, message, hint, ...more });
