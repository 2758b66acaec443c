import { readFileSync } from 'node:fs';
import { type FieldErrors, type TsoaRoute, ValidationService } from '@tsoa/runtime';
import { describe, expect, test } from '@jest/globals';
import { repairValidation } from '../../src/http/repair-validation.js';
import { MAX_FAULTS, toFieldErrors } from '../../src/http/validation-errors.js';

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
    ['invalid integer number', 'must be a whole number'],
    ['invalid float number', 'must be a number'],
    ['invalid boolean value', 'must be true or false'],
    ['invalid object', 'must be an object'],
    ['invalid array', 'must be an array'],
    ['"typo" is an excess property and therefore is not allowed', 'is not a known property'],
    ['"two\nlines" is an excess property and therefore is not allowed', 'is not a known property'],
    ['minLength 1', 'must have at least 1 characters'],
    ['maxLength 512', 'must have at most 512 characters'],
    ['min 0.5', 'must be at least 0.5'],
    ['max -1', 'must be at most -1'],
    ['minItems 1', 'must hold at least 1 items'],
    ['maxItems 10', 'must hold at most 10 items'],
    ['required unique array', 'must not hold the same item twice'],
    ["Not match in '^a$'", 'must have the form that the contract gives for it'],
    ['invalid undefined value', 'must be left out'],
    ['No matching model found in additionalProperties to validate x', 'must be one of the forms that the contract allows'],
    ['Could not match intersection against any of the possible combinations: [["a"]]', 'must be one of the forms that the contract allows'],
    ["should be one of the following; ['none','startTls']", 'must be one of "none", "startTls"'],
    ['must have 1 to 255 characters', 'must have 1 to 255 characters'],
  ])('%s → %s', (message, sentence) => {
    expect(one('body.x', message)).toEqual([{ pointer: '/x', message: sentence }]);
  });

  test('the limits of the contract have sentences that say what to do', () => {
    const routes = readFileSync(new URL('../../src/http/generated/routes.ts', import.meta.url), 'utf8');
    const messages = [...routes.matchAll(/"errorMsg":"((?:[^"\\]|\\.)*)"/g)].map(([, message]) => message);
    expect(messages.length).toBeGreaterThan(50);
    expect(messages.filter((message) => !/^must \S/.test(message!))).toEqual([]);
  });

  test('no more than 100 faults are told, and no place in more than 300 characters', () => {
    const fields = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`body.events.$${index}`, { message: 'invalid object' }]));
    const told = toFieldErrors(fields);
    expect(told).toHaveLength(100);
    expect(told.at(-1)).toEqual({ pointer: '/events/99', message: 'must be an object' });
    expect(one(`body.${'x'.repeat(1_000)}`, 'invalid object')[0]!.pointer).toHaveLength(300);
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
    ['of plain types tell them all',
      [{ 'body.x': 'invalid string value' }, { 'body.x': 'invalid float number' }, { 'body.x': 'invalid boolean value' }, { 'body.x': 'should be one of the following; [null]' }],
      [{ pointer: '/x', message: 'must be a string, a number, true, false or null' }]],
    ['that may be null say so', [{ 'body.x': 'invalid object' }, { 'body.x': 'should be one of the following; [null]' }], [{ pointer: '/x', message: 'must be an object or null' }]],
    ['of literals and a type tell both', [{ 'body.x': literal('none') }, { 'body.x': 'invalid integer number' }], [{ pointer: '/x', message: 'must be "none" or a whole number' }]],
    ['of objects alike tell it once', [{ 'body.x': 'invalid object' }, { 'body.x': 'invalid object' }], [{ pointer: '/x', message: 'must be an object' }]],
    ['of plain types in a union are told together',
      [{ 'body.x': union({ 'body.x': 'invalid string value' }, { 'body.x': 'invalid array' }) }, { 'body.x': 'should be one of the following; [null]' }],
      [{ pointer: '/x', message: 'must be a string, an array or null' }]],
    ['that may be null speak of a value that is not', [{ 'body.x': 'should be one of the following; [null]' }, { 'body.x': 'must have 1 to 255 characters' }],
      [{ pointer: '/x', message: 'must have 1 to 255 characters' }]],
    ['that may be null speak of the type of an object',
      [{ 'body.x.kind': literal('a') }, { 'body.x.kind': literal('b') }, { 'body.x': 'should be one of the following; [null]' }], [{ pointer: '/x/kind', message: 'must be one of "a", "b"' }]],
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

describe('the validation of tsoa', () => {
  type Schema = TsoaRoute.PropertySchema;
  const scalar: Schema = { dataType: 'union', subSchemas: [{ dataType: 'string' }, { dataType: 'double' }, { dataType: 'enum', enums: [null] }] };
  const event: Schema = { dataType: 'nestedObjectLiteral', nestedProperties: { type: { dataType: 'string', required: true } }, additionalProperties: { ref: 'Scalar' } };
  const events: Schema = { dataType: 'array', array: event, validators: { maxItems: { value: 1_000, errorMsg: 'must hold at most 1000 events' } } };
  const models: TsoaRoute.Models = { Scalar: { dataType: 'refAlias', type: scalar } };

  function faultsOf(body: unknown): FieldErrors {
    const faults: FieldErrors = {};
    new ValidationService(models, { noImplicitAdditionalProperties: 'throw-on-extras', bodyCoercion: false })
      .ValidateParam({ dataType: 'nestedObjectLiteral', nestedProperties: { events } }, body, 'body', faults, true);
    return faults;
  }
  const repeated = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);
  const twoEvents = { events: [{ type: 'x' }, { type: 5 }] };
  const manyFaults = { events: repeated(20, { type: 'x', ...Object.fromEntries(repeated(20, {}).map((value, index) => [`p${index}`, value])) }) };

  test('is still as it was when it was repaired', () => {
    expect(Object.keys(faultsOf(twoEvents))).not.toEqual(['body.events.$1.type']);
    expect(Object.keys(faultsOf(manyFaults))).toHaveLength(20 * 20);
  });

  describe('repaired, also when that is done twice', () => {
    test('tells the path of a fault inside a list', () => {
      repairValidation();
      repairValidation();
      expect(Object.keys(faultsOf(twoEvents))).toEqual(['body.events.$1.type']);
    });

    test('stops at 100 faults, whatever comes behind them, and begins anew with the next body', () => {
      for (const _round of [1, 2]) {
        const paths = Object.keys(faultsOf(manyFaults));
        expect(paths).toHaveLength(MAX_FAULTS);
        expect(paths[0]).toBe('body.events.$0.p0');
        expect(paths.at(-1)).toBe('body.events.$4.p19');
      }
    });

    test('still finds a fault behind any number of values without one', () => {
      expect(Object.keys(faultsOf({ events: [...repeated(999, { type: 'x', p: 1 }), { type: 'x', p: [] }] }))).toEqual(['body.events.$999.p']);
    });

    test('finds what a valid body holds unchanged', () => {
      const body = { events: [{ type: 'x', a: null, b: 1.5, c: 'null' }] };
      const copy = structuredClone(body);
      expect(faultsOf(body)).toEqual({});
      expect(body).toEqual(copy);
    });

    test('counts a list before it looks at what is in it', () => {
      let looks = 0;
      const item = { get type() { looks += 1; return 'x'; } };
      expect(Object.entries(faultsOf({ events: repeated(1_001, item) }))).toEqual([['body.events', { message: 'must hold at most 1000 events' }]]);
      expect(looks).toBe(0);
      expect(faultsOf({ events: repeated(1_000, { type: 'x' }) })).toEqual({});
    });
  });
});
