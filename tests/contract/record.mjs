// What was seen of the contract in a run of the tests: one line for each kind of answer, in a file that all their processes share.
import { appendFileSync, readFileSync } from 'node:fs';
import { Judge } from './judge.mjs';
import { observe } from './observe.mjs';

/** Set for the whole run by global-setup.mjs. */
export const RECORD = 'CONTRACT_RECORD';

/** @param {(fault: string) => void} [blame] told at once of each answer that the contract does not describe */
export function recordAnswers(file, blame = () => undefined) {
  const judge = new Judge();
  const written = new Set();
  return observe((answer) => {
    const { operation, code, faults } = verdictOf(judge, answer);
    const told = faults.map((fault) => `${answer.method} ${answer.url.slice(0, 200)} (${answer.status}${code ? ` ${code}` : ''}) ${fault}`);
    const line = JSON.stringify({ operation, status: answer.status, code, faults: told });
    if (!written.has(line)) appendFileSync(file, `${line}\n`);
    written.add(line);
    if (told.length > 0) blame(told.join('\n'));
  });
}

/** A judge that fails is a fault of the contract, and must not break the service that it watches. */
function verdictOf(judge, answer) {
  try {
    return judge.judge(answer);
  } catch (error) {
    return { operation: null, code: null, faults: [`cannot be judged: ${error.message}`] };
  }
}

export const readRecord = (file) => [...new Set(readFileSync(file, 'utf8').split('\n').filter(Boolean))].map((line) => JSON.parse(line));

export const documentedCodes = () => Object.values(JSON.parse(readFileSync('openapi/openapi.json', 'utf8')).components.examples).map(({ value }) => value.code);
