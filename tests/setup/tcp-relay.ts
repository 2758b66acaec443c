import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Stands between a client and its server, and fails as networks do: cut connections, a closed port, or silence. */
export class TcpRelay {
  private readonly sockets = new Set<Socket>();
  private silent = false;
  private server: Server = this.createServer();
  port = 0;

  /** @param stops tells, of bytes that a client sent, that they must not reach the server */
  constructor(private readonly target: { host: string; port: number }, private readonly stops: (bytes: Buffer) => boolean = () => false) {}

  /** Takes connections, on the same port as before. */
  async open(): Promise<void> {
    this.server = this.createServer().listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }

  /** Ends all connections; new ones are taken. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** Ends all connections and refuses new ones. */
  async refuse(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.cut();
    await closed;
  }

  /** No byte passes any more, in either direction, on old connections and new ones. */
  silence(): void {
    this.silent = true;
    for (const socket of this.sockets) socket.pause();
  }

  speak(): void {
    this.silent = false;
    for (const socket of this.sockets) socket.resume();
  }

  async close(): Promise<void> {
    if (this.server.listening) await this.refuse();
  }

  /** How many connections it holds to the server. */
  get connections(): number {
    return this.sockets.size / 2;
  }

  private createServer(): Server {
    return createServer((client) => {
      const server = connect({ ...this.target, noDelay: true });
      this.join(client, server, this.stops);
      this.join(server, client, () => false);
    });
  }

  private join(from: Socket, to: Socket, stops: (bytes: Buffer) => boolean): void {
    this.sockets.add(from);
    from.on('data', (bytes: Buffer) => { if (!stops(bytes)) to.write(bytes); });
    from.on('error', () => undefined); // 'close' follows
    from.on('close', () => {
      this.sockets.delete(from);
      to.destroy();
    });
    if (this.silent) from.pause();
  }
}

/** Where the server of a URL listens. */
export function endpointOf({ hostname, port }: URL, defaultPort: number): { host: string; port: number } {
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || defaultPort };
}

/** The same URL by way of a port of this machine. */
export function through(url: URL, port: number): string {
  const way = new URL(url);
  way.hostname = '127.0.0.1';
  way.port = String(port);
  return way.href;
}

/** The same URL with the relay's address in place of its server's. */
export async function relayed(url: string, defaultPort: number): Promise<{ relay: TcpRelay; url: string }> {
  const target = new URL(url);
  const relay = new TcpRelay(endpointOf(target, defaultPort));
  await relay.open();
  return { relay, url: through(target, relay.port) };
}
