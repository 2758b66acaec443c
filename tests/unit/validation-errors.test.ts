import { ValidationService } from '@tsoa/runtime';
import { describe, expect, test } from '@jest/globals';
import { repairArrayPaths, toFieldErrors } from '../../src/http/validation-errors.js';

const UNION = 'Could not match the union against any of the items. Issues: ';
const union = (...branches: Record<string, string>[]): string =>
  `${UNION}${JSON.stringify(branches.map((branch) => Object.fromEntries(Object.entries(branch).map(([path, message]) => [path, { message, value: 'hunter2' }]))))}`;
const one = (path: string, message: string) => toFieldErrors({ [path]: { message, value: 'hunter2' } });
const SECRET = expect.not.stringContaining('hunter2');

describe('places', () => {
  test.each<[string, object]>([
    ['body', { pointer: '' }],
    ['body.type', { pointer: '/type' }],
    ['body.events.$0', { pointer: '/events/0' }],
    ['body.events.$12.properties.A', { pointer: '/events/12/properties/A' }],
    ['body.a/b~c', { pointer: '/a~1b~0c' }],
    ['query.limit', { parameter: 'limit' }],
    ['id', { parameter: 'id' }],
    ['Idempotency-Key', { parameter: 'Idempotency-Key' }],
  ])('%s', (path, place) => {
    expect(one(path, 'x')).toEqual([{ ...place, message: 'x' }]);
  });
});

describe('sentences', () => {
  test.each([
    ["'type' is required", 'is required'],
    ['invalid string value', 'must be a string'],
    ['invalid integer number', 'must be a number'],
    ['invalid float number', 'must be a number'],
    ['invalid boolean value', 'must be true or false'],
    ['invalid object', 'must be an object'],
    ['invalid array', 'must be an array'],
    ['"typo" is an excess property and therefore is not allowed', 'is not a known property'],
    ["should be one of the following; ['none','startTls']", 'must be one of "none", "startTls"'],
    ['must have 1 to 255 characters', 'must have 1 to 255 characters'],
  ])('%s → %s', (message, sentence) => {
    expect(one('body.x', message)).toEqual([{ pointer: '/x', message: sentence }]);
  });

  test('a fault without words still is one', () => {
    expect(toFieldErrors({ 'body.x': {} as never })).toEqual([{ pointer: '/x', message: 'is not valid' }]);
  });
});

describe('unions', () => {
  const literal = (value: string): string => `should be one of the following; ['${value}']`;

  test.each<[string, Record<string, string>[], object[]]>([
    ['of literals are one list', [{ 'body.x': literal('a') }, { 'body.x': literal('b') }], [{ pointer: '/x', message: 'must be one of "a", "b"' }]],
    ['whose type fits no branch tell the types',
      [{ 'body.x.type': literal('none') }, { 'body.x.type': literal('password'), 'body.x.accountName': "'accountName' is required" }],
      [{ pointer: '/x/type', message: 'must be one of "none", "password"' }]],
    ['speak of the branch whose type fits',
      [{ 'body.x.type': literal('none'), 'body.x.password': '"password" is an excess property and therefore is not allowed' }, { 'body.x.accountName': 'invalid string value' }],
      [{ pointer: '/x/accountName', message: 'must be a string' }]],
    ['without types speak of the branch with the fewest faults', [{ 'body.x.a': 'invalid object', 'body.x.b': 'invalid array' }, { 'body.x.c': 'invalid boolean value' }],
      [{ pointer: '/x/c', message: 'must be true or false' }]],
    ['inside unions are opened too', [{ 'body.x.y': union({ 'body.x.y.z': 'invalid array' }) }], [{ pointer: '/x/y/z', message: 'must be an array' }]],
  ])('%s, and no submitted value comes along', (_name, branches, expected) => {
    const errors = one('body.x', union(...branches));
    expect(errors).toEqual(expected);
    expect(JSON.stringify(errors)).toEqual(SECRET);
  });

  test('intersections tell the faults of every part', () => {
    const parts = JSON.stringify([{ 'body.a': { message: 'invalid object' } }, { 'body.b': { message: 'invalid array' } }]);
    expect(one('body', `Could not match the intersection against every type. Issues: ${parts}`)).toEqual([
      { pointer: '/a', message: 'must be an object' }, { pointer: '/b', message: 'must be an array' },
    ]);
  });
});

describe('the path of a fault inside a list', () => {
  const pathsOf = (): string[] => {
    const errors = {};
    const events = { dataType: 'array', array: { dataType: 'nestedObjectLiteral', nestedProperties: { type: { dataType: 'string', required: true } } } } as const;
    new ValidationService({}, { noImplicitAdditionalProperties: 'throw-on-extras', bodyCoercion: false })
      .ValidateParam({ dataType: 'nestedObjectLiteral', nestedProperties: { events } }, { events: [{ type: 'x' }, { type: 5 }] }, 'body', errors, true);
    return Object.keys(errors);
  };

  test('is lost by tsoa, so the repair is still needed; it repairs, also when it is made twice', () => {
    expect(pathsOf()).not.toEqual(['body.events.$1.type']);
    repairArrayPaths();
    repairArrayPaths();
    expect(pathsOf()).toEqual(['body.events.$1.type']);
  });
});
