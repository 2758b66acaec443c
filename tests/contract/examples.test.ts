import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import supertest from 'supertest';
import { ADMIN_KEY } from '../setup/mailroom.js';
import { waitFor } from '../setup/wait.js';
import { type Answer, committedExamples, differences, type Example, type Examples, EXAMPLES_FILE, operationOf, operations, resolve, Showing } from './examples.js';
import { type Step, storyOf } from './story.js';
import { createWorld, type World } from './world.js';

/** `npm run examples` writes what is here compared. */
const UPDATES = process.env['UPDATE_EXAMPLES'] === '1';
const LIMIT_MS = 90_000;

const told: Examples = {};
let world: World;
let showing: Showing;
/** Known before the service runs, so that each step is a test of its own. */
const names = storyOf({ ids: {}, sink: {}, authority: {}, shown: {} } as World).map(({ does, request, answer, status }, index) => [`${index + 1}. ${does}${request || answer ? ` (${request ?? answer})` : ''}: ${status}`, index] as const);
let steps: Step[];

beforeAll(async () => {
  world = await createWorld();
  showing = new Showing(new Map([[world.sink.port, 1025], [world.closedPort, 587]]));
  steps = storyOf(world);
}, LIMIT_MS);
afterAll(() => world?.close());

describe('the examples of the contract, one after the other', () => {
  test.each(names)('%s', async (_name, index) => {
    const step = steps[index]!;
    await step.before?.();
    const answer = await waitFor(() => send(step), (got) => got.status !== step.status || (step.until?.(got) ?? true), LIMIT_MS / 2);
    if (answer.status !== step.status) throw new Error(`${step.does} was answered with ${answer.status} ${answer.text}`);
    step.then?.(answer);
    tell(step, answer);
  }, LIMIT_MS);
});

describe('what the contract shows', () => {
  test('each operation, each status of success, and each example was executed', () => {
    const successes = operations.flatMap(({ operation }) => Object.keys(operation.responses).filter((status) => status.startsWith('2')).map((status) => `${operation.operationId} ${status}`));
    const executed = new Set(steps.map(({ does, status }) => `${does} ${status}`));
    expect(successes.filter((each) => !executed.has(each))).toEqual([]);
    if (UPDATES) writeFileSync(EXAMPLES_FILE, `${JSON.stringify(told, null, 2)}\n`);
    else for (const [operationId, { requests = {} }] of Object.entries(committedExamples)) expect([operationId, Object.keys(requests)]).toEqual([operationId, Object.keys(told[operationId]?.requests ?? {})]);
  });

  test.each(operations.map(({ operation }) => operation.operationId))('of %s: the requests that are sent here, and answers like those that came back', (operationId) => {
    if (UPDATES) return;
    const [shown, got] = [committedExamples[operationId]!, told[operationId]!];
    expect(shown.requests).toEqual(got.requests);
    expect(differences(shown.responses, got.responses)).toEqual([]);
  });
});

async function send(step: Step): Promise<Answer> {
  const { path, method } = operationOf(step.does);
  const url = `/v1${path.replace(/\{(\w+)\}/g, (_all, name: string) => step.path!()[name]!)}`;
  const request = supertest(world.mailroom.container.app)[method](url).set('Authorization', `Bearer ${ADMIN_KEY}`).set(step.headers ?? {}).buffer(true).timeout(LIMIT_MS);
  if (step.query) void request.query(typeof step.query === 'function' ? step.query() : step.query);
  const body = bodyOf(step);
  if (step.file) {
    void request.attach('file', step.file(), (body as { file: string }).file);
    for (const [name, value] of Object.entries(body!)) if (name !== 'file') void request.field(name, value as string);
  } else if (body !== undefined) void request.send(step.live?.(body as Record<string, unknown>) ?? body);
  const { status, body: answered, text, type } = await request;
  return { status, mediaType: type, id: (answered as { id: string }).id, body: answered as Record<string, unknown>, text };
}

/** As the contract shows it: that of the step, or the example of the schema. */
function bodyOf(step: Step): object | undefined {
  if (step.body !== undefined) return step.body;
  const schema = operationOf(step.does).operation.requestBody?.content['application/json']?.schema;
  return schema && ((schema.example ?? resolve(schema).example) as object);
}

function tell(step: Step, { status, mediaType, body, text }: Answer): void {
  const own = (told[step.does] ??= {});
  const shown = bodyOf(step);
  if (shown !== undefined) (own.requests ??= {})[step.request ?? 'default'] ??= { ...(step.summary && { summary: step.summary }), value: shown };
  if (!/json$|^text\/|pem-file$/.test(mediaType)) return; // a binary file, or nothing
  const examples: Record<string, Example> = ((own.responses ??= {})[status] ??= {})[mediaType] ??= {};
  examples[step.answer ?? 'default'] = { value: showing.show(/json$/.test(mediaType) ? body : text) };
}
