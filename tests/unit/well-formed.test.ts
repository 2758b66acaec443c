import { describe, expect, test } from '@jest/globals';
import type { Request } from 'express';
import { wellFormedBody, wellFormedUrl } from '../../src/http/well-formed.js';

/** What the handlers throw for a request; null when they let it through. */
function faultOf(given: { url?: string; body?: unknown }): unknown {
  const request = { url: '/v1/events', ...given } as Request;
  let passed = 0;
  try {
    for (const handler of [wellFormedUrl, wellFormedBody]) void handler(request, {} as never, () => { passed += 1; });
  } catch (error) {
    return error;
  }
  expect(passed).toBe(2);
  return null;
}
const withKeys = (count: number): object => Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, index]));
const nested = (depth: number): unknown => JSON.parse(`${'[{"a":'.repeat(depth / 2)}1${'}]'.repeat(depth / 2)}`);

describe('lets through', () => {
  test.each<[string, { url?: string; body?: unknown }]>([
    ['no body', {}],
    ['null', { body: null }],
    ['plain values', { body: { a: 'x', b: 1, c: true, d: null, e: [], f: {} } }],
    ['whole pairs', { body: { '😀': '😀' } }],
    ['what is written like an escape', { body: { a: '\\u0000', b: '%00' } }],
    ['20 levels', { body: nested(20) }],
    ['100,000 siblings', { body: Array.from({ length: 100_000 }, (_, index) => ({ index })) }],
    ['objects of 200 properties', { body: { a: [withKeys(200), withKeys(200)] } }],
    ['UTF-8 in the URL', { url: '/v1/event-types?q=%F0%9F%98%80&b=100%&c=%zz' }],
  ])('%s', (_name, request) => {
    expect(faultOf(request)).toBeNull();
  });
});

describe('refuses', () => {
  test.each<[string, unknown, string, string]>([
    ['NUL', { a: ['x', { 'b/c~': 'x\0' }] }, 'TEXT_INVALID', '/a/1/b~1c~0'],
    ['NUL in a name', { a: { 'x\0y': 1 } }, 'TEXT_INVALID', '/a/x\uFFFDy'],
    ['half a pair', { a: '\ud83dx' }, 'TEXT_INVALID', '/a'],
    ['half a pair in a name', { '\udc00': 1 }, 'TEXT_INVALID', '/\uFFFD'],
    ['what became infinite', { a: [1, Infinity] }, 'NUMBER_TOO_LARGE', '/a/1'],
    ['minus infinity', { a: -Infinity }, 'NUMBER_TOO_LARGE', '/a'],
    ['201 properties', { 'a/b': [{}, withKeys(201)] }, 'JSON_TOO_LARGE', '/a~1b/1'],
    ['201 properties of the body itself', withKeys(201), 'JSON_TOO_LARGE', ''],
    ['22 levels', nested(22), 'JSON_TOO_DEEP', '/0/a'.repeat(10)],
  ])('%s, and tells where', (_name, body, code, pointer) => {
    expect(faultOf({ body })).toMatchObject({ kind: 'invalid', code, errors: [{ pointer }] });
  });

  test('with a pointer of bounded length, which is well-formed itself', () => {
    const { errors } = faultOf({ body: { [`${'x'.repeat(10_000)}\0`]: 1 } }) as { errors: { pointer: string }[] };
    expect(errors[0]!.pointer.length).toBeLessThanOrEqual(300);
    expect(errors[0]!.pointer.isWellFormed()).toBe(true);
  });

  test.each(['/a%00b', '/?q=%00'])('NUL in %s', (url) => {
    expect(faultOf({ url })).toMatchObject({ code: 'TEXT_INVALID' });
  });

  test.each(['/%ff', '/?q=%C0%80', '/?q=%ED%A0%80', '/%F0%9F'])('no UTF-8 in %s', (url) => {
    expect(faultOf({ url })).toBeInstanceOf(URIError);
  });
});
