import { BlockList, isIP } from 'node:net';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/**
 * Half a sentence on why a text is no URL of a token server, or null. TLS is required (RFC 6749 §3.2), since the client secret goes there;
 * without it only on this machine.
 */
export function tokenUrlFault(text: string): string | null {
  if (!URL.canParse(text) || text !== text.trim()) return 'must be a URL, such as https://login.example.com/oauth2/token';
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'must start with https://';
  if (url.protocol === 'http:' && !isLoopback(url)) return 'must start with https://, because the client secret is sent there; http:// is allowed for localhost only';
  if (url.username || url.password) return 'must not hold a user name or password: they belong into clientId and clientSecret';
  return text.includes('#') ? 'must not have a fragment (#): a token server never sees it' : null;
}

/** The address in the URL, without brackets; null when it has a name. */
export function literalAddress(url: string): string | null {
  const host = bareHost(new URL(url));
  return isIP(host) ? host : null;
}

function isLoopback(url: URL): boolean {
  const host = bareHost(url);
  const family = isIP(host);
  return family === 0 ? host === 'localhost' || host.endsWith('.localhost') : LOOPBACK.check(host, family === 6 ? 'ipv6' : 'ipv4');
}

const bareHost = ({ hostname }: URL): string => hostname.replace(/^\[(.*)\]$/, '$1');
