/** Bound into the ciphertext of an account's password: moved to another row it does not open. */
export const bindingOf = (id: string): string => JSON.stringify(['account', id]);
