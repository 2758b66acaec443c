import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';

export interface Mailbox {
  /** As given: a dot-atom or a quoted string, perhaps with UTF-8 (RFC 6531). */
  local: string;
  /** As given. */
  domain: string;
  /** In lower case, with A-labels (RFC 5890); an address literal stays in its brackets. */
  asciiDomain: string;
  /** The local part is not ASCII: only a server with SMTPUTF8 can take it. */
  needsSmtpUtf8: boolean;
  /** `local@asciiDomain`, as it goes into MAIL, RCPT and the headers. */
  address: string;
}

/** `message` says what is wrong with the address, for the person who typed it. */
export class MailboxError extends Error {
  readonly code = 'INVALID_ADDRESS';
  constructor(message: string) {
    super(message);
    this.name = 'MailboxError';
  }
}

const ATEXT = "[A-Za-z0-9!#$%&'*+\\-/=?^_`{|}~\\u00a1-\\u{10ffff}]";
const DOT_ATOM = new RegExp(`^${ATEXT}+(?:\\.${ATEXT}+)*$`, 'u');
/** RFC 5321 §4.1.2 qtextSMTP and quoted-pairSMTP, with the UTF-8 of RFC 6531 §3.3. */
const QUOTED_STRING = /^"(?:[\x20\x21\x23-\x5b\x5d-\x7e\u00a1-\u{10ffff}]|\\[\x20-\x7e])*"$/u;
const LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;
const ASCII = /^[\x00-\x7f]*$/;

/** The parts of an address such as `ops@example.test` (RFC 5321 Mailbox, with UTF-8). Throws MailboxError. */
export function parseMailbox(text: string): Mailbox {
  if (CONTROL.test(text)) throw new MailboxError('An e-mail address must not contain line breaks or control characters.');
  if (!text.isWellFormed()) throw new MailboxError('The e-mail address contains half of a character (a lone surrogate).');
  const at = text.lastIndexOf('@');
  if (at < 0) throw new MailboxError('The e-mail address has no @.');
  const local = text.slice(0, at);
  const domain = text.slice(at + 1);
  checkLocal(local);
  const asciiDomain = domain.startsWith('[') ? addressLiteral(domain) : domainName(domain);
  return { local, domain, asciiDomain, needsSmtpUtf8: !ASCII.test(local), address: `${local}@${asciiDomain}` };
}

function checkLocal(local: string): void {
  if (local === '') throw new MailboxError('The e-mail address has nothing before the @.');
  if (Buffer.byteLength(local) > 64) throw new MailboxError('The part before the @ is longer than 64 bytes.');
  if (DOT_ATOM.test(local) || QUOTED_STRING.test(local)) return;
  throw new MailboxError(local.startsWith('"') ? 'The quoted part before the @ is not well formed.' : localFault(local));
}

function localFault(local: string): string {
  if (/\s/.test(local)) return 'The part before the @ must not contain spaces.';
  if (/^\.|\.$|\.\./.test(local)) return 'The part before the @ must not start or end with a dot, or have two dots in a row.';
  return 'The part before the @ contains a character that is allowed only inside quotation marks, such as one of ( ) < > [ ] : ; @ \\ , ".';
}

function domainName(domain: string): string {
  const ascii = (ASCII.test(domain) ? domain : domainToASCII(domain)).toLowerCase();
  if (domain === '') throw new MailboxError('The e-mail address has nothing after the @.');
  if (/\s/.test(domain)) throw new MailboxError('The domain must not contain spaces.');
  if (ascii === '') throw new MailboxError(`The domain ${domain} is not a valid internationalised name.`);
  if (ascii.length > 255) throw new MailboxError('The domain is longer than 255 characters.');
  const labels = ascii.split('.');
  labels.forEach(checkLabel);
  if (/^\d+$/.test(labels.at(-1)!)) throw new MailboxError(`An IP address as domain needs square brackets: [${domain}].`);
  return ascii;
}

function checkLabel(label: string): void {
  if (label === '') throw new MailboxError('The domain must not start or end with a dot, or have two dots in a row.');
  if (label.length > 63) throw new MailboxError('A part of the domain between two dots is longer than 63 characters.');
  if (!LABEL.test(label)) throw new MailboxError(`The part “${label}” of the domain may have only letters, digits and, inside, hyphens.`);
}

/** RFC 5321 §4.1.3: `[192.0.2.1]` or `[IPv6:2001:db8::1]`. */
function addressLiteral(domain: string): string {
  const inner = /^\[(.*)\]$/.exec(domain)?.[1] ?? '';
  if (isIPv4(inner)) return domain;
  const ipv6 = /^IPv6:([0-9a-f:.]+)$/i.exec(inner)?.[1];
  if (ipv6 && isIPv6(ipv6)) return `[IPv6:${ipv6.toLowerCase()}]`;
  throw new MailboxError('An address in square brackets after the @ must be as [192.0.2.1] or [IPv6:2001:db8::1].');
}
