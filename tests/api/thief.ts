import type { TlsOptions } from 'node:tls';
import { ehloReply, type Script, startScriptedServer } from '../setup/smtp-servers.js';

/** A mail server that would like to have a password: it offers every way to log in, and believes whatever it is told. */
export interface Thief {
  port: number;
  readonly connections: number;
  /** What was sent to log in, decoded. */
  heard(): string[];
  close(): Promise<void>;
}

const listening: Script = async (peer) => {
  peer.say('220 mail.example.com ESMTP');
  for (let line = await peer.line(); line !== null; line = await peer.line()) {
    const verb = line.split(' ')[0]!.toUpperCase();
    if (verb === 'EHLO') peer.say(...ehloReply(['AUTH PLAIN XOAUTH2']));
    else if (verb === 'AUTH') peer.say('235 2.7.0 Thank you');
    else if (verb === 'DATA') {
      peer.say('354 Go on');
      if (await peer.message() !== null) peer.say('250 2.0.0 OK: queued as STOLEN1');
    } else peer.say(verb === 'QUIT' ? '221 2.0.0 Bye' : '250 2.0.0 OK');
  }
};

/** On 127.0.0.1. With `tls` it speaks TLS at once. */
export async function startThief(tls?: TlsOptions): Promise<Thief> {
  const server = await startScriptedServer(listening, tls && { tls });
  return {
    port: server.port,
    get connections() { return server.connections; },
    heard: () => server.lines.filter((line) => line.startsWith('AUTH')).map((line) => Buffer.from(line.split(' ')[2] ?? '', 'base64').toString().replaceAll('\0', ' ').trim()),
    close: () => server.close(),
  };
}
