import type { Reply } from './replies.js';

/** The service extensions of an EHLO reply (RFC 5321 §4.1.1.1): keyword in upper case → its parameters as one text. */
export function parseExtensions({ lines }: Reply): Map<string, string> {
  const extensions = new Map<string, string>();
  for (const line of lines.slice(1)) {
    // Some old servers say "AUTH=LOGIN PLAIN", often besides the standard line: both are merged.
    const [keyword = '', ...parameters] = line.trim().split(/[\s=]+/);
    const name = keyword.toUpperCase();
    if (name) extensions.set(name, [extensions.get(name), ...parameters].filter(Boolean).join(' '));
  }
  return extensions;
}

/** The largest message the server takes (RFC 1870), or null when it did not say or said 0 for "no fixed limit". */
export function sizeLimit(extensions: ReadonlyMap<string, string>): number | null {
  const limit = Number(extensions.get('SIZE') ?? 0);
  return Number.isSafeInteger(limit) && limit > 0 ? limit : null;
}
