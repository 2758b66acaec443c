import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';

/** `host` is what DNS, sockets and certificates use: an A-label name in lower case, or an IP address without brackets. */
export interface ServerAddress {
  type: 'name' | 'ipv4' | 'ipv6';
  host: string;
}

const LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/;

/**
 * Reads a server address as people write it: a host name (IDN allowed), an IPv4 address, or an IPv6 address in square brackets, without
 * a port. A fault is half a sentence that says what to write instead.
 */
export function parseServerAddress(text: string): ServerAddress | { fault: string } {
  if (isIPv4(text)) return { type: 'ipv4', host: text };
  if (isIPv6(text)) return { fault: `must have an IPv6 address in square brackets: [${text}]` };
  const literal = /^\[(.*)\]$/.exec(text)?.[1];
  if (literal !== undefined) return isIPv6(literal) && !literal.includes('%') ? { type: 'ipv6', host: literal.toLowerCase() } : { fault: 'has no IPv6 address between the brackets' };
  return parseName(text);
}

function parseName(text: string): ServerAddress | { fault: string } {
  const host = domainToASCII(text).replace(/\.$/, '');
  const labels = host.split('.');
  if (/[\s/\\@:?#%]/.test(text) || host === '' || host.length > 253 || !labels.every((label) => LABEL.test(label))) {
    return { fault: 'must be a host name (mail.example.com), an IPv4 address, or an IPv6 address in square brackets ([2001:db8::25]), without a port' };
  }
  if (/^\d+$/.test(labels.at(-1)!)) return { fault: 'is neither a host name nor a valid IPv4 address' };
  return { type: 'name', host };
}
