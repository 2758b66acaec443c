import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import path from 'node:path';
import { Client } from 'pg';
import type { QueryResultRow } from 'pg';

export const isRoot = process.getuid?.() === 0;
export const hasProc = process.platform === 'linux';

/** Waits for a state, never for a time. */
export async function until(what: string, check: () => boolean | Promise<boolean>, milliseconds = 10_000): Promise<void> {
  const deadline = Date.now() + milliseconds;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error(`not within ${milliseconds} ms: ${what}`);
    await delay(20);
  }
}

export async function query<Row extends QueryResultRow>(url: string, text: string): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

export const keep = (url: string, word: string): Promise<unknown> =>
  query(url, `CREATE TABLE IF NOT EXISTS kept (word text); INSERT INTO kept VALUES ('${word}')`);

export const kept = async (url: string): Promise<string[]> => (await query<{ word: string }>(url, 'SELECT word FROM kept')).map(({ word }) => word);

export function postmasterPid(cluster: string): number {
  return Number(readFileSync(path.join(cluster, 'postmaster.pid'), 'utf8').split('\n')[0]);
}

/** Living processes whose command line contains the text. */
export function processesWith(text: string): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => commandLine(pid).includes(text));
}

export const guardsOf = (cluster: string): number[] =>
  processesWith(path.join(cluster, 'postmaster.pid')).filter((pid) => commandLine(pid).includes('mailroom-guard'));

export const serversOf = (cluster: string): number[] => processesWith(`-D ${cluster} `);

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return ''; // it ended meanwhile
  }
}
