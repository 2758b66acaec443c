import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import path from 'node:path';

interface Message {
  started?: { url: string; directory: string; port: number };
  failed?: { name: string; message: string; stack: string };
  notice?: string;
  log?: { level: string; details: Record<string, unknown>; text: string };
}

/** A process that starts the embedded Postgres as Mailroom does (stand-in.mjs). */
export class Owner {
  readonly messages: Message[] = [];
  readonly ended: Promise<unknown>;
  private readonly settled: Promise<void>;
  errors = '';

  constructor(private readonly child: ChildProcess) {
    this.ended = once(child, 'close');
    this.settled = new Promise((resolve) => {
      createInterface(child.stdout!).on('line', (line) => {
        const message = JSON.parse(line) as Message;
        this.messages.push(message);
        if (message.started || message.failed) resolve();
      });
      child.once('close', () => resolve());
    });
    child.stderr!.on('data', (chunk: Buffer) => { this.errors += chunk.toString(); });
  }

  get pid(): number {
    return this.child.pid!;
  }

  get notices(): string[] {
    return this.messages.flatMap((message) => message.notice ?? []);
  }

  async started(): Promise<NonNullable<Message['started']>> {
    await this.settled;
    const started = this.messages.find((message) => message.started)?.started;
    if (!started) throw new Error(`not started: ${JSON.stringify(this.messages)} ${this.errors}`);
    return started;
  }

  async failed(): Promise<NonNullable<Message['failed']>> {
    await this.settled;
    const failed = this.messages.find((message) => message.failed)?.failed;
    if (!failed) throw new Error(`did not fail: ${JSON.stringify(this.messages)} ${this.errors}`);
    return failed;
  }

  async stop(): Promise<void> {
    this.child.stdin!.end();
    await this.ended;
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

export interface OwnerOptions {
  dataDir: string;
  systemDir?: string;
}

export function startOwner(installed: string, options: OwnerOptions, spawnOptions: { uid?: number; gid?: number; cwd?: string } = {}): Owner {
  const script = path.join(installed, 'stand-in.mjs');
  return new Owner(spawn(process.execPath, [script, JSON.stringify(options)], { stdio: 'pipe', cwd: '/', ...spawnOptions }));
}
