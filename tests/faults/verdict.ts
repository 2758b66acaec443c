import type { PlannedEvent } from './publisher.js';
import type { TakenMail } from './smtp-sink.js';

/** What the database says when everything has come to rest. */
export interface Rows {
  events: { id: string; name: string }[];
  emails: { eventName: string; to: string; messageId: string; status: string }[];
}

export interface Evidence {
  events: readonly PlannedEvent[];
  /** The id that each accepted event got, by its name. */
  accepted: ReadonlyMap<string, string>;
  refusals: readonly string[];
  /** The addresses that are subscribed to a type. */
  subscribers: Readonly<Record<string, readonly string[]>>;
  taken: readonly TakenMail[];
  rows: Rows;
  /** How many mails may come twice. */
  allowedDuplicates: number;
  /** How many mails may end as unconfirmed, since they are not to be sent again. */
  allowedDoubts: number;
}

export interface Verdict {
  accepted: number;
  expected: number;
  delivered: number;
  duplicates: number;
  allowedDuplicates: number;
  /** Not sent again, and told so by their status. */
  inDoubt: number;
  lost: number;
  ghosts: number;
  /** In plain words; empty: the cell is right. */
  faults: string[];
}

interface Copy {
  mail: string;
  messageId: string;
  raw: Buffer;
}

/** Compares what was accepted with what the mail server took, and with what the database says of it. */
export function judge(evidence: Evidence): Verdict {
  const copies = evidence.taken.map(copyOf);
  const expected = expectedMails(evidence);
  const delivered = new Set(copies.map(({ mail }) => mail));
  const duplicates = copies.length - delivered.size;
  const inDoubt = mailsInDoubt(evidence);
  const lost = [...expected].filter((mail) => !delivered.has(mail) && !inDoubt.has(mail));
  const ghosts = [...delivered].filter((mail) => !expected.has(mail));
  const faults = [
    ...evidence.refusals.map((refusal) => `an unexpected answer to ${refusal}`),
    ...notAccepted(evidence),
    ...lost.map((mail) => `lost: ${mail}`),
    ...ghosts.map((mail) => `a mail that nobody asked for: ${mail}`),
    ...(duplicates > evidence.allowedDuplicates ? [`${duplicates} duplicates, of which ${evidence.allowedDuplicates} may be: ${repeated(copies).join(', ')}`] : []),
    ...(inDoubt.size > evidence.allowedDoubts ? [`${inDoubt.size} mails are in doubt, of which ${evidence.allowedDoubts} may be: ${[...inDoubt].join(', ')}`] : []),
    ...differences(copies),
    ...rowFaults(evidence, copies),
  ];
  return {
    accepted: evidence.accepted.size, expected: expected.size, delivered: delivered.size - ghosts.length, duplicates, allowedDuplicates: evidence.allowedDuplicates,
    inDoubt: inDoubt.size, lost: lost.length, ghosts: ghosts.length + surplusEvents(evidence).length, faults,
  };
}

const mailOf = (eventName: string, to: string): string => `${eventName} for ${to}`;

function copyOf({ to, raw }: TakenMail): Copy {
  const head = raw.toString('latin1', 0, raw.indexOf('\r\n\r\n'));
  const field = (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, 'im').exec(head)?.[1]?.trim() ?? `no ${name}`;
  return { mail: mailOf(field('Subject'), to), messageId: field('Message-ID'), raw };
}

const expectedMails = ({ events, accepted, subscribers }: Evidence): Set<string> =>
  new Set(events.filter(({ name }) => accepted.has(name)).flatMap(({ name, type }) => subscribers[type]!.map((to) => mailOf(name, to))));

const mailsInDoubt = ({ rows }: Evidence): Set<string> =>
  new Set(rows.emails.filter(({ status }) => status === 'unconfirmed').map(({ eventName, to }) => mailOf(eventName, to)));

const notAccepted = ({ events, accepted }: Evidence): string[] => events.filter(({ name }) => !accepted.has(name)).map(({ name }) => `got no answer: ${name}`);

/** Rows beyond the one that each accepted event has. */
const surplusEvents = ({ rows, accepted }: Evidence): string[] => rows.events.filter(({ name, id }) => accepted.get(name) !== id).map(({ name, id }) => `${name} (${id})`);

function repeated(copies: Copy[]): string[] {
  const seen = new Set<string>();
  return copies.flatMap(({ mail }) => (seen.size === seen.add(mail).size ? [mail] : []));
}

/** Whoever gets a mail twice must be able to see that it is the same one. */
function differences(copies: Copy[]): string[] {
  const first = new Map([...copies].reverse().map((copy) => [copy.mail, copy]));
  return copies.flatMap((copy) => {
    const original = first.get(copy.mail)!;
    if (original.messageId !== copy.messageId) return [`${copy.mail} came with two Message-IDs`];
    return original.raw.equals(copy.raw) ? [] : [`${copy.mail} came twice with different bytes`];
  });
}

function rowFaults(evidence: Evidence, copies: Copy[]): string[] {
  const { events, emails } = evidence.rows;
  const stored = new Set(events.map(({ id }) => id));
  const ids = new Map(emails.map(({ eventName, to, messageId }) => [mailOf(eventName, to), messageId]));
  return [
    ...surplusEvents(evidence).map((event) => `an event that its publisher does not know: ${event}`),
    ...[...evidence.accepted].filter(([, id]) => !stored.has(id)).map(([name]) => `accepted, and not in the database: ${name}`),
    ...emails.filter(({ status }) => status !== 'sent' && status !== 'unconfirmed').map(({ eventName, to, status }) => `${mailOf(eventName, to)} is ${status} in the database`),
    ...copies.filter(({ mail, messageId }) => ids.get(mail) !== messageId).map(({ mail, messageId }) => `${mail} came as ${messageId}, which the database does not know`),
  ];
}
