import { Readable } from 'node:stream';
import type { Response } from 'express';

const HEARTBEAT_MS = 15_000;

/** Changes as Server-Sent Events, with a comment now and then that keeps proxies from closing a quiet stream. */
export function eventStream(changes: AsyncIterable<{ event: string; data: unknown }>, res: Response): Readable {
  const stream = Readable.from(lines(changes), { objectMode: true });
  stream.on('error', () => res.destroy()); // a stream that breaks must not look complete
  if (res.closed) stream.destroy();
  else res.once('close', () => stream.destroy());
  return stream;
}

async function* lines(changes: AsyncIterable<{ event: string; data: unknown }>): AsyncGenerator<string> {
  let [id, quietSince] = [0, Date.now()];
  for await (const { event, data } of changes) {
    if (event !== 'heartbeat') {
      id += 1;
      quietSince = Date.now();
      yield `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
    } else if (Date.now() - quietSince > HEARTBEAT_MS) {
      quietSince = Date.now();
      yield ': still running\n\n';
    }
  }
}

