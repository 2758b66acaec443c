import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

/** What has just come from the client, and is not answered yet; `middle` is a message of which only the beginning has come. */
export type SmtpStep = 'connected' | 'mail' | 'rcpt' | 'data' | 'middle' | 'dot';

export interface TakenMail {
  to: string;
  /** As it came, without the final dot. */
  raw: Buffer;
}

/** The connection on which a wanted moment was reached. It stands still, and nothing more is read from it. */
export interface Caught {
  /** The client's end of it. */
  clientPort: number;
  goOn(): void;
  drop(): void;
}

interface Trap {
  step: SmtpStep;
  left: number;
  reached(caught: Caught): void;
}

/** So that a burst of mail takes a moment, and both workers get a part of it. */
const REPLY_MS = 15;
const END = Buffer.from('\r\n.\r\n');
const CRLF = Buffer.from('\r\n');

/**
 * A mail server that takes every mail, and stands still when a wanted moment is reached. It has no PIPELINING, so that each command comes
 * alone. A mail counts as taken when its final dot has come, whether or not the client hears of it.
 */
export class SmtpSink {
  readonly taken: TakenMail[] = [];
  private readonly dialogues = new Map<Socket, Dialogue>();
  private readonly server = createServer((socket) => this.take(socket));
  private readonly held: (() => void)[] = [];
  private holding = false;
  private trap: Trap | null = null;

  /** @returns its port, on 127.0.0.1 */
  async open(): Promise<number> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return this.port;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Connections that are open now, by the client's end. */
  get clientPorts(): number[] {
    return [...this.dialogues.keys()].flatMap(({ remotePort }) => remotePort ?? []);
  }

  /** No mail is on its way. */
  get isIdle(): boolean {
    return ![...this.dialogues.values()].some(({ inMail }) => inMail);
  }

  /** Greets nobody from now on, so that no mail is on its way. */
  hold(): void {
    this.holding = true;
  }

  letGo(): void {
    this.holding = false;
    for (const greet of this.held.splice(0)) greet();
  }

  /** @param skip how often the step passes first */
  arm(step: SmtpStep, skip: number, reached: (caught: Caught) => void): void {
    this.trap = { step, left: skip, reached };
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.dialogues.keys()) socket.destroy();
    await closed;
  }

  private take(socket: Socket): void {
    socket.setNoDelay(true).on('error', () => undefined).on('close', () => this.dialogues.delete(socket)); // a client that is killed is what this is for
    const dialogue = new Dialogue(socket, (mail) => this.taken.push(mail), (step, goOn) => this.at(step, socket, goOn));
    this.dialogues.set(socket, dialogue);
    if (this.holding) this.held.push(() => dialogue.begin());
    else dialogue.begin();
  }

  /** Goes on, or stands still when this is the moment. */
  private at(step: SmtpStep, socket: Socket, goOn: () => void): void {
    const { trap } = this;
    if (trap?.step !== step) return goOn();
    trap.left -= 1;
    if (trap.left >= 0) return goOn();
    this.trap = null;
    socket.pause();
    trap.reached({ clientPort: socket.remotePort!, goOn: () => (socket.resume(), goOn()), drop: () => socket.destroy() });
  }
}

/** The server's side of one connection. */
class Dialogue {
  /** From MAIL to the reply to the message. */
  inMail = false;
  private received: Buffer = Buffer.alloc(0);
  private to = '';
  private inMessage = false;
  /** Between a step and its answer nothing more is read. */
  private waiting = true;

  constructor(
    private readonly socket: Socket,
    private readonly took: (mail: TakenMail) => void,
    private readonly at: (step: SmtpStep, goOn: () => void) => void,
  ) {
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.read();
    });
  }

  begin(): void {
    this.at('connected', () => this.answer('220 sink.example.test ESMTP'));
  }

  private read(): void {
    if (this.waiting) return;
    if (this.inMessage) return this.readMessage();
    const end = this.received.indexOf(CRLF);
    if (end < 0) return;
    const line = this.received.toString('utf8', 0, end);
    this.received = this.received.subarray(end + CRLF.length);
    this.obey(line);
  }

  private obey(line: string): void {
    const verb = line.split(/[ :]/)[0]!.toUpperCase();
    if (verb === 'MAIL') {
      this.inMail = true;
      return this.step('mail', '250 2.1.0 OK');
    }
    if (verb === 'RCPT') {
      this.to = /<([^>]*)>/.exec(line)?.[1] ?? '';
      return this.step('rcpt', '250 2.1.5 OK');
    }
    if (verb === 'DATA') {
      this.inMessage = true;
      return this.step('data', '354 Go on');
    }
    if (verb === 'EHLO') return this.answer('250-sink.example.test\r\n250 8BITMIME');
    this.answer(verb === 'QUIT' ? '221 2.0.0 Bye' : '250 2.0.0 OK');
    if (verb === 'QUIT') this.socket.end();
  }

  private readMessage(): void {
    const end = this.received.indexOf(END);
    if (end < 0) return this.pause('middle', () => undefined);
    this.took({ to: this.to, raw: this.received.subarray(0, end + CRLF.length) });
    this.received = this.received.subarray(end + END.length);
    this.inMessage = false;
    this.pause('dot', () => void setTimeout(() => this.endOfMail(), REPLY_MS));
  }

  private endOfMail(): void {
    this.inMail = false;
    this.answer('250 2.0.0 OK');
  }

  private step(step: SmtpStep, reply: string): void {
    this.pause(step, () => this.answer(reply));
  }

  private pause(step: SmtpStep, goOn: () => void): void {
    this.waiting = true;
    this.at(step, () => {
      this.waiting = step !== 'middle';
      goOn();
    });
  }

  private answer(reply: string): void {
    if (!this.socket.destroyed) this.socket.write(`${reply}\r\n`);
    this.waiting = false;
    this.read();
  }
}
