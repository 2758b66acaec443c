import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Response } from 'supertest';
import { createAuthority } from '../factories/issue-certificate.js';
import { packPkcs12 } from '../factories/pack-certificate.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';

/** So many arrive only if the file is read beside: else it is some ten, before and after. */
const MANY = 50;

let mailroom: TestMailroom;
/** Asks for as much work as is done. */
let file: string;

beforeAll(async () => {
  const { key, certificate } = await (await createAuthority()).issue();
  file = (await packPkcs12({ keys: [key], certificates: [certificate], passphrase: 'right', iterations: 1_000_000 })).toString('base64');
  mailroom = await startMailroom({ workers: false });
});
afterAll(async () => {
  await mailroom.close();
});

const install = () => mailroom.as().post('/v1/client-certificates', { certificate: file, passphrase: 'right' });

/** How many other requests, one after the other, are answered before these are. */
async function answersBefore(requests: PromiseLike<Response>[]): Promise<{ count: number; responses: Response[] }> {
  let responses: Response[] | null = null;
  const sent = Promise.all(requests).then((all) => { responses = all; });
  let count = 0;
  for (; responses === null; count += 1) await mailroom.as(null).get('/health/live').expect(200);
  await sent;
  return { count, responses };
}

test('while a file that asks for much work is read, other requests are answered', async () => {
  const { count, responses } = await answersBefore([install()]);
  expect(responses[0]!.status).toBe(201);
  expect(count).toBeGreaterThan(MANY);
});

test('also while many such files are read; each gets its turn', async () => {
  const { count, responses } = await answersBefore([install(), install(), install(), install(), install()]);
  expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect(count).toBeGreaterThan(MANY);
});
