import { ehloReply, type Peer, type Script } from '../setup/smtp-servers.js';
import type { TokenAnswer, TokenRequest } from '../setup/token-server.js';

export type Mechanism = 'PLAIN' | 'LOGIN' | 'XOAUTH2';

/** What a log-in sent, and how it refuses it. */
type Refuse = (peer: Peer, sent: { line: string; decoded: string }) => Promise<void> | void;

/** A relay that offers one mechanism and refuses each log-in in its own words. */
export function refusingLogin(mechanism: Mechanism, refuse: Refuse): Script {
  return async (peer) => {
    peer.say('220 mx.example.test ESMTP');
    for (let line = await peer.line(); line !== null; line = await peer.line()) {
      if (line.startsWith('EHLO')) peer.say(...ehloReply([`AUTH ${mechanism}`]));
      else if (line.startsWith('AUTH')) await refuse(peer, await loginOf(peer, line));
      else if (line.startsWith('QUIT')) peer.end();
    }
  };
}

/** LOGIN asks for the name and the password one after the other. */
async function loginOf(peer: Peer, command: string): Promise<{ line: string; decoded: string }> {
  if (command !== 'AUTH LOGIN') return { line: command, decoded: decodedOf(command.split(' ')[2] ?? '') };
  peer.say('334 VXNlcm5hbWU6');
  await peer.line();
  peer.say('334 UGFzc3dvcmQ6');
  const line = (await peer.line()) ?? '';
  return { line, decoded: decodedOf(line) };
}

const decodedOf = (base64: string): string => Buffer.from(base64, 'base64').toString();

/** As a relay in debug mode does it: what it was sent, as it was and decoded. */
export const echoingRelay = (mechanism: Mechanism): Script => refusingLogin(mechanism, (peer, { line, decoded }) => peer.say(`535-5.7.8 I was sent ${line}`, `535 5.7.8 which is ${decoded}`));

/** A token server that tells in its error what it was sent. */
export const echoingTokens = ({ form }: TokenRequest): TokenAnswer =>
  ({ status: 401, body: { error: 'invalid_client', error_description: `"${form['client_secret']}" (${encodeURIComponent(form['client_secret']!)}) is no secret of this client` } });
