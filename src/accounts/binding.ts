import { canonicalServers } from './allowed-servers.js';

/** Bound into the ciphertext of an account's password: it opens neither in another row, nor when servers were added behind Mailroom's back. */
export const bindingOf = ({ id, allowedServers }: { id: string; allowedServers: readonly string[] }): string => JSON.stringify(['account', id, canonicalServers(allowedServers)]);
