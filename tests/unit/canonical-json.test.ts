import { expect, test } from '@jest/globals';
import { canonicalJson } from '../../src/contract/canonical-json.js';

test.each<[unknown, string]>([
  [{ b: 1, a: { d: null, c: 'x' } }, '{"a":{"c":"x","d":null},"b":1}'],
  [[{ b: 1, a: 2 }, 'z', 3], '[{"a":2,"b":1},"z",3]'],
  [{ B: 1, a: 2, A: 3 }, '{"A":3,"B":1,"a":2}'],
  [JSON.parse('{"b":1,"__proto__":{"y":1,"x":2}}'), '{"__proto__":{"x":2,"y":1},"b":1}'],
  [null, 'null'],
  ['text', '"text"'],
])('%j', (value, json) => {
  expect(canonicalJson(value)).toBe(json);
});

test('the order of a list is part of its content', () => {
  expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
});
