import { isIPv4, isIPv6 } from 'node:net';

const FORM = 'must be an IPv4 address, or an IPv6 address in square brackets, each with a port if it is not 53: 10.0.0.53, 10.0.0.53:5353, [2001:db8::53]:5353';
const MAX_PORT = 65_535;

/** What is wrong with a DNS server as it was entered, as half a sentence that says what to write instead; null when it is right. */
export function dnsServerFault(text: string): string | null {
  if (isIPv6(text)) return `must have its IPv6 address in square brackets: [${text}]`;
  const [, address = '', port] = /^(\[.*\]|[^:[\]]*)(?::(\d{0,9}))?$/.exec(text) ?? [];
  const literal = /^\[(.*)\]$/.exec(address)?.[1];
  if (literal !== undefined && (!isIPv6(literal) || literal.includes('%'))) return 'has no IPv6 address between the brackets';
  if (literal === undefined && !isIPv4(address)) return looksLikeName(address) ? `${FORM}. A name could be looked up only by another DNS server` : FORM;
  if (port !== undefined && !(Number(port) >= 1 && Number(port) <= MAX_PORT)) return `must have a port from 1 to ${MAX_PORT}, or none (53)`;
  return null;
}

const looksLikeName = (text: string): boolean => /[a-z]/i.test(text);
