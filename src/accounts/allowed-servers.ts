import { parseServerAddress } from '../dns/server-address.js';
import { type FieldError, MailroomError } from '../errors.js';

/** @throws MailroomError that lists every entry which is no server address */
export function refuseInvalidServers(servers: readonly string[]): void {
  const errors = servers.flatMap((server, index): FieldError[] => {
    const parsed = parseServerAddress(server);
    return 'fault' in parsed ? [{ pointer: `/allowedServers/${index}`, message: parsed.fault }] : [];
  });
  const [first] = errors;
  if (first !== undefined) throw new MailroomError('invalid', 'SMTP_SERVER_ADDRESS_INVALID', `${first.pointer} ${first.message}.`, errors);
}

/** Whether the password may be sent to this server, however its address is written. */
export const allows = (allowedServers: readonly string[], serverAddress: string): boolean => addedServers(allowedServers, [serverAddress]).length === 0;

/** Those of `next` that `before` does not allow. */
export function addedServers(before: readonly string[], next: readonly string[]): string[] {
  const allowed = new Set(before.map(canonical));
  return next.filter((server) => !allowed.has(canonical(server)));
}

/** One text for all ways to write these servers. */
export const canonicalServers = (servers: readonly string[]): string[] => [...new Set(servers.map(canonical))].sort();

/** In lower case, where that does not make another name of it (σ and ς, ß and ẞ). Each server once. */
export function storedServers(servers: readonly string[]): string[] {
  const lower = servers.map((server) => (canonical(server.toLowerCase()) === canonical(server) ? server.toLowerCase() : server));
  const names = lower.map(canonical);
  return lower.filter((_server, index) => names.indexOf(names[index]!) === index);
}

/** One text for each server: names as A-labels without a final dot, IPv6 addresses in their shortest form (RFC 5952). */
function canonical(server: string): string {
  const parsed = parseServerAddress(server);
  if ('fault' in parsed) return server.toLowerCase();
  return parsed.type === 'ipv6' ? new URL(`http://[${parsed.host}]/`).hostname : parsed.host;
}
