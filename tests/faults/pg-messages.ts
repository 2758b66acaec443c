/** A message of Postgres' protocol (version 3): a letter for its type, and a body. The first of a client has no letter. */
export interface PgMessage {
  type: string;
  body: Buffer;
  bytes: Buffer;
}

const LENGTH = 4;
/** Version 3.0 as it stands in the first message; another number there asks for encryption. */
const VERSION_3 = 196_608;

/** Cuts a stream of bytes into messages. */
export class MessageReader {
  private rest: Buffer = Buffer.alloc(0);

  constructor(private isFirst: boolean) {}

  push(chunk: Buffer): PgMessage[] {
    this.rest = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    const messages: PgMessage[] = [];
    for (let message = this.next(); message !== null; message = this.next()) messages.push(message);
    return messages;
  }

  private next(): PgMessage | null {
    const head = this.isFirst ? 0 : 1;
    if (this.rest.length < head + LENGTH) return null;
    const end = head + this.rest.readUInt32BE(head);
    if (this.rest.length < end) return null;
    const bytes = this.rest.subarray(0, end);
    this.rest = this.rest.subarray(end);
    const body = bytes.subarray(head + LENGTH);
    if (this.isFirst && body.readUInt32BE(0) !== VERSION_3) throw new Error('The proxy reads no encrypted connections: leave sslmode out of the database URL.');
    this.isFirst = false;
    return { type: bytes.toString('latin1', 0, head), body, bytes };
  }
}

/** What a client asks for in one go: a simple query, or a prepared one with its values. */
export interface Statement {
  sql: string;
  /** As they were sent, one after the other, with some bytes between them. */
  values: string;
  /** The SQL of what came before it in the same transaction. */
  earlier: readonly string[];
}

/** Puts together the messages of one statement after the other, and knows in which transaction it is. */
export class StatementReader {
  private readonly prepared = new Map<string, string>();
  private earlier: string[] = [];
  private sql = '';
  private values = '';

  /** The statement that ends with this message; null while there is none. */
  push({ type, body }: PgMessage): Statement | null {
    if (type === 'P') this.parse(body);
    if (type === 'B') this.bind(body);
    if (type === 'Q') this.sql = texts(body)[0]!;
    return type === 'Q' || type === 'S' ? this.end() : null;
  }

  private parse(body: Buffer): void {
    const [name, sql] = texts(body) as [string, string];
    this.prepared.set(name, sql);
    this.sql = sql;
  }

  private bind(body: Buffer): void {
    const [, name] = texts(body) as [string, string];
    this.sql = this.prepared.get(name) ?? '';
    this.values = body.toString('utf8');
  }

  private end(): Statement {
    const statement = { sql: this.sql, values: this.values, earlier: this.earlier };
    this.earlier = /^\s*(BEGIN|COMMIT|ROLLBACK)\b/i.test(this.sql) ? [] : [...this.earlier, this.sql];
    this.sql = '';
    this.values = '';
    return statement;
  }
}

/** The texts at the start of a body; each ends with a zero byte. */
const texts = (body: Buffer): string[] => body.toString('utf8').split('\0');
