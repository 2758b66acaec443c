import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** Stands between one process and Redis. At the first bytes with a wanted text no byte passes any more; those bytes do not reach Redis. */
export class RedisProxy {
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer((client) => this.take(client));
  private trap: { text: string; left: number; reached(bytes: string): void } | null = null;

  constructor(private readonly target: URL) {}

  /** @returns the URL by way of the proxy */
  async open(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    const url = new URL(this.target);
    url.hostname = '127.0.0.1';
    url.port = String((this.server.address() as AddressInfo).port);
    return url.href;
  }

  arm(text: string, skip: number, reached: (bytes: string) => void): void {
    this.trap = { text, left: skip, reached };
  }

  /** Ends all connections, as the end of a process does; new ones pass freely. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.trap = null;
    this.cut();
    await closed;
  }

  private take(client: Socket): void {
    const server = connect({ host: this.target.hostname, port: Number(this.target.port || 6379), noDelay: true });
    this.join(client, server, (bytes) => this.isCaught(bytes));
    this.join(server, client, () => false);
  }

  private join(from: Socket, to: Socket, isCaught: (bytes: string) => boolean): void {
    this.sockets.add(from);
    from.on('data', (bytes: Buffer) => { if (!isCaught(bytes.toString('latin1'))) to.write(bytes); });
    from.on('error', () => undefined).on('close', () => { // 'close' follows 'error'
      this.sockets.delete(from);
      to.destroy();
    });
  }

  private isCaught(bytes: string): boolean {
    const { trap } = this;
    if (trap === null || !bytes.includes(trap.text)) return false;
    trap.left -= 1;
    if (trap.left >= 0) return false;
    this.trap = null;
    for (const socket of this.sockets) socket.pause();
    trap.reached(bytes);
    return true;
  }
}
