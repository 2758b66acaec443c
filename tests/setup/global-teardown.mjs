import { rm } from 'node:fs/promises';
import { documentedCodes, readRecord } from '../contract/record.mjs';
import { onServer } from './global-setup.mjs';

export default async function tearDown() {
  const { url, template, stop, record } = globalThis.mailroomTestRun;
  // Without FORCE, which is refused while an autovacuum works there; nobody else is connected to it.
  await onServer(url, (client) => client.query(`DROP DATABASE IF EXISTS ${template}`));
  await stop?.();
  await judgeRun(record);
}

/** What takes half a minute of computing, or fifty files that do: tests/pki/hostile-files.test.ts meets these in the reader itself. */
const RARE = new Set(['CERTIFICATE_FILE_TOO_COMPLEX', 'CERTIFICATE_READER_BUSY']);

/** An answer of a started process fails no test of its own, so it fails the run. In a whole run each problem code of the contract must be met, too. */
async function judgeRun(record) {
  const seen = readRecord(record);
  await rm(record);
  const faults = [...new Set(seen.flatMap(({ faults }) => faults))];
  if (faults.length > 0) throw new Error(`Answers that openapi/openapi.json does not describe:\n${faults.join('\n')}`);
  if (process.env['EVERY_PROBLEM_CODE'] !== '1') return;
  const met = new Set(seen.map(({ code }) => code));
  const unmet = [...new Set(documentedCodes())].filter((code) => !met.has(code) && !RARE.has(code));
  if (unmet.length > 0) throw new Error(`openapi/problems.json has codes that no test has met: ${unmet.join(', ')}`);
}
