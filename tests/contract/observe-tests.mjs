// For each test file: an answer that the contract does not describe fails the test that got it.
import { afterAll, afterEach } from '@jest/globals';
import { RECORD, recordAnswers } from './record.mjs';

const faults = [];
const stop = recordAnswers(process.env[RECORD], (fault) => faults.push(fault));

afterEach(() => {
  const found = faults.splice(0);
  if (found.length > 0) throw new Error(`An answer is not what openapi/openapi.json says:\n${found.join('\n')}`);
});
afterAll(stop);
