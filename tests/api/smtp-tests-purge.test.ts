import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { SmtpTestsRepository } from '../../src/smtp-tests/smtp-tests.repository.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';

const HOUR_MS = 3_600_000;
let mailroom: TestMailroom;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
});
afterAll(() => mailroom.close());

test('SMTP tests of more than two days are deleted, but none that has not ended', async () => {
  const { database } = mailroom.container;
  const stored = async (ageHours: number, status: 'passed' | 'running'): Promise<string> => {
    const createdAt = new Date(Date.now() - ageHours * HOUR_MS);
    return (await database.prisma.smtpTest.create({ data: { id: uuidv7(), sendTo: 'a@example.com', timeoutSeconds: 5, requestedBy: 'a test', createdAt, status } })).id;
  };
  const [old, young, running] = [await stored(49, 'passed'), await stored(47, 'passed'), await stored(49, 'running')];
  expect(await new SmtpTestsRepository(database).deleteOld()).toBe(1);
  const { body } = await mailroom.as().get('/v1/smtp-tests').expect(200);
  const ids = body.items.map(({ id }: { id: string }) => id) as string[];
  expect(ids.sort()).toEqual([young, running].sort());
  await mailroom.as().get(`/v1/smtp-tests/${old}`).expect(404);
});
