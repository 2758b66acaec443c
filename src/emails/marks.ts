import type { OutcomeMark, Started, StartMark } from './delivery.repository.js';

type Write = (starts: StartMark[], outcomes: OutcomeMark[]) => Promise<Started[]>;

interface Pending<Mark, Result> {
  mark: Mark;
  /** How often it could not be written. */
  failures: number;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

const OUTCOME_RETRIES = 120;
const OUTCOME_RETRY_MS = 250;
/** After so many failures the words of the server are left out: they may be what cannot be stored. */
const FAILURES_WITH_TEXTS = 3;

/**
 * Group commit: what the connections of this worker want to record while one statement is under way goes into the next, together. A
 * start is answered after its commit, so no MAIL command goes out before; an outcome too, so a connection goes on only when its last
 * mail is on record.
 */
export class Marks {
  private starts: Pending<StartMark, Started | null>[] = [];
  private outcomes: Pending<OutcomeMark, void>[] = [];
  /** Outcomes that are tried again: without others, which must not fail with them. */
  private repeated: Pending<OutcomeMark, void>[] = [];
  /** Outcomes that could not be written, and wait for their next try together. */
  private postponed: Pending<OutcomeMark, void>[] = [];
  private running = false;

  constructor(private readonly write: Write) {}

  /** The attempt's number; null when the e-mail must not be sent now (cancelled, taken over by another worker, or held back). */
  start(mark: StartMark): Promise<Started | null> {
    return new Promise((resolve, reject) => {
      this.starts.push({ mark, failures: 0, resolve, reject });
      this.flushSoon();
    });
  }

  outcome(mark: OutcomeMark): Promise<void> {
    return new Promise((resolve, reject) => {
      this.outcomes.push({ mark, failures: 0, resolve, reject });
      this.flushSoon();
    });
  }

  /** After the callbacks of this turn, so that an outcome and the next start of a connection share the statement. */
  private flushSoon(): void {
    if (this.running) return;
    this.running = true;
    setImmediate(() => void this.flush());
  }

  private async flush(): Promise<void> {
    while (this.starts.length + this.outcomes.length + this.repeated.length > 0) {
      const repeated = this.repeated.splice(0);
      if (repeated.length > 0) await this.commit([], repeated);
      const [starts, outcomes] = [this.starts.splice(0), this.outcomes.splice(0)];
      if (starts.length + outcomes.length > 0) await this.commit(starts, outcomes);
    }
    this.running = false;
  }

  private async commit(starts: Pending<StartMark, Started | null>[], outcomes: Pending<OutcomeMark, void>[]): Promise<void> {
    try {
      const started = await this.write(starts.map(({ mark }) => mark), outcomes.map(({ mark }) => mark));
      const answers = new Map(started.map((row) => [keyOf(row), row]));
      starts.forEach(({ mark, resolve }) => resolve(answers.get(keyOf(mark)) ?? null));
      outcomes.forEach(({ resolve }) => resolve());
    } catch (error) {
      starts.forEach(({ reject }) => reject(error));
      this.postpone(outcomes, error);
    }
  }

  /** An outcome is worth waiting for: forgotten, the mail would be sent twice. It is tried for 30 s, then the lease's end decides. */
  private postpone(outcomes: Pending<OutcomeMark, void>[], error: unknown): void {
    for (const pending of outcomes) {
      pending.failures += 1;
      if (pending.failures > OUTCOME_RETRIES) pending.reject(error);
      else this.postponed.push(pending.failures < FAILURES_WITH_TEXTS ? pending : { ...pending, mark: withoutTexts(pending.mark) });
    }
    if (this.postponed.length > 0) setTimeout(() => this.retry(), OUTCOME_RETRY_MS);
  }

  private retry(): void {
    this.repeated.push(...this.postponed.splice(0));
    this.flushSoon();
  }
}

/** Two leases may ask for an e-mail at the same time, when one of them has lost it meanwhile. */
const keyOf = ({ id, leaseId }: { id: string; leaseId: string }): string => `${id} ${leaseId}`;

const withoutTexts = (mark: OutcomeMark): OutcomeMark => ({ ...mark, reply: null, message: null, hint: null, queueId: null, enhancedCode: null });
