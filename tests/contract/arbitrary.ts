import fc from 'fast-check';
import { resolve, type Schema } from './examples.js';

/** Values that a schema of the contract accepts. */
export function valid(schema: Schema): fc.Arbitrary<unknown> {
  const plain = resolve(schema);
  const values = plainValues(plain);
  return plain['nullable'] === true && !plain['enum'] ? fc.option(values, { freq: 6 }) : values;
}

function plainValues(schema: Schema): fc.Arbitrary<unknown> {
  if (schema['enum']) return fc.constantFrom(...(schema['enum'] as unknown[]));
  if (schema.oneOf) return fc.oneof(...schema.oneOf.map(valid));
  if (schema.allOf) return valid(schema.allOf[0]!);
  if (schema.type === 'string') return text(schema);
  if (schema.type === 'integer') return fc.integer({ min: number(schema, 'minimum', -1_000), max: number(schema, 'maximum', 1_000) });
  if (schema.type === 'number') return fc.double({ min: number(schema, 'minimum', -1_000), max: number(schema, 'maximum', 1_000), noNaN: true });
  if (schema.type === 'boolean') return fc.boolean();
  if (schema.type === 'array') return fc.array(valid(schema['items'] as Schema), { minLength: number(schema, 'minItems', 0), maxLength: Math.min(number(schema, 'maxItems', 3), 3) });
  return object(schema);
}

function object(schema: Schema): fc.Arbitrary<unknown> {
  const properties = Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, part]) => [name, valid(part)]));
  const fixed = fc.record(properties, { requiredKeys: (schema['required'] as string[] | undefined) ?? [] });
  if (typeof schema['additionalProperties'] !== 'object') return fixed;
  const more = fc.dictionary(fc.stringMatching(/^[A-Z][A-Za-z]{0,9}$/), valid(schema['additionalProperties'] as Schema), { maxKeys: 4 });
  return fc.tuple(more, fixed).map(([one, other]) => ({ ...one, ...(other as object) }));
}

function text(schema: Schema): fc.Arbitrary<string> {
  if (schema['format'] === 'uuid') return fc.uuid({ version: 7 });
  if (schema['format'] === 'date-time') return fc.date({ min: new Date('2020-01-01T00:00:00Z'), max: new Date('2040-01-01T00:00:00Z'), noInvalidDate: true }).map((date) => date.toISOString());
  if (schema['format'] === 'binary') return fc.constant('a file');
  const [minLength, maxLength] = [number(schema, 'minLength', 0), Math.min(number(schema, 'maxLength', 20), 20)];
  if (typeof schema['pattern'] === 'string') return fc.stringMatching(new RegExp(schema['pattern'])).filter(({ length }) => length >= minLength && length <= number(schema, 'maxLength', 1_000));
  // Text of the kind that is meant, so that more than the first check is reached.
  return fc.oneof(fc.string({ minLength, maxLength }), fc.string({ minLength, maxLength, unit: 'grapheme' }), fc.constantFrom('alice@example.com', 'mail.example.com', 'InvoicePaid', '{{ AccountName }}', 'PasswordCheckFailed')
    .filter(({ length }) => length >= minLength && length <= number(schema, 'maxLength', 1_000)));
}

const number = (schema: Schema, name: string, otherwise: number): number => (schema[name] as number | undefined) ?? otherwise;

/** What is no string, number, object … of anybody. */
const ODD = fc.constantFrom<unknown>(null, true, -1, 1e308, '', '\u0000', '\ud800', 'x'.repeat(5_000), [], [[]], {}, { constructor: 1 }, '"', '%00', '../..', '{{', '0', 'null', Number.MAX_SAFE_INTEGER);

/** Values that are mostly refused: a field that is odd, missing, or one too many. */
export function broken(value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.tuple(value, fc.nat(), ODD, fc.constantFrom('replace', 'remove', 'add', 'whole')).map(([whole, place, odd, how]) => {
    if (how === 'whole' || whole === null || typeof whole !== 'object' || Array.isArray(whole)) return odd;
    const names = Object.keys(whole);
    if (how === 'add' || names.length === 0) return { ...whole, nobodyKnowsThis: odd };
    const name = names[place % names.length]!;
    const { [name]: _gone, ...rest } = whole as Record<string, unknown>;
    return how === 'remove' ? rest : { ...rest, [name]: odd };
  });
}
