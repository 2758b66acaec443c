import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket, type TlsOptions } from 'node:tls';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

/** A mail as a server got it. */
export interface ReceivedMail {
  from: string;
  to: string[];
  raw: string;
  tls: boolean;
  user: string | null;
  /** The common name in the client's certificate, which the server has verified; null: it showed none. */
  clientCertificate: string | null;
  /** The parameters of MAIL, such as SIZE and BODY, in upper case. */
  mailParameters: Record<string, string | true>;
}

export interface SinkOptions {
  /** An IP literal; 127.0.0.1 by default. */
  host?: string;
  /** Any free one by default. */
  port?: number;
  /** TLS from the first byte instead of STARTTLS. */
  secure?: boolean;
  /** Without it the server has no TLS at all. `ca` and `requestCert` demand client certificates. */
  tls?: Pick<TlsOptions, 'key' | 'cert' | 'ca' | 'requestCert' | 'rejectUnauthorized' | 'minVersion' | 'maxVersion'>;
  /** Without it nobody can log in. */
  auth?: { user: string; password?: string; accessToken?: string; methods?: ('PLAIN' | 'LOGIN' | 'CRAM-MD5' | 'XOAUTH2')[]; required?: boolean };
  /** A refusal for an address in MAIL or RCPT: `550 5.1.1 No such user`. */
  refuse?: (address: string, command: 'MAIL' | 'RCPT') => string | undefined;
  /** A refusal after the message. */
  refuseMessage?: (mail: ReceivedMail) => string | undefined;
  /** The text after 250; `OK: queued as <n>` by default. */
  acceptedText?: string;
  /** Waits before it answers the message. */
  delayMs?: number;
  /** Passed on as they are, such as `size`, `hidePIPELINING`, `hideSMTPUTF8`. */
  server?: SMTPServerOptions;
}

export interface SmtpSink {
  port: number;
  host: string;
  mails: ReceivedMail[];
  /** Connections that were opened so far. */
  readonly connections: number;
  /** The first `count` mails, as soon as they are there; rejects when they are not within `deadlineMs`. */
  waitForMails(count: number, deadlineMs?: number): Promise<ReceivedMail[]>;
  close(): Promise<void>;
}

/** A real SMTP server on a free port that keeps what it gets. Its greeting takes 100 ms: not for measuring. */
export async function startSmtpSink(options: SinkOptions = {}): Promise<SmtpSink> {
  const host = options.host ?? '127.0.0.1';
  const mails: ReceivedMail[] = [];
  const watchers = new Set<() => void>();
  const shown = new Map<string, string>();
  let connections = 0;
  const server = new SMTPServer({
    ...sinkSettings(options),
    onSecure: (socket, session, callback) => {
      const name = (socket as TLSSocket).authorized ? (socket as TLSSocket).getPeerCertificate().subject?.CN : undefined;
      if (typeof name === 'string') shown.set(session.id, name);
      callback();
    },
    onConnect: (_session, callback) => { connections += 1; callback(); },
    onMailFrom: (address, _session, callback) => callback(refusalError(options.refuse?.(address.address, 'MAIL'))),
    onRcptTo: (address, _session, callback) => callback(refusalError(options.refuse?.(address.address, 'RCPT'))),
    onData: (stream, session, callback) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
        const mail = { ...receivedMail(session, Buffer.concat(chunks).toString('utf8')), clientCertificate: shown.get(session.id) ?? null };
        const refused = refusalError(options.refuseMessage?.(mail));
        if (!refused) mails.push(mail);
        for (const watcher of watchers) watcher();
        const text = options.acceptedText ?? `OK: queued as ${mails.length}`;
        setTimeout(() => callback(refused, text), options.delayMs ?? 0);
      });
    },
  });
  server.on('error', () => {}); // a client that goes away is part of many tests
  server.listen(options.port ?? 0, host);
  await once(server.server, 'listening');
  return {
    port: (server.server.address() as AddressInfo).port,
    host,
    mails,
    get connections() { return connections; },
    waitForMails: (count, deadlineMs = 30_000) => waitFor(mails, count, watchers, deadlineMs),
    close: async () => {
      await handshakesEnded(server);
      await new Promise<void>((resolve) => { server.close(() => resolve()); });
    },
  };
}

/** smtp-server's close() destroys sockets in the middle of a handshake, and Node 20 crashes when their client has gone just then. */
async function handshakesEnded(server: SMTPServer, deadlineMs = 2_000): Promise<void> {
  for (const endsAt = Date.now() + deadlineMs; server._pendingSockets.size > 0 && Date.now() < endsAt;) await new Promise((resolve) => { setTimeout(resolve, 2); });
}

function sinkSettings({ tls, auth, secure, server }: SinkOptions): SMTPServerOptions {
  return {
    secure: secure ?? false,
    logger: false,
    disableReverseLookup: true,
    closeTimeout: 50,
    authOptional: auth?.required !== true,
    allowInsecureAuth: true,
    authMethods: auth?.methods ?? ['PLAIN', 'LOGIN'],
    disabledCommands: [...(tls ? [] : ['STARTTLS']), ...(auth ? [] : ['AUTH'])],
    ...tls,
    onAuth: (given, _session, callback) => {
      const right = given.method === 'XOAUTH2' ? given.accessToken === auth?.accessToken
        : given.method === 'CRAM-MD5' ? given.validatePassword?.(auth?.password ?? '') === true : given.password === auth?.password;
      if (given.username === auth?.user && right) return callback(null, { user: given.username });
      if (given.method === 'XOAUTH2') return callback(null, { data: { status: '401', schemes: 'bearer', scope: 'smtp' } });
      return callback(Object.assign(new Error('5.7.8 Authentication credentials invalid'), { responseCode: 535 }));
    },
    ...server,
  };
}

type SinkSession = Parameters<NonNullable<SMTPServerOptions['onData']>>[1];

function receivedMail(session: SinkSession, raw: string): Omit<ReceivedMail, 'clientCertificate'> {
  const { mailFrom, rcptTo } = session.envelope;
  return {
    from: mailFrom ? mailFrom.address : '',
    to: rcptTo.map(({ address }) => address),
    raw,
    tls: session.secure,
    user: (session.user as string | undefined) ?? null,
    mailParameters: (mailFrom && mailFrom.args) || {},
  };
}

function refusalError(reply: string | undefined): Error | undefined {
  if (reply === undefined) return undefined;
  return Object.assign(new Error(reply.slice(4)), { responseCode: Number(reply.slice(0, 3)) });
}

function waitFor(mails: ReceivedMail[], count: number, watchers: Set<() => void>, deadlineMs: number): Promise<ReceivedMail[]> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      watchers.delete(look);
      settle();
    };
    const look = (): void => { if (mails.length >= count) finish(() => resolve(mails.slice(0, count))); };
    const timer = setTimeout(() => finish(() => reject(new Error(`${mails.length} of ${count} mails came within ${deadlineMs} ms`))), deadlineMs);
    watchers.add(look);
    look();
  });
}

/** The server's end of one connection, for scripts that say exactly what they want. */
export interface Peer {
  /** Sends lines, each with CRLF, in one write. */
  say(...lines: string[]): void;
  /** Sends exactly this. */
  raw(bytes: string | Buffer): void;
  /** The next line of the client, without its end; null when it went away. */
  line(): Promise<string | null>;
  /** Reads up to and without the final dot; null when the client went away before it. */
  message(): Promise<string | null>;
  /** Answers STARTTLS's `220` must come before; the rest goes over TLS. */
  upgrade(tls: TlsOptions): Promise<void>;
  /** FIN. */
  end(): void;
  /** RST, as a machine that vanishes. */
  reset(): void;
  readonly closed: Promise<void>;
}

export type Script = (peer: Peer) => Promise<void> | void;

export interface ScriptedServer {
  port: number;
  host: string;
  /** Every line that any client sent, in order. */
  lines: string[];
  readonly connections: number;
  close(): Promise<void>;
}

/** A server on a free port that runs `script` for each connection, and does nothing that is not in it. `tls` makes it speak TLS at once. */
export async function startScriptedServer(script: Script, options: { host?: string; port?: number; tls?: TlsOptions } = {}): Promise<ScriptedServer> {
  const host = options.host ?? '127.0.0.1';
  const sockets = new Set<Socket>();
  const lines: string[] = [];
  let connections = 0;
  const server: Server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.setNoDelay(true).on('error', () => {}).once('close', () => sockets.delete(socket));
    const peer = new ScriptedPeer(socket, lines, options.tls);
    void peer.ready.then(() => script(peer)).catch((error: unknown) => socket.destroy(error as Error));
  });
  server.listen(options.port ?? 0, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    host,
    lines,
    get connections() { return connections; },
    close: () => new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    }),
  };
}

class ScriptedPeer implements Peer {
  #socket: Socket;
  #buffer = '';
  #gone = false;
  #wake: () => void = () => {};
  readonly closed: Promise<void>;
  /** Resolves when the script can speak: at once, or after the handshake. */
  readonly ready: Promise<unknown>;

  constructor(private readonly carrier: Socket, private readonly heard: string[], tls?: TlsOptions) {
    this.#socket = tls ? this.#secure(tls) : carrier;
    this.ready = tls ? once(this.#socket, 'secure') : Promise.resolve();
    this.closed = new Promise((resolve) => { carrier.once('close', () => resolve()); });
    this.#listen();
  }

  say(...lines: string[]): void {
    this.raw(lines.map((line) => `${line}\r\n`).join(''));
  }

  raw(bytes: string | Buffer): void {
    if (!this.#socket.destroyed) this.#socket.write(bytes);
  }

  async line(): Promise<string | null> {
    for (let end = this.#buffer.indexOf('\r\n'); ; end = this.#buffer.indexOf('\r\n')) {
      if (end >= 0) return this.#take(end, 2);
      if (this.#gone) return null;
      await this.#more();
    }
  }

  async message(): Promise<string | null> {
    for (let end = this.#buffer.indexOf('\r\n.\r\n'); ; end = this.#buffer.indexOf('\r\n.\r\n')) {
      if (end >= 0) return `${this.#take(end, 5)}\r\n`;
      if (this.#gone) return null;
      await this.#more();
    }
  }

  async upgrade(tls: TlsOptions): Promise<void> {
    this.carrier.removeAllListeners('data');
    this.#socket = this.#secure(tls);
    this.#listen();
    await once(this.#socket, 'secure');
  }

  end(): void {
    this.#socket.end();
  }

  reset(): void {
    this.carrier.resetAndDestroy();
  }

  #take(end: number, terminator: number): string {
    const text = this.#buffer.slice(0, end);
    this.#buffer = this.#buffer.slice(end + terminator);
    this.heard.push(text);
    return text;
  }

  #secure(options: TlsOptions): TLSSocket {
    return new TLSSocket(this.carrier, { ...options, isServer: true, secureContext: createSecureContext(options) });
  }

  #listen(): void {
    const gone = (): void => { this.#gone = true; this.#wake(); };
    this.#socket.on('data', (chunk: Buffer) => { this.#buffer += chunk.toString('utf8'); this.#wake(); });
    this.#socket.on('error', gone).on('end', gone).on('close', gone);
  }

  #more(): Promise<void> {
    return new Promise((resolve) => { this.#wake = resolve; });
  }
}

/** `message` is the moment after the final dot, `never` the whole of the dialogue. */
export type SmtpCommand = 'EHLO' | 'STARTTLS' | 'AUTH' | 'MAIL' | 'RCPT' | 'DATA' | 'message' | 'never';

/** An honest dialogue up to the given command, whose reply a script wants to give itself. False when the client went away. */
export async function honestUntil(peer: Peer, command: SmtpCommand, extensions: string[] = ['8BITMIME']): Promise<boolean> {
  peer.say('220 mx.example.test ESMTP');
  return honest(peer, command, extensions);
}

/** The same for the rest of a dialogue that has begun. */
export async function honest(peer: Peer, command: SmtpCommand, extensions: string[] = ['8BITMIME']): Promise<boolean> {
  for (let line = await peer.line(); line !== null; line = await peer.line()) {
    const verb = line.split(/[ :]/)[0]!.toUpperCase();
    if (verb === command) return true;
    if (verb === 'EHLO') peer.say(...ehloReply(extensions));
    else if (verb === 'DATA') {
      peer.say('354 Go on');
      if (command === 'message') return (await peer.message()) !== null;
      if (await peer.message() === null) return false;
      peer.say('250 2.0.0 OK: queued as HONEST1');
    } else if (verb === 'QUIT') {
      peer.say('221 2.0.0 Bye');
      peer.end();
    } else peer.say('250 2.0.0 OK');
  }
  return false;
}

export function ehloReply(extensions: string[]): string[] {
  const lines = ['mx.example.test', ...extensions];
  return lines.map((line, index) => `250${index < lines.length - 1 ? '-' : ' '}${line}`);
}

/** Servers that lie, break off, or never end. Each is a script for `startScriptedServer`. */
export const lies = {
  noGreeting: (peer) => peer.closed,
  busyAtGreeting: (peer) => { peer.say('421 4.3.2 Too many connections'); peer.end(); },
  refusesAtGreeting: (peer) => { peer.say('554 5.7.1 Your address is on our block list'); peer.end(); },
  webServer: (peer) => peer.say('HTTP/1.1 400 Bad Request', 'Content-Length: 0', ''),
  endlessBanner: (peer) => repeat(peer, 'x'.repeat(1000), '220 '),
  endlessReply: async (peer) => { if (await honestUntil(peer, 'EHLO')) repeat(peer, '250-AGAIN\r\n'); },
  trickles: async (peer) => {
    const timer = setInterval(() => peer.raw('2'), 20);
    await peer.closed;
    clearInterval(timer);
  },
  refusesStartTls: async (peer) => { if (await honestUntil(peer, 'STARTTLS', ['STARTTLS'])) peer.say('454 4.7.0 TLS not available due to local problem'); },
  injectsBehindStartTls: async (peer) => { if (await honestUntil(peer, 'STARTTLS', ['STARTTLS'])) peer.say('220 Go ahead', '250 2.0.0 forged'); },
  closesInData: async (peer) => { if (await honestUntil(peer, 'DATA')) { peer.say('354 Go on'); peer.end(); } },
  closesAfterFinalDot: async (peer) => { if (await honestUntil(peer, 'message')) peer.end(); },
  silentAfterFinalDot: async (peer) => { if (await honestUntil(peer, 'message')) await peer.closed; },
  closesWhenIdle: async (peer) => {
    if (!await honestUntil(peer, 'message')) return;
    peer.say('250 2.0.0 OK: queued as IDLE1', '421 4.4.2 Idle for too long');
    peer.end();
  },
} satisfies Record<string, Script>;

/** 451 to the first message of all connections, then it takes everything: made anew for each server. */
export function deferOnce(): Script {
  let deferred = false;
  return async (peer) => {
    if (!await honestUntil(peer, 'message')) return;
    peer.say(deferred ? '250 2.0.0 OK: queued as SECOND1' : '451 4.3.0 Try again later');
    deferred = true;
    await honest(peer, 'never');
  };
}

/** Sends the same text for as long as the other side reads, without piling it up here. */
function repeat(peer: Peer, text: string, start = ''): void {
  peer.raw(start);
  const timer = setInterval(() => peer.raw(text), 1);
  void peer.closed.then(() => clearInterval(timer));
}
