import { rm } from 'node:fs/promises';
import { documentedCodes, readRecord } from '../contract/record.mjs';
import { onServer } from './global-setup.mjs';

export default async function tearDown({ testPathPatterns, testNamePattern }) {
  const { url, template, stop, record } = globalThis.mailroomTestRun;
  // Without FORCE, which is refused while an autovacuum works there; nobody else is connected to it.
  await onServer(url, (client) => client.query(`DROP DATABASE IF EXISTS ${template}`));
  await stop?.();
  await judgeRun(record, testPathPatterns.patterns.length === 0 && !testNamePattern);
}

/** An answer of a started process fails no test of its own, so it fails the run; and so does a problem code that no test of a whole run met. */
async function judgeRun(record, isWhole) {
  const seen = readRecord(record);
  await rm(record);
  const faults = [...new Set(seen.flatMap(({ faults }) => faults))];
  if (faults.length > 0) throw new Error(`Answers that openapi/openapi.json does not describe:\n${faults.join('\n')}`);
  const met = new Set(seen.map(({ code }) => code));
  const unmet = [...new Set(documentedCodes())].filter((code) => !met.has(code));
  if (isWhole && unmet.length > 0) throw new Error(`openapi/problems.json has codes that no test has met: ${unmet.join(', ')}`);
}
