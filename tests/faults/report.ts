import { nameOf, type Entry } from './matrix.js';
import type { Result } from './runner.js';

interface Column {
  title: string;
  text(result: Result): string;
}

const COLUMNS: Column[] = [
  { title: 'accepted', text: ({ accepted }) => String(accepted) },
  { title: 'expected', text: ({ expected }) => String(expected) },
  { title: 'delivered', text: ({ delivered }) => String(delivered) },
  { title: 'duplicates', text: ({ duplicates, allowedDuplicates, cell: { mayRepeat } }) => (mayRepeat ? `${duplicates} of at most ${allowedDuplicates}` : String(duplicates)) },
  { title: 'lost', text: ({ lost }) => String(lost) },
  { title: 'ghosts', text: ({ ghosts }) => String(ghosts) },
];
/** For mails that are not sent again when they are in doubt. */
const IN_DOUBT: Column = { title: 'in doubt', text: ({ inDoubt }) => String(inDoubt) };

/** One line of a cell that is done, and one for each of its faults. */
export const progressLine = (result: Result, done: number, all: number): string => {
  const numbers = columnsOf(result.cell.atMostOnce).map(({ title, text }) => `${text(result)} ${title}`).join(', ');
  const faults = result.faults.map((fault) => `        ${fault}\n`).join('');
  return `[${done}/${all}] ${result.faults.length === 0 ? 'ok   ' : 'WRONG'} ${nameOf(result)}: ${numbers} (${result.seconds} s)\n${faults}`;
};

/** Tables in Markdown: for each queue, and what is said of a mail in doubt. */
export const tables = (entries: readonly Entry[], results: readonly Result[]): string =>
  (['Postgres', 'Redis'] as const).flatMap((queue) => [false, true].map((atMostOnce) => {
    const shown = entries.filter((entry) => entry.queue === queue && entry.cell.atMostOnce === atMostOnce);
    return shown.length === 0 ? '' : `## Queue in ${queue}${atMostOnce ? ', mails at most once' : ''}\n\n${table(shown, columnsOf(atMostOnce), results)}\n`;
  })).filter(Boolean).join('\n');

const columnsOf = (atMostOnce: boolean): Column[] => (atMostOnce ? [...COLUMNS, IN_DOUBT] : COLUMNS);

function table(entries: readonly Entry[], columns: Column[], results: readonly Result[]): string {
  const rows = entries.map((entry) => rowOf(entry, columns, results.find(({ cell, queue }) => cell === entry.cell && queue === entry.queue)));
  return [['', ...columns.map(({ title }) => title), ''], ['---', ...columns.map(() => '--:'), '---'], ...rows].map((fields) => `| ${fields.join(' | ')} |`).join('\n');
}

function rowOf({ cell: { victim, fate, moment }, skipped }: Entry, columns: Column[], result: Result | undefined): string[] {
  const name = `${victim} ${fate} ${moment}`;
  if (result === undefined) return [name, ...columns.map(() => '–'), skipped ?? 'not run'];
  return [name, ...columns.map(({ text }) => text(result)), result.faults.length === 0 ? 'ok' : 'WRONG'];
}

export const page = (tables: string, date: Date): string => `# Nothing is lost, whoever dies when

An event that was answered with 202 is durable, an attempt's start is on record before its MAIL, and its outcome before the next start on that connection:
that is what Mailroom promises ([README](../README.md), [ARCHITECTURE](../ARCHITECTURE.md)). This page is written by a program that tries to break the
promise: \`npm run test:faults\`. \`npm test\` runs the rows that tell most.

In each row one API process and two workers serve a burst of 40 events, each with two or three subscribers. In the middle of it something dies by SIGKILL at
exactly the moment that the row names, and is started again as a supervisor would do it: the API, a worker, Postgres with all of its processes (it
comes back on the same data), Redis (it comes back empty), or everything at once. In some rows a worker stands still for longer than its lease holds, and
then goes on. When all has come to rest, what the mail server took is compared with what was accepted.

## What the columns mean

- **accepted:** events that were answered with 202. The publisher does what every publisher should: it sends an \`Idempotency-Key\`, and repeats a request that
  got no answer (or 503, or 409 while the first request is still at work) with the same key until there is an answer.
- **expected:** accepted events times their subscribers.
- **delivered:** distinct pairs of event and address that the mail server took. A mail counts when its final dot has come, whether or not the client heard the
  reply.
- **duplicates:** copies beyond the first. They must have the same Message-ID and be equal to the byte, so that they can be recognized. Where a row says "of at
  most n", n SMTP connections of what was struck were open at that moment, and each may bring one duplicate. Everywhere else there must be none.
- **lost:** expected, not delivered, and not told. It must be 0.
- **ghosts:** mails that no accepted event explains, and events that are in the database more often than they were accepted. It must be 0.
- **in doubt:** e-mails of event types with the \`deliveryPolicy\` \`atMostOnce\` that end as \`unconfirmed\`: they are not sent again, and their status says so. At most one for
  each SMTP connection that was open.

A row is also wrong when an e-mail still waits or is being sent a minute later, when the database says of a mail that was taken that it was not
sent, and when the API gave an answer that no publisher expects.

## How the moments are hit

Nothing in Mailroom knows of these tests. A process that is to die in the middle of a statement reaches Postgres through a proxy that reads the protocol. At the
statement that makes the moment, either the statement is withheld ("not committed": the COMMIT never arrives) or its answer is ("committed": Postgres has said
that it is done, and the process does not hear it). Nothing of the process' traffic passes after that, and the process is killed. The mail server of
the tests stands still in the same way at a step of the SMTP dialogue, and whichever worker it talks to is killed. In the rows that may have duplicates
or doubts each worker has three connections; in most others it has one, so that the state of each mail at the kill is known.

## Why some rows may have a duplicate

Between the final dot and the record of the reply, nobody but the mail server knows whether it has the mail (RFC 1047). Who sends again then may send twice, and who
does not may lose a mail. Mailroom sends again, unless the event type says otherwise. So a mail may come twice when a worker dies, or stands still, after its final
dot and before its outcome is on record, and when Postgres dies while mails are being sent: one for each SMTP connection that was open, and no more.

## What this does not show

Processes die here, not machines: that a commit survives a loss of power is Postgres' own promise (\`fsync\`, \`synchronous_commit\`).

Run of ${date.toISOString().slice(0, 10)}.

${tables}`;
