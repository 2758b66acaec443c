import { writeFile } from 'node:fs/promises';
import { afterAll, expect, test } from '@jest/globals';
import { inTurn, nameOf, tellingPart, wholeMatrix } from './matrix.js';
import { page, progressLine, tables } from './report.js';
import { Runner } from './runner.js';

/** `all`: every cell, with a report; else those that tell most. */
const isWhole = process.env['MATRIX'] === 'all';
/** A part of a name, to run those cells alone. */
const only = process.env['MATRIX_ONLY'] ?? '';
/** Those that jest starts together wait for each other. */
const LIMIT_MS = 15 * 60_000;

const entries = (isWhole ? wholeMatrix() : tellingPart()).filter((entry) => nameOf(entry).includes(only));
const runnable = entries.filter(({ skipped }) => skipped === null);
const runner = new Runner((result, done) => {
  if (isWhole || result.faults.length > 0) process.stderr.write(`${progressLine(result, done, runnable.length)}${result.output}`);
});

for (const entry of inTurn(runnable)) {
  test.concurrent(`${nameOf(entry)}: nothing is lost`, async () => {
    expect((await runner.run(entry)).faults).toEqual([]);
  }, LIMIT_MS);
}
for (const entry of entries.filter(({ skipped }) => skipped !== null)) test.skip(`${nameOf(entry)}: ${entry.skipped}`, () => undefined);

afterAll(async () => {
  await runner.close();
  if (!isWhole) return;
  const all = tables(entries, runner.results);
  process.stdout.write(`\n${all}\n`);
  if (only === '') await writeFile('docs/faults.md', page(all, new Date()));
}, 60_000);
