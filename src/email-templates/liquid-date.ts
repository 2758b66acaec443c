/** A filter of the engine: what `date` is called with. */
export type DateFilter = (this: unknown, value: unknown, format?: unknown, ...rest: unknown[]) => unknown;

const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const [FORMATTED_NAME, PARTS] = [/%(%|[aAbB])/g, /^(\d\d) (\d)$/];

/**
 * The engine's filter `date`, with the English names of months and days written by us: the engine asks the runtime for each of them, which takes longer than
 * all the rest of a template.
 */
export function withNamesOfDates(date: DateFilter): DateFilter {
  return function named(value, format, ...rest) {
    if (typeof format !== 'string' || format.search(/%[aAbB]/) < 0) return date.call(this, value, format, ...rest);
    const [, month, day] = PARTS.exec(String(date.call(this, value, '%m %w', ...rest))) ?? [];
    const [monthName, dayName] = [MONTHS[Number(month) - 1], DAYS[Number(day)]];
    if (monthName === undefined || dayName === undefined) return date.call(this, value, format, ...rest); // it is no date, which may look like what was asked for
    const names: Record<string, string> = { '%': '%%', a: dayName.slice(0, 3), A: dayName, b: monthName.slice(0, 3), B: monthName };
    return date.call(this, value, format.replace(FORMATTED_NAME, (_all, letter: string) => names[letter]!), ...rest);
  };
}
