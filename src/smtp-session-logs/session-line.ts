import { printable } from '../smtp/printable.js';

/** What a line of the log tells of one delivery attempt. null: not known, or does not apply. */
export interface DeliveryFacts {
  /** The status that the attempt led to. */
  status: string;
  /** The server as the settings name it. */
  relay: string;
  address: string | null;
  port: number | null;
  /** The TLS protocol, such as `TLSv1.3`. */
  tls: string | null;
  from: string;
  to: string;
  /** With its angle brackets. */
  messageId: string;
  queueId: string | null;
  durationMs: number;
  reply: string | null;
  code: string | null;
  message: string | null;
}

/** Why no session could be opened for a batch of e-mails. */
export interface ConnectionFacts {
  relay: string;
  address: string | null;
  port: number;
  /** How many e-mails this was the attempt of; 0 when other connections of the batch were opened. */
  emails: number;
  durationMs: number;
  code: string;
  message: string;
}

const LINE_LIMIT = 4_000;
const UNUSUAL = /[^\x20-\x7e]/;
/** Half of a pair, as a cut in the middle leaves it: no UTF-8 can hold it. */
const LONE_SURROGATE = /\p{Cs}/gu;

export function deliveryLine({ status, relay, address, port, tls, from, to, messageId, queueId, durationMs, reply, code, message }: DeliveryFacts): string {
  return lineOf(status, {
    relay, address: address === null ? null : socketAddress(address, port), tls: tls ?? 'none', from: `<${from}>`, to: `<${to}>`, 'message-id': messageId,
    'queue-id': queueId, ms: durationMs, reply, code, message,
  });
}

export function connectionLine({ relay, address, port, emails, durationMs, code, message }: ConnectionFacts): string {
  return lineOf('not-connected', { relay, address: address === null ? null : socketAddress(address, port), emails, ms: durationMs, code, message });
}

export const testLine = (address: string | null, line: string): string => oneLine(`${address === null ? '' : `address=${address} `}${line}`);

/** Text that is safe to store, on one line. Nearly all lines are: the first look is the cheap one. */
const oneLine = (text: string): string =>
  text.length <= LINE_LIMIT && !UNUSUAL.test(text) ? text : printable(text, LINE_LIMIT).replace(LONE_SURROGATE, '\ufffd');

/** A transcript that is safe to store; its lines were made printable one by one. */
export const storable = (transcript: string, limit: number): string => transcript.slice(0, limit).replaceAll('\0', '\ufffd').replace(LONE_SURROGATE, '\ufffd');

const lineOf = (what: string, fields: Record<string, string | number | null>): string => {
  const told = Object.entries(fields).filter(([, value]) => value !== null);
  return oneLine([what, ...told.map(([name, value]) => `${name}=${quoted(String(value))}`)].join(' '));
};

/** `name=value`; what holds a space or a quote is quoted, so that a server's reply cannot pass for another field. */
const quoted = (value: string): string => (/[\s"=]/.test(value) || value === '' ? JSON.stringify(value) : value);

const socketAddress = (address: string, port: number | null): string => (address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`);
