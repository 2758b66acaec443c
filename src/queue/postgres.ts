import { Socket } from 'node:net';
import { PostgresConnection, PostgresQueueBackend, type IQueueBackend, type QueueBaseOptions } from 'bullmq';
import pg from 'pg';
import { StartError } from '../errors.js';
import type { BackEnd, BackEndEvents } from './back-end.js';
import { ANSWER_MS, settled } from './deadline.js';

/** Besides these there is one connection that listens for new jobs. */
const MAX_STATEMENT_CONNECTIONS = 4;
/** No statement of the queue takes that long; a connection that is silent for longer is dead. */
const STATEMENT_MS = 15_000;
const GOODBYE_MS = 500;

/** BullMQ on Postgres, in the schema `bullmq`. Queues and workers of a process share its pool and its listening connection. */
export class PostgresBackEnd implements BackEnd {
  readonly type = 'postgres';
  private readonly sockets = new Set<Socket>();

  private readonly connection: PostgresConnection;

  private constructor(url: string, private readonly prefix: string, events: BackEndEvents) {
    this.connection = new SharedConnection({
      ...target(url),
      application_name: 'mailroom-queue',
      max: MAX_STATEMENT_CONNECTIONS,
      connectionTimeoutMillis: ANSWER_MS,
      query_timeout: STATEMENT_MS,
      keepAlive: true,
      // Creates or upgrades the schema under an advisory lock, in one transaction, so that processes may start at the same time.
      migrate: true,
      stream: () => this.openSocket(),
    });
    this.connection.on('error', (error: Error) => events.lost(error));
    this.connection.setMaxListeners(0); // every queue and worker listens
  }

  /**
   * Connects and brings the schema up to date. `prefix` stands before the name of every queue.
   * @throws StartError when Postgres cannot be reached, does not let us create the schema, or has a newer one
   */
  static async connect(url: string, prefix: string, events: BackEndEvents): Promise<PostgresBackEnd> {
    const backEnd = new PostgresBackEnd(url, prefix, events);
    try {
      await backEnd.connection.waitUntilReady();
      return backEnd;
    } catch (cause) {
      await backEnd.close();
      throw new StartError(`The job queue cannot be set up in Postgres: ${(cause as Error).message}`, { cause });
    }
  }

  readonly factory = (name: string, options: QueueBaseOptions<unknown>): IQueueBackend =>
    new SharedConnectionBackend(this.connection, `${this.prefix}-${name}`, { ...options, connection: this.connection.pool });

  async ready(): Promise<void> {
    // The pool connects when it is asked.
  }

  async ping(): Promise<void> {
    await this.connection.pool.query('SELECT 1');
  }

  async close(): Promise<void> {
    const closed = this.connection.close();
    if (await settled(GOODBYE_MS, closed)) return;
    for (const socket of this.sockets) socket.destroy();
    await settled(GOODBYE_MS, closed);
  }

  private openSocket(): Socket {
    const socket = new Socket();
    this.sockets.add(socket);
    return socket.once('close', () => this.sockets.delete(socket));
  }
}

type PgListenClient = Awaited<ReturnType<PostgresConnection['getListenClient']>>;

/** Several workers listen on its one listening connection, and pg wants one statement at a time on a connection. */
class SharedConnection extends PostgresConnection {
  private readonly known = new WeakSet<PgListenClient>();

  constructor(options: ConstructorParameters<typeof PostgresConnection>[0]) {
    super(options);
    (this as unknown as { pgModule: { Client: typeof pg.Client } }).pgModule = { Client: GuardedClient };
  }

  override async getListenClient(): Promise<PgListenClient> {
    const client = await super.getListenClient();
    if (!this.known.has(client)) takeTurns(client);
    this.known.add(client);
    return client;
  }
}

/**
 * BullMQ listens for the failures of its listening connection only after it has connected. A server that ends it in that moment would end the
 * process with it; here the next statement on it fails, and BullMQ connects anew.
 */
class GuardedClient extends pg.Client {
  constructor(options: pg.ClientConfig) {
    super(options);
    this.on('error', () => undefined);
  }
}

function takeTurns(client: PgListenClient): void {
  const query = client.query.bind(client);
  let last: Promise<unknown> = Promise.resolve();
  client.query = (text, values) => {
    const turn = last.then(() => query<never>(text, values));
    last = turn.catch(() => undefined);
    return turn;
  };
}

/** Ends with its queue or worker, while the connections stay: they belong to the back end. */
class SharedConnectionBackend extends PostgresQueueBackend {
  override async close(): Promise<void> {
    await this.disconnectBlocking();
    this.closing = Promise.resolve();
  }

  override disconnect(): Promise<void> {
    return this.close();
  }
}

/** `options` of a URL would replace those of the settings, among them the search path: it goes there, and BullMQ joins them. */
function target(url: string): { connectionString: string; options?: string } {
  const parsed = new URL(url);
  const options = parsed.searchParams.get('options');
  if (options === null) return { connectionString: url };
  parsed.searchParams.delete('options');
  return { connectionString: parsed.href, options };
}
