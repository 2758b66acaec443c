import { endpointOf, TcpRelay, through } from '../setup/tcp-relay.js';

/** Stands between one process and Redis. At the first bytes with a wanted text no byte passes any more; those bytes do not reach Redis. */
export class RedisProxy {
  private readonly relay: TcpRelay;
  private trap: { text: string; left: number; reached(bytes: string): void } | null = null;

  constructor(private readonly target: URL) {
    this.relay = new TcpRelay(endpointOf(target, 6379), (bytes) => this.isCaught(bytes.toString('latin1')));
  }

  /** @returns the URL by way of the proxy */
  async open(): Promise<string> {
    await this.relay.open();
    return through(this.target, this.relay.port);
  }

  arm(text: string, skip: number, reached: (bytes: string) => void): void {
    this.trap = { text, left: skip, reached };
  }

  /** Ends all connections, as the end of a process does; new ones pass freely. */
  cut(): void {
    this.relay.cut();
    this.relay.speak();
  }

  async close(): Promise<void> {
    this.trap = null;
    await this.relay.close();
  }

  private isCaught(bytes: string): boolean {
    const { trap } = this;
    if (trap === null || !bytes.includes(trap.text)) return false;
    trap.left -= 1;
    if (trap.left >= 0) return false;
    this.trap = null;
    this.relay.silence();
    trap.reached(bytes);
    return true;
  }
}
