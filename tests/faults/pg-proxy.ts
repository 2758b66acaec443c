import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { endpointOf, through } from '../setup/tcp-relay.js';
import { MessageReader, type PgMessage, type Statement, StatementReader } from './pg-messages.js';

/** The point of a statement at which everything stops. */
export interface SqlMoment {
  /** `before`: Postgres does not get the statement. `after`: it has done it and answered, and the client does not get the answer. */
  at: 'before' | 'after';
  matches(statement: Statement): boolean;
  /** How many statements that match go through first. */
  skip?: number;
}

interface Trap {
  moment: SqlMoment;
  left: number;
  reached(statement: Statement): void;
}

/**
 * Stands between one process and Postgres, and reads what the process asks for. At a wanted moment no byte passes any more on any of the
 * process' connections, so that whoever is told can kill it there.
 */
export class PgProxy {
  private readonly conversations = new Set<Conversation>();
  private readonly server = createServer((client) => this.take(client));
  private trap: Trap | null = null;
  private frozen = false;

  constructor(private readonly target: URL) {}

  /** @returns the database's URL by way of the proxy */
  async open(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return through(this.target, (this.server.address() as AddressInfo).port);
  }

  /** @param reached called at once when it is, when everything has stopped */
  arm(moment: SqlMoment, reached: (statement: Statement) => void): void {
    this.trap = { moment, left: moment.skip ?? 0, reached };
  }

  /** Everything goes on where it stopped, after a moment `after` a statement. */
  goOn(): void {
    this.frozen = false;
    for (const conversation of this.conversations) conversation.goOn();
  }

  /** Ends all connections, as the end of a process does; new ones pass freely. */
  cut(): void {
    this.frozen = false;
    for (const conversation of this.conversations) conversation.end();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.trap = null;
    this.cut();
    await closed;
  }

  private take(client: Socket): void {
    const conversation: Conversation = new Conversation(client, connect({ ...endpointOf(this.target, 5432), noDelay: true }), {
      isCaught: (statement) => this.isCaught(statement),
      reached: (statement) => this.reached(statement),
      ended: () => this.conversations.delete(conversation),
    });
    this.conversations.add(conversation);
    if (this.frozen) conversation.freeze();
  }

  private isCaught(statement: Statement): SqlMoment['at'] | null {
    if (this.trap === null || !this.trap.moment.matches(statement)) return null;
    this.trap.left -= 1;
    return this.trap.left < 0 ? this.trap.moment.at : null;
  }

  private reached(statement: Statement): void {
    const { trap } = this;
    if (trap === null) return;
    this.trap = null;
    this.frozen = true;
    for (const conversation of this.conversations) conversation.freeze();
    trap.reached(statement);
  }
}

interface Watcher {
  isCaught(statement: Statement): SqlMoment['at'] | null;
  reached(statement: Statement): void;
  ended(): void;
}

/** One connection of the process. */
class Conversation {
  private readonly messages = new MessageReader(true);
  private readonly statements = new StatementReader();
  /** Of a statement that is not complete yet. */
  private unsent: Buffer[] = [];
  /** Reads the answer that is withheld. */
  private answer: { statement: Statement; reader: MessageReader; chunks: Buffer[]; failed: boolean } | null = null;
  private withheld: Buffer[] = [];
  private frozen = false;

  constructor(private readonly client: Socket, private readonly server: Socket, private readonly watcher: Watcher) {
    client.setNoDelay(true);
    client.on('data', (chunk: Buffer) => this.fromClient(chunk));
    server.on('data', (chunk: Buffer) => this.fromServer(chunk));
    for (const socket of [client, server]) socket.on('error', () => undefined).on('close', () => this.end()); // 'close' follows 'error'
  }

  freeze(): void {
    this.frozen = true;
    this.client.pause();
    this.server.pause();
  }

  goOn(): void {
    this.frozen = false;
    for (const chunk of this.withheld.splice(0)) this.client.write(chunk);
    this.client.resume();
    this.server.resume();
  }

  end(): void {
    this.client.destroy();
    this.server.destroy();
    this.watcher.ended();
  }

  private fromClient(chunk: Buffer): void {
    for (const message of this.messages.push(chunk)) {
      if (this.frozen) return;
      this.unsent.push(message.bytes);
      const statement = this.statements.push(message);
      if (statement !== null) this.pass(statement);
      else if (!COLLECTED.has(message.type)) this.send();
    }
  }

  private pass(statement: Statement): void {
    const caught = this.watcher.isCaught(statement);
    if (caught === 'before') return this.watcher.reached(statement);
    if (caught === 'after') this.answer = { statement, reader: new MessageReader(false), chunks: [], failed: false };
    this.send();
  }

  private send(): void {
    this.server.write(Buffer.concat(this.unsent.splice(0)));
  }

  private fromServer(chunk: Buffer): void {
    if (this.answer === null) return void this.client.write(chunk);
    this.answer.chunks.push(chunk);
    for (const message of this.answer.reader.push(chunk)) this.withhold(message);
  }

  /** A statement is done, and committed when it stands alone, with Postgres' word that it is ready for the next one. One that failed counts for nothing. */
  private withhold({ type }: PgMessage): void {
    const { answer } = this;
    if (answer === null) return;
    if (type === 'E') answer.failed = true;
    if (type !== 'Z') return;
    this.answer = null;
    this.withheld = answer.chunks;
    if (answer.failed) this.goOn();
    else this.watcher.reached(answer.statement);
  }
}

/** Messages that are sent on together, with the one that ends their statement: Parse, Bind, Describe, Execute, Close. */
const COLLECTED = new Set(['P', 'B', 'D', 'E', 'C']);
