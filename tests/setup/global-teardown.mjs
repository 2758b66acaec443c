import { rm } from 'node:fs/promises';
import { readRecord } from '../contract/record.mjs';
import { onServer } from './global-setup.mjs';

export default async function tearDown() {
  const { url, template, stop, record } = globalThis.mailroomTestRun;
  // Without FORCE, which is refused while an autovacuum works there; nobody else is connected to it.
  await onServer(url, (client) => client.query(`DROP DATABASE IF EXISTS ${template}`));
  await stop?.();
  await judgeRun(record);
}

/** An answer of a started process fails no test of its own, so it fails the run. */
async function judgeRun(record) {
  const faults = [...new Set(readRecord(record).flatMap(({ faults }) => faults))];
  await rm(record);
  if (faults.length > 0) throw new Error(`Answers that openapi/openapi.json does not describe:\n${faults.join('\n')}`);
}
