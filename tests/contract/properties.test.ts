import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import supertest from 'supertest';
import { ADMIN_KEY, startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { broken, valid } from './arbitrary.js';
import { type Operation, operations, type Schema } from './examples.js';
import { Judge } from './judge.mjs';

/** For each operation and kind; the seed is told when one fails. */
const RUNS = 20;
const LIMIT_MS = 180_000;
const judge = new Judge();
let mailroom: TestMailroom;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
});
afterAll(() => mailroom.close());

interface Made {
  parameters: Record<string, unknown>;
  body: unknown;
}

const parametersOf = ({ parameters = [] }: Operation) => parameters.filter(({ name }) => !['Prefer', 'If-None-Match'].includes(name));
const bodySchema = (operation: Operation): Schema | undefined => operation.requestBody?.content['application/json']?.schema;

/** Requests that the contract allows. */
function allowed(operation: Operation): fc.Arbitrary<Made> {
  const required = parametersOf(operation).filter(({ required: must, in: place }) => must || place === 'path').map(({ name }) => name);
  return fc.record({
    parameters: fc.record(Object.fromEntries(parametersOf(operation).map(({ name, in: place, schema }) => [name, place === 'header' ? fc.stringMatching(/^"[a-z0-9]{1,9}"$/) : valid(schema)])), { requiredKeys: required }),
    body: bodySchema(operation) ? valid(bodySchema(operation)!) : fc.constant(undefined),
  });
}

/** Requests that it does not allow, or that are odd. */
const wrong = (operation: Operation): fc.Arbitrary<Made> => fc.tuple(allowed(operation), fc.boolean()).chain(([made, ofBody]) => fc.record({
  parameters: ofBody ? fc.constant(made.parameters) : broken(fc.constant(made.parameters)).map((value) => (value && typeof value === 'object' ? value : {})),
  body: ofBody && made.body !== undefined ? broken(fc.constant(made.body)) : fc.constant(made.body),
})) as fc.Arbitrary<Made>;

describe.each(operations.map((each) => [each.operation.operationId, each] as const))('%s', (_name, { path, method, operation }) => {
  const send = async ({ parameters, body }: Made): Promise<{ code: string | null; told: string }> => {
    const place = new Map(parametersOf(operation).map(({ name, in: where }) => [name, where]));
    const url = `/v1${path.replace(/\{(\w+)\}/g, (_all, name: string) => encodeURIComponent(printable(parameters[name] ?? 'x')) || 'x')}`;
    const named = Object.entries(parameters);
    const query = named.filter(([name]) => place.get(name) === 'query' || !place.has(name)).map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(printable(value))}`).join('&');
    const request = supertest(mailroom.container.app)[method](query ? `${url}?${query}` : url).set('Authorization', `Bearer ${ADMIN_KEY}`).buffer(true).timeout(30_000);
    for (const [name, value] of named) if (place.get(name) === 'header') void request.set(name, printable(value).replace(/[^\x20-\x7e]/g, '?') || '?');
    if (body !== undefined) void request.set('Content-Type', 'application/json').send(JSON.stringify(body));
    const { status, headers, text = '' } = await request;
    const { code, faults } = judge.judge({ method: method.toUpperCase(), url, status, headers, body: Buffer.from(text) });
    return { code, told: status >= 500 ? `${status} ${text}` : faults.join('; ') };
  };
  const check = (requests: fc.Arbitrary<Made>, isRight: (answer: { code: string | null; told: string }) => void): Promise<void> =>
    fc.assert(fc.asyncProperty(requests, async (made) => isRight(await send(made))), { numRuns: RUNS });

  test('takes whatever the contract allows, or says what else is wrong with it', async () => {
    await check(allowed(operation), ({ code, told }) => expect([told, code === 'VALIDATION_FAILED']).toEqual(['', false]));
  }, LIMIT_MS);

  test('answers whatever else it gets as the contract says', async () => {
    await check(wrong(operation), ({ told }) => expect(told).toBe(''));
  }, LIMIT_MS);
});

/** As a URL or header can hold it. */
const printable = (value: unknown): string => {
  if (typeof value === 'string') return value.replace(/[\ud800-\udfff]/g, '?');
  return JSON.stringify(value) ?? 'undefined';
};
