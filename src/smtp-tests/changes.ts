import type { SmtpTest, SmtpTestAddress } from './smtp-tests.contract.js';

export interface Change {
  event: 'status' | 'stage' | 'address' | 'test';
  data: unknown;
}

/**
 * What happened between two looks at a test, as the events of its stream: `status` when it changes, `stage` for each stage that was
 * reached, `address` when an address is done, and at the end `test`, the whole test.
 */
export function changesOf(before: SmtpTest | null, after: SmtpTest): Change[] {
  const changes: Change[] = [];
  if (before?.status !== after.status) changes.push({ event: 'status', data: { status: after.status } });
  for (const now of after.addresses) changes.push(...addressChanges(before?.addresses.find(({ address }) => address === now.address), now));
  if (after.finishedAt !== null) changes.push({ event: 'test', data: after });
  return changes;
}

function addressChanges(before: SmtpTestAddress | undefined, { address, host, status, message, stages }: SmtpTestAddress): Change[] {
  const seen = (before?.stages ?? []).map((stage) => JSON.stringify(stage));
  const fresh = stages.filter((stage) => stage.status !== 'skipped' && !seen.includes(JSON.stringify(stage)));
  const changes: Change[] = fresh.map((stage) => ({ event: 'stage', data: { address, host, stage } }));
  const isDone = status !== 'pending' && status !== 'running';
  if (isDone && before?.status !== status) changes.push({ event: 'address', data: { address, host, status, message } });
  return changes;
}
