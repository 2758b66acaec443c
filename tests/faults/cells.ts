import type { Statement } from './pg-messages.js';
import type { SqlMoment } from './pg-proxy.js';
import type { QueueBackEnd } from './servers.js';
import {
  emptyRedisAtSmtp, emptyRedisWhileEventsWait, freezeAfterStatement, freezeAtSmtp, killApiBeforeNudge, killAtSmtp, killAtStatement, killEverythingAtSmtp, killPostgresAtSmtp, killPostgresAtStatement, type Strike,
} from './strikes.js';
import type { SceneOptions } from './scene.js';

export type Victim = 'the API' | 'a worker' | 'Postgres' | 'Redis' | 'everything';

export interface Cell extends SceneOptions {
  victim: Victim;
  fate: 'is killed' | 'stands still for 15 s';
  /** Continues "is killed …". */
  moment: string;
  queues: readonly QueueBackEnd[];
  strike: Strike;
  /** Whether nobody can know if a mail arrived: then each open connection may bring one mail twice. */
  mayRepeat: boolean;
  /** No mail is on its way before the kill, so that none can come twice. */
  holdsMail: boolean;
  /** With which of the queues it belongs to the short run. */
  telling: readonly QueueBackEnd[];
}

type Options = Partial<Omit<Cell, 'victim' | 'moment' | 'strike'>>;

const BOTH = ['Postgres', 'Redis'] as const;
const POSTGRES = ['Postgres'] as const;
const REDIS = ['Redis'] as const;

function cell(victim: Victim, moment: string, strike: Strike, options: Options = {}): Cell {
  return { victim, fate: 'is killed', moment, strike, queues: BOTH, telling: [], mayRepeat: false, holdsMail: false, connections: 1, longMails: false, atMostOnce: false, ...options };
}

/** In the middle of the burst, so that there is something before and behind. */
const LATER = 6;

const before = (matches: SqlMoment['matches'], skip = 0): SqlMoment => ({ at: 'before', matches, skip });
const after = (matches: SqlMoment['matches'], skip = 0): SqlMoment => ({ at: 'after', matches, skip });

const asksForKey = ({ sql }: Statement): boolean => sql.includes('FROM api_keys WHERE key_hash');
const commitsAfter = (part: string) => ({ sql, earlier }: Statement): boolean => /^\s*COMMIT\b/.test(sql) && earlier.some((statement) => statement.includes(part));
const EVENT_INSERTED = commitsAfter('INSERT INTO events');
const EMAILS_INSERTED = commitsAfter('INSERT INTO emails');
const locksEvents = ({ sql }: Statement): boolean => sql.includes('matched_at IS NULL FOR UPDATE SKIP LOCKED');
const storesContent = ({ sql }: Statement): boolean => sql.includes('INSERT INTO email_contents');
const claims = ({ sql }: Statement): boolean => sql.includes('INSERT INTO delivery_leases');
/** Starts and outcomes go in one statement; a start ends with its relay, an outcome has a status. */
const isMark = ({ sql }: Statement): boolean => sql.includes('INSERT INTO email_attempts') && sql.includes('FOR SHARE');
const marksStart = (statement: Statement): boolean => isMark(statement) && /"relayVersion":"[^"]*"\}/.test(statement.values);
const marksSent = (statement: Statement): boolean => isMark(statement) && statement.values.includes('"status":"sent"');

const WITHOUT_MAIL: Options = { holdsMail: true };
const FROZEN: Options = { fate: 'stands still for 15 s' };
const IN_DOUBT: Options = { mayRepeat: true, connections: 3 };
const AT_MOST_ONCE: Options = { atMostOnce: true, connections: 3 };

export const CELLS: readonly Cell[] = [
  cell('the API', 'when a request has arrived', killAtStatement('api', before(asksForKey, LATER))),
  cell('the API', 'when the event is inserted and not committed', killAtStatement('api', before(EVENT_INSERTED, LATER))),
  cell('the API', 'when the event is committed and not answered', killAtStatement('api', after(EVENT_INSERTED, LATER)), { telling: BOTH }),
  cell('the API', 'when the event is answered and no worker knows of it', killApiBeforeNudge(LATER)),

  cell('a worker', 'when it has locked events', killAtStatement('first', after(locksEvents)), WITHOUT_MAIL),
  cell('a worker', 'when it has stored the content of a mail', killAtStatement('first', after(storesContent)), WITHOUT_MAIL),
  cell('a worker', 'when e-mails are inserted and not committed', killAtStatement('first', before(EMAILS_INSERTED)), { ...WITHOUT_MAIL, telling: POSTGRES }),
  cell('a worker', 'when e-mails are committed and no worker knows of them', killAtStatement('first', after(EMAILS_INSERTED)), WITHOUT_MAIL),

  cell('a worker', 'when it has claimed e-mails and no connection', killAtStatement('first', after(claims)), { telling: POSTGRES }),
  cell('a worker', 'when it is connected, before the greeting', killAtSmtp('connected', 1)),
  cell('a worker', 'when a start is on record, before MAIL', killAtStatement('first', after(marksStart, 1))),
  cell('a worker', 'after MAIL', killAtSmtp('mail', LATER), { telling: POSTGRES }),
  cell('a worker', 'after RCPT', killAtSmtp('rcpt', LATER)),
  cell('a worker', 'in the middle of the message', killAtSmtp('middle', LATER), { longMails: true }),
  cell('a worker', 'after the final dot, before the reply', killAtSmtp('dot', LATER), { ...IN_DOUBT, telling: BOTH }),
  cell('a worker', 'after the reply, before it is on record', killAtStatement('first', before(marksSent, 1)), { ...IN_DOUBT, telling: POSTGRES }),
  cell('a worker', 'when the reply is on record', killAtStatement('first', after(marksSent, 1)), { telling: POSTGRES }),

  cell('Postgres', 'when an event is inserted and not committed', killPostgresAtStatement('api', before(EVENT_INSERTED, LATER)), WITHOUT_MAIL),
  cell('Postgres', 'when an event is committed and the API does not know', killPostgresAtStatement('api', after(EVENT_INSERTED, LATER)), WITHOUT_MAIL),
  cell('Postgres', 'when e-mails are inserted and not committed', killPostgresAtStatement('first', before(EMAILS_INSERTED)), WITHOUT_MAIL),
  cell('Postgres', 'when e-mails are committed and the worker does not know', killPostgresAtStatement('first', after(EMAILS_INSERTED)), WITHOUT_MAIL),
  cell('Postgres', 'when a start is on record and the worker does not know', killPostgresAtStatement('first', after(marksStart, 1)), IN_DOUBT),
  cell('Postgres', 'after the final dot of a mail, before the reply', killPostgresAtSmtp('dot', LATER), { ...IN_DOUBT, telling: POSTGRES }),
  cell('Postgres', 'when a reply is on record and the worker does not know', killPostgresAtStatement('first', after(marksSent, 1)), IN_DOUBT),

  cell('Redis', 'with all its data, while events wait', emptyRedisWhileEventsWait, { queues: REDIS, telling: REDIS }),
  cell('Redis', 'with all its data, while mails are sent', emptyRedisAtSmtp('dot', LATER), { queues: REDIS, telling: REDIS, connections: 3 }),

  cell('a worker', 'when it has claimed e-mails and no connection', freezeAfterStatement(claims), FROZEN),
  cell('a worker', 'after MAIL', freezeAtSmtp('mail', LATER), { ...FROZEN, connections: 3 }),

  cell('everything', 'at once, while mails are sent', killEverythingAtSmtp('dot', LATER), IN_DOUBT),

  cell('a worker', 'after MAIL', killAtSmtp('mail', LATER), AT_MOST_ONCE),
  cell('a worker', 'after the final dot, before the reply', killAtSmtp('dot', LATER), AT_MOST_ONCE),
  cell('a worker', 'after the reply, before it is on record', killAtStatement('first', before(marksSent, 1)), AT_MOST_ONCE),
  cell('Postgres', 'after the final dot of a mail, before the reply', killPostgresAtSmtp('dot', LATER), AT_MOST_ONCE),
];
