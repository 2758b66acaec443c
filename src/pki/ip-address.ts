import { isIPv4 } from 'node:net';

/** An address as certificates hold it: 4 or 16 bytes (RFC 5280 §4.2.1.6). @param address an IPv4 or IPv6 literal, without brackets and zone */
export function ipAddressBytes(address: string): ArrayBuffer {
  return Uint8Array.from(isIPv4(address) ? address.split('.').map(Number) : groupsOf(address).flatMap((group) => [group >> 8, group & 0xff])).buffer;
}

/** As text, IPv6 in the form of RFC 5952; hexadecimal digits for what has another length. */
export function ipAddressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) return Buffer.from(bytes).toString('hex');
  const groups = Array.from({ length: 8 }, (_, index) => ((bytes[2 * index]! << 8) | bytes[2 * index + 1]!).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/** Eight groups of 16 bits. The URL parser has written out an IPv4 part. */
function groupsOf(address: string): number[] {
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const [before, after] = [head, tail ?? ''].map((part) => part.split(':').filter(Boolean).map((group) => parseInt(group, 16))) as [number[], number[]];
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}
