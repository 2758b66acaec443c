import { newId } from '../ids.js';
import type { Logger } from '../logger.js';
import { LogBuffer } from './log-buffer.js';
import { type ConnectionFacts, connectionLine, type DeliveryFacts, deliveryLine, storable, testLine } from './session-line.js';
import type { SessionLogRow, SmtpSessionLogsRepository } from './smtp-session-logs.repository.js';

/** What a dialogue left; it is read only when it is needed. */
interface Readable {
  toString(): string;
}

export interface TestSession {
  testId: string;
  /** The address and port that were tested, such as `[2001:db8::25]:25`; null when the test did not come that far. */
  address: string | null;
  /** How it ended, on one line. */
  line: string;
  transcript: string | null;
}

const TRANSCRIPT_LIMIT = 64 * 1024;

/**
 * Writes down the SMTP sessions of this process: one line for a success, the whole transcript too for failures and tests. No method waits
 * for the database or throws, so that a log that cannot be written never holds up a mail; `close` writes what is left.
 * Addresses of people are in it; passwords, tokens and messages must not be, and are not in a Transcript.
 */
export class SmtpSessionLog {
  private readonly buffer: LogBuffer;

  constructor(logs: SmtpSessionLogsRepository, private readonly worker: string, logger: Logger) {
    const dropped = (rows: number): void => this.add('delivery', null, `dropped sessions=${rows} message="The database could not be reached, and there was no room for more."`, null);
    this.buffer = new LogBuffer({ write: (rows) => logs.insert(rows), dropped, logger });
  }

  /** A delivery attempt that had a session. */
  delivery(emailId: string, facts: DeliveryFacts, transcript: Readable): void {
    this.add('delivery', emailId, deliveryLine(facts), facts.status === 'sent' ? null : transcript.toString());
  }

  /** A connection that was not made: once for all the e-mails that it was for. */
  notConnected(facts: ConnectionFacts, transcript: Readable): void {
    this.add('delivery', null, connectionLine(facts), transcript.toString());
  }

  /** One address of an SMTP test. */
  test({ testId, address, line, transcript }: TestSession): void {
    this.add('test', testId, testLine(address, line), transcript);
  }

  close(): Promise<void> {
    return this.buffer.close();
  }

  private add(kind: SessionLogRow['kind'], subjectId: string | null, line: string, transcript: string | null): void {
    const row = { id: newId(), at: new Date(), kind, subjectId, worker: this.worker, line, transcript: transcript === null ? null : storable(transcript, TRANSCRIPT_LIMIT) };
    this.buffer.add(row, transcript !== null || kind === 'test');
  }
}
