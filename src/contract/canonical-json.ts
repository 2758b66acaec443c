/** JSON with the properties of each object in the order of their names: two values with the same content are the same text. */
export const canonicalJson = (value: unknown): string => JSON.stringify(value, inKeyOrder);

function inKeyOrder(_name: string, value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}
