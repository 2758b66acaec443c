import { once } from 'node:events';
import { SMTPServer } from 'smtp-server';

/**
 * A real SMTP server on 127.0.0.1 that offers STARTTLS and keeps every mail: `{from, to, tls, raw}`.
 * It can be stopped and started again on the same port.
 */
export class MailCatcher {
  mails = [];
  port = 0;
  #identity;
  #server = null;

  /** @param identity its key and certificate in PEM */
  constructor(identity) {
    this.#identity = identity;
  }

  async start() {
    const server = new SMTPServer({
      ...this.#identity,
      name: 'mail-catcher.localhost',
      disabledCommands: ['AUTH'],
      disableReverseLookup: true,
      closeTimeout: 100,
      onData: (stream, session, callback) => void this.#receive(stream, session).then((text) => callback(null, text), callback),
    });
    const failed = once(server, 'error').then(([error]) => { throw error; });
    server.listen(this.port, '127.0.0.1');
    await Promise.race([once(server.server, 'listening'), failed]);
    server.on('error', () => {}); // a client that goes away is no fault of the server
    this.port = server.server.address().port;
    this.#server = server;
  }

  async stop() {
    const server = this.#server;
    this.#server = null;
    if (server) await new Promise((resolve) => { server.close(resolve); });
  }

  async #receive(stream, { envelope, secure }) {
    const chunks = await stream.toArray();
    this.mails.push({ from: envelope.mailFrom.address, to: envelope.rcptTo.map(({ address }) => address), tls: secure, raw: Buffer.concat(chunks) });
    return `2.0.0 Ok: queued as CATCHER${this.mails.length}`;
  }
}
