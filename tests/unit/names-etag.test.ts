import { expect, test } from '@jest/globals';
import { digestOf, etagOf, livingEtag, namesEtag, namesEtagWeakly, tagsOf } from '../../src/contract/etag.js';

test.each<[string, boolean]>([
  ['"7"', true],
  ['*', true],
  [' * ', true],
  ['"6","7"', true],
  ['"6" , "7" ', true],
  ['"x", *', false],
  ['"6"', false],
  ['"77"', false],
  ['"07"', false],
  ['7', false],
  ['W/"7"', false],
  ['', false],
  [',', false],
  ['"6,7"', false],
  ['"6,7","7"', true],
  [', ,"7",', true],
])('If-Match: %s for version 7: %s', (ifMatch, expected) => {
  expect(namesEtag(ifMatch, etagOf(7))).toBe(expected);
});

test('the tag that is given out is the one that matches', () => {
  expect(namesEtag(etagOf(0), etagOf(0))).toBe(true);
  expect(namesEtag(etagOf(1), etagOf(0))).toBe(false);
});

test.each<[string, ReturnType<typeof tagsOf>]>([
  ['*', '*'], ['"a"', ['"a"']], ['W/"a", "b" ,"c,d"', ['W/"a"', '"b"', '"c,d"']], ['', []], [' , ,', []], ['""', ['""']],
  ['a', null], ['"a', null], ['a"', null], ['"a" "b"', null], ['"a";q=1', null], ['w/"a"', null], ['W/ "a"', null], ['"a b"', null], ['*, "a"', null], ['"a", *', null], ["'a'", null],
])('the tags of %j', (header, expected) => {
  expect(tagsOf(header)).toEqual(expected);
});

test.each<[string, string | null, boolean]>([
  ['"7"', '"7"', true], ['W/"7"', '"7"', true], ['"7"', 'W/"7"', true], ['"6", W/"7"', '"7"', true], ['*', '"7"', true], ['*', null, true],
  ['"6"', '"7"', false], ['"7"', null, false], ['7', '"7"', false], ['', '"7"', false],
])('If-None-Match: %s for %s: %s', (ifNoneMatch, etag, expected) => {
  expect(namesEtagWeakly(ifNoneMatch, etag)).toBe(expected);
});

test('what is shown besides counts for If-None-Match, and not for If-Match', () => {
  const [before, after] = [livingEtag(etagOf(7), { daysLeft: 2 }), livingEtag(etagOf(7), { daysLeft: 1 })];
  expect(before).toMatch(/^"7\.[\w-]{22}"$/);
  expect([namesEtag(before, after), namesEtag(before, etagOf(7)), namesEtagWeakly(before, after)]).toEqual([true, true, false]);
  expect([namesEtag(before, etagOf(8)), namesEtag(livingEtag(digestOf(1), {}), digestOf(2))]).toEqual([false, false]);
});
