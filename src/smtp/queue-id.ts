/** The replies of the common servers to an accepted message, with the place of their queue id. The first match wins. */
const PATTERNS: readonly RegExp[] = [
  /\[InternalId=(\d+)/i, // Exchange
  /\bqueued (?:as|with id) <?([^\s<>;,()]+)/i, // Postfix, Halon, SendGrid, Stalwart
  /\bqueued \(([0-9a-f-]{20,}(?:\.\d+)?)\)/i, // Haraka
  /\bids?=([^\s;,()]+)/i, // Exim, KumoMTA
  /^(\S*\d\S*) Message accepted for delivery/i, // sendmail, OpenSMTPD
  /\bMessage (\d+) accepted/i, // Cisco ESA
  /\bqp (\d+)/i, // qmail
  /^OK +\d{9,} (\S+) - gsmtp/i, // Gmail
  /^OK ([0-9a-f]{12,}[0-9a-f-]{10,})$/i, // Amazon SES
];

/** The id under which the server queued the message, from the lines of its reply (RFC 5321 leaves the text free), or null. At most 128 characters. */
export function parseQueueId(text: string): string | null {
  const words = text.replace(/^\d{3}[ -]/, '').replace(/^[245]\.\d{1,3}\.\d{1,3} /, '');
  for (const pattern of PATTERNS) {
    const id = pattern.exec(words)?.[1]?.replace(/[.,;:]+$/, '');
    if (id) return id.slice(0, 128);
  }
  return null;
}
