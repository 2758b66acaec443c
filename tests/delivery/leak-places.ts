import type { RequestListener, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { Redis } from 'ioredis';
import pg from 'pg';
import { pino } from 'pino';
import yauzl from 'yauzl';
import type { Logger } from '../../src/logger.js';
import type { Place } from './leaks.js';

/** The same application; each answer is kept as it leaves, with its headers. */
export function recorded(app: RequestListener, answers: Place[]): RequestListener {
  return (req, res) => {
    const name = `${req.method} ${req.url}`;
    const chunks = tapped(res);
    res.once('close', () => answers.push({ kind: 'answer', name, text: `${res.statusCode} ${JSON.stringify(res.getHeaders())} ${Buffer.concat(chunks).toString()}` }));
    app(req, res);
  };
}

function tapped(res: ServerResponse): Buffer[] {
  const chunks: Buffer[] = [];
  const keep = (chunk: unknown): void => { if (chunk !== undefined && chunk !== null && typeof chunk !== 'function') chunks.push(Buffer.from(chunk as string)); };
  const { write, end } = res;
  Object.assign(res, {
    write: (...args: unknown[]) => { keep(args[0]); return write.apply(res, args as never); },
    end: (...args: unknown[]) => { keep(args[0]); return end.apply(res, args as never); },
  });
  return chunks;
}

/** The lines that the logger writes from now on. They go here and not to standard output, which is that of the test run. */
export function linesOf(logger: Logger): string[] {
  const lines: string[] = [];
  const stream = (logger as unknown as Record<symbol, { write(line: string): boolean }>)[pino.symbols.streamSym]!;
  stream.write = (line) => lines.push(line) > 0;
  return lines;
}

export const logPlaces = (lines: string[]): Place[] => lines.map((text, index) => ({ kind: 'log', name: `line ${index + 1}`, text }));

/** Every row of every table of every schema; what is bytes in it also as the text that it may be. The jobs of BullMQ are rows too. */
export async function databasePlaces(url: string): Promise<Place[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ name: string }>(`
      SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')`);
    const places: Place[] = [];
    for (const { name } of tables) {
      const { rows } = await client.query<{ row: string }>(`SELECT to_jsonb(t)::text AS row FROM ${name} t`);
      places.push(...rows.map(({ row }) => ({ kind: name.startsWith('bullmq.') ? 'job' : 'row', name, text: `${row}\n${bytesIn(row)}` })));
    }
    return places;
  } finally {
    await client.end();
  }
}

const bytesIn = (row: string): string => [...row.matchAll(/\\\\x((?:[0-9a-f]{2})+)/g)].map(([, hex]) => Buffer.from(hex!, 'hex').toString()).join('\n');

/** Every key of a Redis of the test's own. */
export async function redisPlaces(url: string): Promise<Place[]> {
  const redis = new Redis(url);
  try {
    return await Promise.all((await redis.keys('*')).map(async (name) => ({ kind: 'job', name, text: `${name} ${JSON.stringify(await valueOf(redis, name))}` })));
  } finally {
    redis.disconnect();
  }
}

async function valueOf(redis: Redis, key: string): Promise<unknown> {
  const readers: Record<string, () => Promise<unknown>> = {
    string: () => redis.get(key), hash: () => redis.hgetall(key), list: () => redis.lrange(key, 0, -1), set: () => redis.smembers(key),
    zset: () => redis.zrange(key, '0', '-1'), stream: () => redis.xrange(key, '-', '+'), none: () => Promise.resolve(null),
  };
  return readers[await redis.type(key)]!();
}

/** The files of a support bundle. */
export async function bundlePlaces(bytes: Buffer): Promise<Place[]> {
  const places: Place[] = [];
  const zip = await yauzl.fromBufferPromise(bytes, { lazyEntries: true });
  for await (const entry of zip.eachEntry()) {
    places.push({ kind: 'file', name: entry.fileName, text: (await buffer(await zip.openReadStreamPromise(entry))).toString() });
  }
  return places;
}
