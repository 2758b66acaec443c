import { type Database, Prisma } from '../db/client.js';
import { statement } from '../db/statements.js';

export interface SessionLogRow {
  /** UUID version 7, of the moment `at`. */
  id: string;
  at: Date;
  kind: 'delivery' | 'test';
  /** The e-mail's or the test's id; null when it is of no single one. */
  subjectId: string | null;
  /** The process that had the session. */
  worker: string;
  line: string;
  /** Lines joined by LF; null for a success. */
  transcript: string | null;
}

/** A span of time, its end not included. */
export interface Span {
  from: Date;
  until: Date;
}

/** How long sessions are kept, by the database's clock. */
export const KEPT_DAYS = 2;

/** The lines of a page that is followed by a very long one count too, so a page stays below about 5 MB. */
const PAGE_BYTES = 4 * 1024 * 1024;

export class SmtpSessionLogsRepository {
  constructor(private readonly db: Database) {}

  /** One statement. Rows that are there already (an insert whose answer was lost) are left as they are. */
  async insert(rows: readonly SessionLogRow[]): Promise<void> {
    await this.db.statements.rows(INSERT(JSON.stringify(rows)));
  }

  /**
   * The next rows of a span, oldest first: at most `limit`, and fewer when their transcripts are long, but at least one unless there are
   * none. The lengths are added up before any transcript is read.
   */
  page({ from, until }: Span, after: Pick<SessionLogRow, 'at' | 'id'> | null, limit: number): Promise<SessionLogRow[]> {
    const [afterAt, afterId] = after === null ? [from, '00000000-0000-0000-0000-000000000000'] : [after.at, after.id];
    return this.db.prisma.$queryRaw<SessionLogRow[]>`
      SELECT id, at, kind, subject_id AS "subjectId", worker, line, transcript
      FROM (
        SELECT page.*, sum(coalesce(octet_length(transcript), 0)) OVER (ORDER BY at, id) - coalesce(octet_length(transcript), 0) AS before
        FROM (
          SELECT * FROM smtp_session_logs
          WHERE at >= ${from} AND at < ${until} AND (at, id) > (${afterAt}, ${afterId}::uuid)
          ORDER BY at, id LIMIT ${limit}
        ) page
      ) measured
      WHERE before < ${PAGE_BYTES} ORDER BY at, id`;
  }

  /** Deletes rows that are older than two days, the oldest first; at most `limit`. Safe in several processes at once. */
  async deleteExpired(limit: number): Promise<number> {
    return this.db.prisma.$executeRaw`
      DELETE FROM smtp_session_logs WHERE id IN (
        SELECT id FROM smtp_session_logs WHERE at < now() - make_interval(days => ${KEPT_DAYS}) ORDER BY at LIMIT ${limit} FOR UPDATE SKIP LOCKED
      )`;
  }
}

const INSERT = statement('insert-session-logs', (rows: string) => Prisma.sql`
  INSERT INTO smtp_session_logs (id, at, kind, subject_id, worker, line, transcript)
  SELECT r.id, r.at, r.kind, r."subjectId", r.worker, r.line, r.transcript
  FROM jsonb_to_recordset(${rows}::jsonb) AS r(id uuid, at timestamptz, kind text, "subjectId" uuid, worker text, line text, transcript text)
  ON CONFLICT (id) DO NOTHING`);
