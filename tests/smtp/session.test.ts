import { afterEach, describe, expect, jest, test } from '@jest/globals';

import { SmtpFailure } from '../../src/smtp/failure.js';
import { openSession, type SessionOptions, type SmtpSession } from '../../src/smtp/session.js';
import type { Stage } from '../../src/smtp/stage.js';
import { Transcript } from '../../src/smtp/transcript.js';
import { honest, honestUntil, startScriptedServer, startSmtpSink, type Script, type SinkOptions } from '../setup/smtp-servers.js';
import { buildEndpoint, type EndpointOverrides, rejectionOf } from './endpoint.js';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function sink(options: SinkOptions = {}) {
  const server = await startSmtpSink(options);
  cleanUps.push(() => server.close());
  return server;
}

async function scripted(script: Script) {
  const server = await startScriptedServer(script);
  cleanUps.push(() => server.close());
  return server;
}

async function open(server: { port: number; host: string }, overrides: EndpointOverrides = {}, options: SessionOptions = {}): Promise<SmtpSession> {
  const session = await openSession(buildEndpoint(server, overrides), options);
  cleanUps.push(() => session.destroy());
  return session;
}

const mail = (overrides: Partial<Parameters<SmtpSession['send']>[0]> = {}) =>
  ({ from: 'noreply@example.test', to: 'ops@example.test', message: Buffer.from('Subject: Hi\r\n\r\nBody\r\n.dot\r\n'), ...overrides });

const names = (stages: readonly Stage[]): string[] => stages.map(({ name, status }) => `${name} ${status}`);

describe('an honest server', () => {
  test.each([[true], [false]])('takes a mail and stays usable (hidePIPELINING %p)', async (hidePIPELINING) => {
    const server = await sink({ server: { hidePIPELINING } });
    const session = await open(server);
    const onHandover = jest.fn();
    const accepted = await session.send(mail(), { onHandover });
    expect(accepted).toMatchObject({ reply: '250 OK: queued as 1', queueId: '1', enhancedCode: null });
    expect(names(accepted.stages)).toEqual(['mailFrom passed', 'rcptTo passed', 'data passed']);
    expect(onHandover).toHaveBeenCalledTimes(1);
    expect(session.usable).toBe(true);
    await session.send(mail({ to: 'second@example.test' }));
    await session.quit();
    expect(session.usable).toBe(false);
    expect(server.mails.map(({ to, raw }) => [to[0], raw])).toEqual([
      ['ops@example.test', 'Subject: Hi\r\n\r\nBody\r\n.dot\r\n'], ['second@example.test', 'Subject: Hi\r\n\r\nBody\r\n.dot\r\n'],
    ]);
    expect(server.connections).toBe(1);
    expect(names(session.stages)).toEqual(['connect passed', 'greeting passed', 'ehlo passed', 'auth skipped', 'quit passed']);
  });

  test('stages are reported as they end, with replies and durations', async () => {
    const seen: Stage[] = [];
    const session = await open(await sink(), {}, { onStage: (stage) => seen.push({ ...stage }) });
    await session.send(mail());
    await session.quit();
    expect(seen.map(({ name }) => name)).toEqual(['connect', 'greeting', 'ehlo', 'auth', 'mailFrom', 'rcptTo', 'data', 'quit']);
    expect(seen[1]).toMatchObject({ reply: expect.stringMatching(/^220 /), code: null });
    expect(seen[1]!.durationMs).toBeGreaterThanOrEqual(50); // the sink greets after 100 ms
    expect(session.greetingHost).not.toBe('');
    expect(session.extensions.has('PIPELINING')).toBe(true);
  });

  test('over IPv6', async () => {
    const server = await sink({ host: '::1' });
    const session = await open(server);
    await session.send(mail());
    expect(server.mails).toHaveLength(1);
  });

  test('MAIL carries SIZE, BODY and SMTPUTF8 as far as they are offered and needed', async () => {
    const server = await sink({ server: { size: 1_000 } });
    const session = await open(server);
    await session.send(mail());
    await session.send(mail({ to: 'müller@bücher.example' }));
    await session.send(mail({ message: Buffer.from('Subject: x\r\n\r\nä') }));
    expect(server.mails.map(({ mailParameters }) => mailParameters)).toEqual([
      { SIZE: '27' }, { SIZE: '27', SMTPUTF8: true }, { SIZE: '16', BODY: '8BITMIME' },
    ].map((parameters) => expect.objectContaining(parameters)));
    expect(server.mails[1]!.to[0]).toMatch(/^müller@(xn--bcher-kva|bücher)\.example$/);
    expect(server.mails[0]!.mailParameters).not.toHaveProperty('BODY');
  });

  test('the null sender', async () => {
    const server = await sink();
    await (await open(server)).send(mail({ from: '' }));
    expect(server.mails[0]!.from).toBe('');
  });

  test('a message of 2 MB goes out whole', async () => {
    const server = await sink();
    const session = await open(server);
    const line = `.${'x'.repeat(70)}\r\n`;
    await session.send(mail({ message: Buffer.from(`Subject: x\r\n\r\n${line.repeat(30_000)}`) }));
    expect(server.mails[0]!.raw).toBe(`Subject: x\r\n\r\n${line.repeat(30_000)}`);
  });
});

describe('what a mail needs and the server lacks is found before a byte is written', () => {
  test.each<[string, Parameters<typeof mail>[0], string[], string]>([
    ['a line break in the sender', { from: 'a@x.test>\r\nRCPT TO:<evil@x.test' }, [], 'INVALID_ADDRESS'],
    ['a NUL in the recipient', { to: 'a\0@x.test' }, [], 'INVALID_ADDRESS'],
    ['an empty recipient', { to: '' }, [], 'INVALID_ADDRESS'],
    ['SMTPUTF8', { to: 'müller@x.test' }, ['8BITMIME'], 'SMTPUTF8_REQUIRED'],
    ['8BITMIME', { message: Buffer.from('\r\n\r\nä') }, [], 'EIGHTBITMIME_REQUIRED'],
    ['SIZE', {}, ['SIZE 20'], 'MESSAGE_TOO_LARGE'],
  ])('%s', async (_name, overrides, extensions, code) => {
    const server = await scripted((peer) => honestUntil(peer, 'message', extensions).then(() => {}));
    const session = await open(server);
    const failure = await rejectionOf(session.send(mail(overrides)), SmtpFailure);
    expect(failure).toMatchObject({ code, replyCode: null, messageHandedOver: false });
    expect(session.usable).toBe(true);
    await session.quit();
    expect(server.lines).toEqual(['EHLO client.example.test', 'QUIT']);
  });

  test('a client host name that is two words', async () => {
    const server = await sink();
    expect(await rejectionOf(open(server, { clientHostname: 'a b' }), SmtpFailure)).toMatchObject({ code: 'CLIENT_HOSTNAME_INVALID' });
    expect(server.connections).toBe(0);
  });
});

describe('refusals leave the session usable', () => {
  test.each([[true], [false]])('of the sender, the recipient, the message (hidePIPELINING %p)', async (hidePIPELINING) => {
    const server = await sink({
      server: { hidePIPELINING },
      refuse: (address, command) => (address.startsWith('bad') ? (command === 'MAIL' ? '553 5.1.8 No such domain' : '550 5.1.1 No such user') : undefined),
      refuseMessage: ({ to }) => (to[0]!.startsWith('spam') ? '554 5.7.1 Spam' : undefined),
    });
    const session = await open(server);
    const failures = [];
    for (const overrides of [{ from: 'bad@example.test' }, { to: 'bad@example.test' }, { to: 'spam@example.test' }]) {
      failures.push(await rejectionOf(session.send(mail(overrides)), SmtpFailure));
      expect(session.usable).toBe(true);
    }
    expect(failures.map(({ code, stage, replyCode, messageHandedOver }) => [code, stage, replyCode, messageHandedOver])).toEqual([
      ['SENDER_REJECTED', 'mailFrom', 553, false], ['RECIPIENT_REJECTED', 'rcptTo', 550, false], ['MESSAGE_REJECTED', 'data', 554, false],
    ]);
    expect(failures[1]!.stages.map(({ name, status, code }) => [name, status, code])).toEqual([['mailFrom', 'passed', null], ['rcptTo', 'failed', 'RECIPIENT_REJECTED']]);
    await session.send(mail());
    expect(server.mails).toHaveLength(1);
    expect(server.connections).toBe(1);
  });

  test('a server that says 354 although it refused the recipient gets a lone dot', async () => {
    const server = await scripted(async (peer) => {
      if (!await honestUntil(peer, 'RCPT', ['PIPELINING'])) return;
      peer.say('550 5.1.1 No');
      await peer.line(); // DATA
      peer.say('354 Go on');
      peer.say(await peer.line() === '.' ? '554 5.5.1 No valid recipients' : '500 What');
      await honest(peer, 'never');
    });
    const session = await open(server);
    expect(await rejectionOf(session.send(mail()), SmtpFailure)).toMatchObject({ code: 'RECIPIENT_REJECTED', reply: '550 5.1.1 No' });
    await session.send(mail());
    expect(server.lines.slice(1, 6)).toEqual(['MAIL FROM:<noreply@example.test>', 'RCPT TO:<ops@example.test>', 'DATA', '.', 'RSET']);
  });

  test('replies to pipelined commands come in one packet or in many', async () => {
    const server = await scripted(async (peer) => {
      if (!await honestUntil(peer, 'DATA', ['PIPELINING'])) return;
      for (const byte of '354 Go on\r\n') await new Promise((resolve) => { setImmediate(() => resolve(peer.raw(byte))); });
      await peer.message();
      peer.say('250-2.0.0 OK:', '250 2.0.0 queued as AB12');
    });
    expect(await (await open(server)).send(mail())).toMatchObject({ reply: '250 2.0.0 OK: queued as AB12', queueId: 'AB12', enhancedCode: '2.0.0' });
  });
});

test('one mail at a time', async () => {
  const session = await open(await sink({ delayMs: 50 }));
  const first = session.send(mail());
  expect(session.usable).toBe(false);
  await expect(session.send(mail())).rejects.toThrow('another mail');
  await first;
  expect(session.usable).toBe(true);
});

test('a server that knows only HELO is warned of', async () => {
  const server = await scripted(async (peer) => {
    peer.say('220 old.example.test');
    await peer.line();
    peer.say('502 Command not implemented');
    await honest(peer, 'never');
  });
  const session = await open(server);
  expect(session.stages.find(({ name }) => name === 'ehlo')).toMatchObject({ status: 'warned', code: 'ESMTP_NOT_SUPPORTED' });
  await session.send(mail());
  expect(server.lines).toContain('HELO client.example.test');
});

test('the transcript tells the dialogue without the message', async () => {
  const transcript = new Transcript();
  const session = await open(await sink(), {}, { transcript });
  await session.send(mail());
  await session.quit();
  const text = transcript.toString();
  expect(text).toMatch(/^0\.\d{3} S: 220 /);
  for (const line of ['C: EHLO client.example.test', 'S: 250-', 'C: MAIL FROM:<noreply@example.test>', 'C: DATA', 'S: 354 ', 'S: 250 OK: queued as 1', 'C: QUIT']) expect(text).toContain(line);
  expect(text).toContain('C: (31 bytes of the message)');
  expect(text).not.toContain('Body');
});
