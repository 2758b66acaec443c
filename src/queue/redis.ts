import { once } from 'node:events';
import { QueueKeys, RedisConnection, RedisQueueBackend, type IQueueBackend, type QueueBaseOptions } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import type { BackEnd, BackEndEvents } from './back-end.js';
import { ANSWER_MS } from './deadline.js';

type Settings = RedisOptions & { replyMapping?: 'legacy' };

const COMMON: Settings = {
  connectTimeout: ANSWER_MS,
  disconnectTimeout: 500,
  retryStrategy: (attempt) => Math.min(attempt * 50, 1_000),
  // After a failover the old primary stays reachable but refuses writes: resolve the name again, and send the command again.
  reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
};
/** A producer rather fails than waits: the rows are durable, and an HTTP request stands behind it. */
const PRODUCER: Settings = { ...COMMON, enableOfflineQueue: false, maxRetriesPerRequest: 0, commandTimeout: ANSWER_MS };
/** A worker waits for ever. Its commands come every few seconds and block for 5 s at most, so that a longer silence is a dead connection. */
const WORKER: Settings = { ...COMMON, maxRetriesPerRequest: null, socketTimeout: 10_000 };

/** BullMQ on Redis: one connection for all producers, one for all workers, and one for each worker to block on. */
export class RedisBackEnd implements BackEnd {
  readonly type = 'redis';
  private readonly clients: Redis[] = [];
  private readonly producer: Redis;
  private worker: Redis | undefined;
  private connecting: Promise<unknown> | undefined;

  /** Connects in the background, for as long as it takes. `prefix` stands before every key. */
  constructor(private readonly url: string, private readonly prefix: string, private readonly events: BackEndEvents) {
    this.producer = this.open(PRODUCER);
    this.producer.on('ready', () => this.events.connected());
    this.producer.once('ready', () => void this.checkEviction());
  }

  readonly factory = (name: string, options: QueueBaseOptions<unknown>, { withBlockingConnection = false } = {}): IQueueBackend => {
    const keys = new QueueKeys(this.prefix);
    const settings = { ...options, connection: {}, prefix: this.prefix };
    const blocking = withBlockingConnection ? connection(this.open(WORKER), true) : undefined;
    const shared = withBlockingConnection ? (this.worker ??= this.open(WORKER)) : this.producer;
    return new RedisQueueBackend(connection(shared, false), name, keys.getKeys(name), (type) => keys.toKey(name, type), settings, blocking);
  };

  async ready(): Promise<void> {
    if (this.producer.status === 'ready') return;
    // One wait for all callers; `once` rejects when the attempt under way fails.
    this.connecting ??= once(this.producer, 'ready').finally(() => (this.connecting = undefined));
    await this.connecting;
  }

  async ping(): Promise<void> {
    await this.ready();
    await this.producer.ping();
  }

  close(): Promise<void> {
    for (const client of this.clients) if (client.status !== 'end') client.disconnect();
    return Promise.resolve();
  }

  private open(options: Settings): Redis {
    const client = new Client(this.url, options);
    // BullMQ adds a listener too, and takes it away before the connection's last error.
    client.on('error', (error) => this.events.lost(error));
    this.clients.push(client);
    return client;
  }

  /** BullMQ would print this to the console for each connection. Who may not read INFO is not warned. */
  private async checkEviction(): Promise<void> {
    const info = await this.producer.info('memory').catch(() => '');
    const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? 'noeviction';
    if (policy !== 'noeviction') this.events.advice(`Redis may drop jobs: its maxmemory-policy is ${policy}, it should be noeviction.`);
  }
}

/** Disconnected between two attempts, ioredis would only stop to try: no event `end`, and the waiting commands never settle. */
class Client extends Redis {
  override disconnect(reconnect = false): void {
    if (!reconnect && this.status === 'reconnecting') this.status = 'wait';
    super.disconnect(reconnect);
  }
}

/**
 * Without BullMQ's version check, since one INFO that fails would leave that connection unusable for ever. A blocking connection is its
 * worker's own; the others are shared, and a command on them must not wait for a connection: the producer's has to fail fast.
 */
const connection = (client: Redis, blocking: boolean): RedisConnection =>
  new RedisConnection(client, { blocking, shared: !blocking, skipVersionCheck: true, skipWaitingForReady: !blocking });
