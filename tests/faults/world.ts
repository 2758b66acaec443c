import { Cluster } from './cluster.js';
import { PgProxy } from './pg-proxy.js';
import { RedisProxy } from './redis-proxy.js';
import { openServers, type QueueBackEnd, type Servers } from './servers.js';

/** Where cells happen, one after the other: an API process and two workers, with servers of their own. */
export interface World {
  cluster: Cluster;
  servers: Servers;
  /** Between those processes that may be killed in the middle of a statement and Postgres. The second worker has no detour. */
  proxies: Record<'api' | 'first', PgProxy>;
  /** Between the API and Redis. */
  redisProxy: RedisProxy | null;
  close(): Promise<void>;
}

export async function createWorld(queue: QueueBackEnd): Promise<World> {
  const closers: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (let last = closers.pop(); last; last = closers.pop()) await last();
  };
  try {
    return { ...(await build(queue, closers)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function build(queue: QueueBackEnd, closers: (() => Promise<unknown>)[]): Promise<Omit<World, 'close'>> {
  const servers = await openServers(queue);
  closers.push(() => servers.close());
  const { postgres: { url: databaseUrl }, redisUrl } = servers;
  const proxies = { api: new PgProxy(new URL(databaseUrl)), first: new PgProxy(new URL(databaseUrl)) };
  const redisProxy = redisUrl === null ? null : new RedisProxy(new URL(redisUrl));
  closers.push(() => Promise.all([proxies.api.close(), proxies.first.close(), redisProxy?.close()]));
  const cluster = new Cluster({
    api: { databaseUrl: await proxies.api.open(), redisUrl: redisProxy && await redisProxy.open() },
    first: { databaseUrl: await proxies.first.open(), redisUrl },
    second: { databaseUrl, redisUrl },
  });
  closers.push(() => cluster.end());
  await cluster.start();
  return { cluster, servers, proxies, redisProxy };
}
