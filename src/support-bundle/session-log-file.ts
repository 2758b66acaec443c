import type { SessionLogEntry, SmtpSessionLogsService } from '../smtp-session-logs/smtp-session-logs.service.js';
import type { ZipEntry } from './zip-stream.js';

const FOLDER = 'SMTPSVC1';
const DAY_MS = 86_400_000;

/** The sessions of the time from `from` to `until` as files, one for each UTC day, the oldest first. */
export function sessionLogFiles(logs: Pick<SmtpSessionLogsService, 'pages'>, from: Date, until: Date, version: string): ZipEntry[] {
  const first = Math.floor(from.getTime() / DAY_MS) * DAY_MS;
  const days = Array.from({ length: Math.ceil((until.getTime() - first) / DAY_MS) }, (_, index) => new Date(first + index * DAY_MS));
  return days.map((day) => {
    const span = { from: new Date(Math.max(day.getTime(), from.getTime())), until: new Date(Math.min(day.getTime() + DAY_MS, until.getTime())) };
    return { name: `${FOLDER}/ex${day.toISOString().slice(2, 10).replaceAll('-', '')}.log`, content: () => textOf(logs, span, version) };
  });
}

async function* textOf(logs: Pick<SmtpSessionLogsService, 'pages'>, span: { from: Date; until: Date }, version: string): AsyncGenerator<string, void, undefined> {
  yield header(span, version);
  for await (const page of logs.pages(span)) yield page.map(lines).join('');
}

const header = ({ from, until }: { from: Date; until: Date }, version: string): string =>
  [`#Software: Mailroom ${version}`, '#Version: 1.0', `#Date: ${from.toISOString()} to ${until.toISOString()}`, '#Fields: time worker kind id result', ''].join('\n');

/** A line for the session; the transcript under it, indented, so that one session ends where the next line begins in the first column. */
function lines({ at, worker, kind, subjectId, line, transcript }: SessionLogEntry): string {
  const head = `${at.toISOString()} ${worker} ${kind} ${subjectId ?? '-'} ${line}\n`;
  return transcript === null ? head : `${head}${transcript.replace(/^/gm, '    ')}\n`;
}
