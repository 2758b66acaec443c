import type { SmtpTestAddress, SmtpTestStatus } from './smtp-tests.contract.js';

/** One failure fails the whole; it timed out when every failure was a time-out. */
export function statusOf(addresses: Pick<SmtpTestAddress, 'status'>[]): Extract<SmtpTestStatus, 'passed' | 'failed' | 'timedOut'> {
  const failures = addresses.filter(({ status }) => status !== 'passed');
  if (failures.length === 0) return 'passed';
  return failures.every(({ status }) => status === 'timedOut') ? 'timedOut' : 'failed';
}

/** What an administrator reads first. `leftOut` counts hosts and addresses that were not tested. */
export function summaryOf(addresses: SmtpTestAddress[], sendTo: string, leftOut = 0): string {
  const failed = addresses.filter(({ status }) => status !== 'passed');
  const rest = leftOut === 0 ? '' : ` ${leftOut} more hosts or addresses were left out, because there are too many.`;
  const many = addresses.length === 1 ? 'The address of the server' : `All ${addresses.length} addresses of the server`;
  if (failed.length === 0) return `${many} took the mail. Check that it is delivered: look into the mailbox of ${sendTo}, and into its spam folder.${rest}`;
  const first = failed[0]!;
  const count = addresses.length === 1 ? 'The address of the server' : `${failed.length} of the ${addresses.length} addresses of the server`;
  return `${count} did not take the mail. ${first.address}: ${first.message ?? 'no answer'}${rest}`;
}

/** Taken is not delivered: where to look when it is not in the mailbox. */
export function takenMessage(queueId: string | null, sendTo: string): string {
  const where = queueId === null ? `the server's log, for ${sendTo}` : `the server's log, under the queue id ${queueId}`;
  return `The server took the mail. When it is not in the mailbox of ${sendTo}, look into its spam folder, then into ${where}.`;
}
