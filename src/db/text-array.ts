/** The type `text` in the catalogue of every Postgres. */
const TEXT_OID = 25;
const NULL_LENGTH = -1;

/**
 * A parameter of type text[] as Postgres' wire format has it in binary (array_recv): its texts go as they are, with nothing to escape and nothing to parse,
 * which for the contents of mails is much cheaper than an array in words or JSON.
 * @throws by the server, when a text holds NUL; half of a surrogate pair becomes U+FFFD
 */
export function textArray(texts: readonly (string | null)[]): Buffer {
  const lengths = texts.map((text) => (text === null ? NULL_LENGTH : Buffer.byteLength(text)));
  const array = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + 4 + Math.max(0, length), 20));
  let at = 0;
  const put = (number: number): void => { at = array.writeInt32BE(number, at); };
  const [dimensions, hasNulls, lowerBound] = [1, Number(texts.includes(null)), 1];
  for (const number of [dimensions, hasNulls, TEXT_OID, texts.length, lowerBound]) put(number);
  texts.forEach((text, index) => {
    put(lengths[index]!);
    if (text !== null) at += array.write(text, at);
  });
  return array;
}
