import fc from 'fast-check';

/** What happens to a file on its way, or what somebody does to it. */
export type Mutation = (bytes: Buffer) => Buffer;

/** Any place in a file that is not known yet. */
export const place = fc.nat(2 ** 16);
export const placeIn = (bytes: Buffer, where: number): number => (bytes.length === 0 ? 0 : where % bytes.length);

const length = fc.oneof(fc.nat(8), fc.nat(300));
/** Tags and lengths, which change what a parser makes of the rest. */
const TELLING = [0, 1, 2, 3, 4, 5, 6, 0x0c, 0x13, 0x17, 0x18, 0x1e, 0x24, 0x30, 0x31, 0x7f, 0x80, 0x81, 0x82, 0x83, 0x84, 0x88, 0xa0, 0xa3, 0xff];

/** Puts others in the place of so many bytes. */
function put(bytes: Buffer, where: number, count: number, others: Uint8Array): Buffer {
  const from = placeIn(bytes, where);
  return Buffer.concat([bytes.subarray(0, from), others, bytes.subarray(from + count)]);
}
function slice(bytes: Buffer, where: number, count: number): Buffer {
  const from = placeIn(bytes, where);
  return bytes.subarray(from, from + count);
}

const flip = fc.tuple(place, fc.nat(7)).map(([where, bit]): Mutation => (bytes) => put(bytes, where, 1, Buffer.of((bytes[placeIn(bytes, where)] ?? 0) ^ (1 << bit))));
const set = fc.tuple(place, fc.constantFrom(...TELLING)).map(([where, byte]): Mutation => (bytes) => put(bytes, where, 1, Buffer.of(byte)));
const cut = place.map((where): Mutation => (bytes) => bytes.subarray(0, placeIn(bytes, where)));
const remove = fc.tuple(place, length).map(([where, count]): Mutation => (bytes) => put(bytes, where, count, Buffer.alloc(0)));
const insert = fc.tuple(place, fc.uint8Array({ minLength: 1, maxLength: 40 })).map(([where, others]): Mutation => (bytes) => put(bytes, where, 0, others));
const duplicate = fc.tuple(place, place, length).map(([from, where, count]): Mutation => (bytes) => put(bytes, where, 0, slice(bytes, from, count)));
const overwrite = fc.tuple(place, place, length).map(([from, where, count]): Mutation => (bytes) => put(bytes, where, count, slice(bytes, from, count)));

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  { weight: 3, arbitrary: flip }, { weight: 3, arbitrary: set }, ...[cut, remove, insert, duplicate, overwrite].map((arbitrary) => ({ weight: 1, arbitrary })),
);

export const mutations = fc.array(mutation, { minLength: 1, maxLength: 4 });
export const mutated = (bytes: Buffer, all: readonly Mutation[]): Buffer => all.reduce<Buffer>((changed, change) => change(changed), bytes);
