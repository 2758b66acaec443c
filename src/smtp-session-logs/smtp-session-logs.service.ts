import type { SessionLogRow, SmtpSessionLogsRepository, Span } from './smtp-session-logs.repository.js';

/** One session as it is read. */
export type SessionLogEntry = Readonly<SessionLogRow>;

const PAGE_ROWS = 1_000;

/** The SMTP sessions of all workers: reading and tidying. They are written by SmtpSessionLog. */
export class SmtpSessionLogsService {
  constructor(private readonly logs: SmtpSessionLogsRepository) {}

  /**
   * The sessions of a span, oldest first, in pages of at most 1,000 entries and some 5 MB. A page is read when it is asked for, so
   * whoever stops asking stops the reading.
   */
  async *pages(span: Span): AsyncGenerator<SessionLogEntry[], void, undefined> {
    for (let page = await this.logs.page(span, null, PAGE_ROWS); page.length > 0; page = await this.logs.page(span, page.at(-1)!, PAGE_ROWS)) yield page;
  }

  /** Deletes sessions of more than two days ago, at most `limit` of them. Answers how many. */
  purge(limit: number): Promise<number> {
    return this.logs.deleteExpired(limit);
  }
}
