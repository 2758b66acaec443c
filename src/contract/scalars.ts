/**
 * A UUID (RFC 9562). Ids that Mailroom makes are version 7, so they sort by time.
 * @pattern ^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$ must be a UUID, such as 019ab3c1-7d20-7000-8000-4d61696c726d
 * @format uuid
 * @example "019ab3c1-7d20-7000-8000-4d61696c726d"
 */
export type Uuid = string;

/**
 * A time as RFC 3339 writes it, with its offset; Mailroom answers in UTC with milliseconds.
 * @pattern ^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$ must be an RFC 3339 time, such as 2026-03-01T09:30:00Z
 * @format date-time
 * @example "2026-03-01T09:30:00.000Z"
 */
export type Timestamp = string;
