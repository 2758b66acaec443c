import type { KeyRing } from '../secrets/key-ring.js';

/** Bound in as associated data: a ciphertext that is moved to another row, or another table, does not open. */
export const bindingOf = (owner: KeyOwner, id: string): string => JSON.stringify([owner, 'private-key', id]);

/** What a private key belongs to. */
export type KeyOwner = 'certificate-request' | 'client-certificate';

/** @param pem PKCS#8 */
export const sealPrivateKey = (keys: KeyRing, owner: KeyOwner, id: string, pem: string): string => keys.seal(pem, bindingOf(owner, id));

/** @throws SecretError */
export const openPrivateKey = (keys: KeyRing, owner: KeyOwner, id: string, ciphertext: string): string => keys.open(ciphertext, bindingOf(owner, id));
