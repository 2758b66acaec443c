import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../logger.js';
import { hasEnded, startServer, stopServer, type Server, type ServerOptions } from './server.js';

const MAX_PAUSE_MS = 10_000;

/** Keeps one server running, always on the port that its URL names, until it is stopped. */
export class Supervisor {
  private readonly stopping = new AbortController();
  private restarting: Promise<void> | undefined;

  private constructor(private server: Server, private readonly options: ServerOptions, private readonly logger: Logger) {
    this.watch();
  }

  static async start(options: ServerOptions, logger: Logger): Promise<Supervisor> {
    return new Supervisor(await startServer(options), options, logger);
  }

  get port(): number {
    return this.server.port;
  }

  get pid(): number | undefined {
    return this.server.process.pid;
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.restarting;
    await stopServer(this.server);
  }

  private watch(): void {
    const child = this.server.process;
    const onExit = (): void => {
      if (this.stopping.signal.aborted) return;
      this.logger.error({ code: child.exitCode, signal: child.signalCode }, 'The embedded Postgres ended by itself; starting it again');
      this.restarting = this.restart();
    };
    if (hasEnded(child)) onExit();
    else child.once('exit', onExit);
  }

  /** Postgres recovers by itself from having been killed. What hinders it (a full disk) may pass, so this goes on, ever more slowly. */
  private async restart(): Promise<void> {
    for (let pause = 100; !this.stopping.signal.aborted; pause = Math.min(pause * 2, MAX_PAUSE_MS)) {
      try {
        this.server = await startServer(this.options, this.server.port, this.stopping.signal);
        return this.watch();
      } catch (error) {
        if (this.stopping.signal.aborted) return;
        this.logger.error({ err: error }, 'The embedded Postgres cannot be started again yet');
        await delay(pause, undefined, { signal: this.stopping.signal }).catch(() => undefined);
      }
    }
  }
}
