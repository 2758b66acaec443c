import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

export interface Greylist {
  port: number;
  close(): Promise<void>;
}

/** A policy server for Postfix (`check_policy_service`): the first mail of a sender to a recipient is put off, the next ones are let in. */
export async function startGreylist(): Promise<Greylist> {
  const known = new Set<string>();
  const sockets = new Set<Socket>();
  const answer = (request: string): string => {
    const pair = ['sender', 'recipient'].map((name) => new RegExp(`^${name}=(.*)$`, 'm').exec(request)?.[1]).join(' ');
    if (known.has(pair)) return 'DUNNO';
    known.add(pair);
    return '450 4.2.0 Greylisted, come again';
  };
  const server = createServer((socket) => {
    let received = '';
    sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString();
      for (let end = received.indexOf('\n\n'); end >= 0; end = received.indexOf('\n\n')) {
        socket.write(`action=${answer(received.slice(0, end))}\n\n`);
        received = received.slice(end + 2);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise<void>((resolve) => {
      server.close(() => resolve());
      sockets.forEach((socket) => socket.destroy());
    }),
  };
}
