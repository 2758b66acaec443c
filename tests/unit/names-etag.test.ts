import { expect, test } from '@jest/globals';
import { etagOf, namesEtag } from '../../src/contract/etag.js';

test.each<[string, boolean]>([
  ['"7"', true],
  ['*', true],
  [' * ', true],
  ['"6","7"', true],
  ['"6" , "7" ', true],
  ['"x", *', true],
  ['"6"', false],
  ['"77"', false],
  ['"07"', false],
  ['7', false],
  ['W/"7"', false],
  ['', false],
  [',', false],
  ['"6,7"', false],
])('If-Match: %s for version 7: %s', (ifMatch, expected) => {
  expect(namesEtag(ifMatch, etagOf(7))).toBe(expected);
});

test('the tag that is given out is the one that matches', () => {
  expect(namesEtag(etagOf(0), etagOf(0))).toBe(true);
  expect(namesEtag(etagOf(1), etagOf(0))).toBe(false);
});
