import { MailroomError } from '../errors.js';

/** What RFC 3339 can write in UTC, and Postgres can keep; an offset can lead out of it. */
const EARLIEST = Date.parse('0001-01-01T00:00:00.000Z');
const LATEST = Date.parse('9999-12-31T23:59:59.999Z');

/**
 * The moment that an RFC 3339 time means, to the millisecond. null: there is none, such as 30 February or 24:00 (RFC 3339 §5.7), which
 * Date.parse would carry over into the next month or day.
 * @param text in the form of a Timestamp, which the contract has checked
 */
export function momentOf(text: string): Date | null {
  const moment = new Date(text);
  const [day, hour] = [text.slice(0, 10), text.slice(11, 13)];
  if (Number.isNaN(moment.getTime()) || hour === '24' || !isCalendarDay(day)) return null;
  return moment.getTime() >= EARLIEST && moment.getTime() <= LATEST ? moment : null;
}

const isCalendarDay = (day: string): boolean => new Date(`${day}T00:00:00Z`).toISOString().startsWith(day);

/** The moment of an optional time in a request. Throws TIME_INVALID (400), which names its place. */
export function timeOf(name: string, text: string | undefined, place: 'parameter' | 'pointer'): Date | undefined {
  if (text === undefined) return undefined;
  const time = momentOf(text);
  if (time !== null) return time;
  const fault = { message: 'is no time that exists' };
  throw new MailroomError('invalid', 'TIME_INVALID', `${name} is no time that exists.`, [place === 'pointer' ? { pointer: `/${name}`, ...fault } : { parameter: name, ...fault }]);
}
