import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { createServer, Socket, type AddressInfo } from 'node:net';
import { classify } from '../../src/smtp/classify.js';
import { Dialogue } from '../../src/smtp/dialogue.js';
import type { RelayEndpoint } from '../../src/smtp/endpoint.js';
import { SmtpFailure } from '../../src/smtp/failure.js';
import { connected } from '../../src/smtp/opening.js';
import { openSession, type SessionOptions, type SmtpSession } from '../../src/smtp/session.js';
import { Wire } from '../../src/smtp/wire.js';
import { deferOnce, honestUntil, lies, startScriptedServer, startSmtpSink, type Script } from '../setup/smtp-servers.js';
import { buildEndpoint, type EndpointOverrides, rejectionOf } from './endpoint.js';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

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

const timeouts = (overrides: Partial<RelayEndpoint['timeouts']>): RelayEndpoint['timeouts'] => ({ connectMs: 5_000, greetingMs: 5_000, commandMs: 5_000, dataMs: 5_000, ...overrides });
const MAIL = { from: 'a@example.test', to: 'b@example.test', message: Buffer.from('Subject: x\r\n\r\nx\r\n') };
const STARTTLS = { security: 'startTls' } as const;

async function until(condition: () => boolean, deadlineMs = 5_000): Promise<void> {
  const endsAt = Date.now() + deadlineMs;
  while (!condition()) {
    if (Date.now() > endsAt) throw new Error('The state did not come in time');
    await new Promise((resolve) => { setTimeout(resolve, 5); });
  }
}

describe('lies before a mail', () => {
  test.each<[keyof typeof lies, EndpointOverrides, Partial<SmtpFailure>, boolean]>([
    ['noGreeting', { timeouts: timeouts({ greetingMs: 50 }) }, { code: 'GREETING_TIMEOUT', stage: 'greeting' }, false],
    ['trickles', { timeouts: timeouts({ greetingMs: 150 }) }, { code: 'GREETING_TIMEOUT', stage: 'greeting' }, false],
    ['busyAtGreeting', {}, { code: 'SERVICE_UNAVAILABLE', stage: 'greeting', replyCode: 421, enhancedCode: '4.3.2', reply: '421 4.3.2 Too many connections' }, true],
    ['refusesAtGreeting', {}, { code: 'GREETING_REJECTED', stage: 'greeting', replyCode: 554 }, false],
    ['webServer', {}, { code: 'PROTOCOL_ERROR', stage: 'greeting' }, false],
    ['endlessBanner', {}, { code: 'PROTOCOL_ERROR', stage: 'greeting' }, false],
    ['endlessReply', {}, { code: 'PROTOCOL_ERROR', stage: 'ehlo' }, false],
    ['refusesStartTls', STARTTLS, { code: 'STARTTLS_REJECTED', stage: 'startTls', replyCode: 454 }, false],
    ['injectsBehindStartTls', STARTTLS, { code: 'STARTTLS_INJECTION', stage: 'startTls' }, false],
  ])('%s', async (lie, overrides, expected, slowDown) => {
    const failure = await rejectionOf(open(await scripted(lies[lie]), overrides), SmtpFailure);
    expect(failure).toMatchObject({ ...expected, address: '127.0.0.1', messageHandedOver: false, hint: expect.stringMatching(/.{20}/) });
    expect(failure.message).toContain('mx.example.test (127.0.0.1, port ');
    expect(failure.stages.at(-1)).toMatchObject({ name: expected.stage, status: 'failed', code: expected.code });
    expect(classify(failure)).toEqual({ outcome: 'retry', slowDown });
  });

  test('a web server is told apart', async () => {
    const failure = await rejectionOf(open(await scripted(lies.webServer)), SmtpFailure);
    expect(failure.message).toContain('answered like a web server');
  });

  test('half a line behind the 220 to STARTTLS is an injection too', async () => {
    const server = await scripted(async (peer) => { if (await honestUntil(peer, 'STARTTLS', ['STARTTLS'])) peer.raw('220 Go ahead\r\n250 forg'); });
    expect(await rejectionOf(open(server, STARTTLS), SmtpFailure)).toMatchObject({ code: 'STARTTLS_INJECTION' });
  });

  test('nothing listens', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => { server.once('listening', resolve); });
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => { server.close(resolve); });
    const failure = await rejectionOf(open({ port, host: '127.0.0.1' }), SmtpFailure);
    expect(failure).toMatchObject({ code: 'CONNECTION_REFUSED', stage: 'connect' });
    expect(failure.stages).toMatchObject([{ name: 'connect', status: 'failed' }]);
  });

  test('a connection that is never accepted', async () => {
    const endpoint = buildEndpoint({ port: 25, host: '127.0.0.1' }, { timeouts: timeouts({ connectMs: 20 }) });
    const dialogue = new Dialogue(endpoint, new Wire(new Socket(), null, null), null); // a socket that nobody connects
    const failure = await rejectionOf(dialogue.run([], 'connect', () => connected(dialogue)), SmtpFailure);
    expect(failure).toMatchObject({ code: 'CONNECT_TIMEOUT', stage: 'connect', timedOut: true, hint: expect.stringContaining('firewall') });
  });

  test.each([['EHLO', 'ehlo'], ['MAIL', 'mailFrom'], ['RCPT', 'rcptTo'], ['DATA', 'data']] as const)('a reset at %s', async (command, stage) => {
    const server = await scripted(async (peer) => { if (await honestUntil(peer, command)) peer.reset(); });
    const failure = await rejectionOf(open(server).then((session) => session.send(MAIL)), SmtpFailure);
    expect(failure).toMatchObject({ code: 'CONNECTION_LOST', stage, messageHandedOver: false });
    expect(classify(failure).outcome).toBe('retry');
  });

  test.each([['EHLO', 'ehlo'], ['MAIL', 'mailFrom'], ['RCPT', 'rcptTo']] as const)('silence at %s', async (command, stage) => {
    const server = await scripted(async (peer) => { if (await honestUntil(peer, command)) await peer.closed; });
    const session = open(server, { timeouts: timeouts({ commandMs: 1_000 }) });
    const failure = await rejectionOf(session.then((opened) => opened.send(MAIL)), SmtpFailure);
    expect(failure).toMatchObject({ code: 'COMMAND_TIMEOUT', stage, timedOut: true });
  });
});

describe('lies about a mail', () => {
  test.each<[keyof typeof lies, string]>([
    ['closesAfterFinalDot', 'CONNECTION_LOST_AFTER_DATA'],
    ['silentAfterFinalDot', 'DATA_TIMEOUT'],
    ['closesInData', 'CONNECTION_LOST_AFTER_DATA'], // the small message was on its way with its dot: nobody can know
  ])('%s: unconfirmed', async (lie, code) => {
    const session = await open(await scripted(lies[lie]), { timeouts: timeouts({ dataMs: lie === 'silentAfterFinalDot' ? 200 : 5_000 }) });
    const onHandover = jest.fn();
    const failure = await rejectionOf(session.send(MAIL, { onHandover }), SmtpFailure);
    expect(failure).toMatchObject({ code, stage: 'data', messageHandedOver: true, hint: expect.stringContaining('Message-ID') });
    expect(classify(failure).outcome).toBe('unconfirmed');
    expect(onHandover).toHaveBeenCalledTimes(1);
    expect(session.usable).toBe(false);
  });

  test('garbage after the final dot: unconfirmed', async () => {
    const server = await scripted(async (peer) => { if (await honestUntil(peer, 'message')) peer.say('whatever'); });
    const failure = await rejectionOf((await open(server)).send(MAIL), SmtpFailure);
    expect(failure).toMatchObject({ code: 'PROTOCOL_ERROR', messageHandedOver: true });
  });

  const large = { ...MAIL, message: Buffer.from(`Subject: x\r\n\r\n${'x'.repeat(70)}\r\n`.repeat(300_000)) };

  test('a large message that broke off half way is surely not delivered', async () => {
    const server = await scripted(async (peer) => {
      if (!await honestUntil(peer, 'DATA')) return;
      peer.say('354 Go on');
      peer.reset();
    });
    const onHandover = jest.fn();
    const failure = await rejectionOf((await open(server)).send(large, { onHandover }), SmtpFailure);
    expect(failure).toMatchObject({ code: 'CONNECTION_LOST', stage: 'data', messageHandedOver: false });
    expect(onHandover).not.toHaveBeenCalled();
  });

  test.each([['a small', MAIL], ['a large', large]])('%s mail that is taken back just before its end is not delivered, not even in part', async (_size, mail) => {
    const sink = await startSmtpSink();
    const session = await open(sink);
    const takenBack = new Error('taken back');
    await expect(session.send(mail, { onHandover: () => { throw takenBack; } })).rejects.toBe(takenBack);
    expect(session.usable).toBe(false);
    await sink.close(); // which waits for the connection's end
    expect(sink.mails).toEqual([]);
  });

  test('a large message that is refused half way: the reply counts, and the session is over', async () => {
    const server = await scripted(async (peer) => {
      if (!await honestUntil(peer, 'DATA')) return;
      peer.say('354 Go on');
      await peer.line(); // the message has begun
      peer.say('552 5.3.4 Too big');
      await peer.closed;
    });
    const session = await open(server);
    const failure = await rejectionOf(session.send(large), SmtpFailure);
    expect(failure).toMatchObject({ code: 'MESSAGE_TOO_LARGE', stage: 'data', replyCode: 552, messageHandedOver: false });
    expect(session.usable).toBe(false);
  });

  test('a server that takes its 354 back at once is not handed the message', async () => {
    const server = await scripted(async (peer) => { if (await honestUntil(peer, 'DATA')) peer.say('354 Go on', '421 4.3.2 No, shutting down'); });
    const session = await open(server);
    const onHandover = jest.fn();
    const failure = await rejectionOf(session.send(MAIL, { onHandover }), SmtpFailure);
    expect(failure).toMatchObject({ code: 'CONNECTION_LOST', messageHandedOver: false, message: expect.stringContaining('421 4.3.2 No, shutting down') });
    expect(onHandover).not.toHaveBeenCalled();
    expect(session.usable).toBe(false);
  });

  test('451, then 250', async () => {
    const session = await open(await scripted(deferOnce()));
    const failure = await rejectionOf(session.send(MAIL), SmtpFailure);
    expect(failure).toMatchObject({ code: 'MESSAGE_DEFERRED', replyCode: 451, messageHandedOver: false });
    expect(classify(failure).outcome).toBe('retry');
    const again = await open({ port: session.endpoint.port, host: '127.0.0.1' });
    expect(await again.send(MAIL)).toMatchObject({ queueId: 'SECOND1' });
  });

  test('421 to MAIL ends the session', async () => {
    const server = await scripted(async (peer) => { if (await honestUntil(peer, 'MAIL', ['PIPELINING'])) { peer.say('421 4.7.0 Slow down'); peer.end(); } });
    const session = await open(server);
    const failure = await rejectionOf(session.send(MAIL), SmtpFailure);
    expect(failure).toMatchObject({ code: 'SERVICE_UNAVAILABLE', stage: 'mailFrom', replyCode: 421 });
    expect(classify(failure)).toEqual({ outcome: 'retry', slowDown: true });
    expect(session.usable).toBe(false);
  });
});

describe('between mails', () => {
  test('a server that closes is seen, and its last words are told', async () => {
    const session = await open(await scripted(lies.closesWhenIdle));
    expect(await session.send(MAIL)).toMatchObject({ queueId: 'IDLE1' });
    await until(() => !session.usable);
    const failure = await rejectionOf(session.send(MAIL), SmtpFailure);
    expect(failure).toMatchObject({ code: 'CONNECTION_LOST', stage: 'mailFrom', messageHandedOver: false, message: expect.stringContaining('421 4.4.2 Idle') });
  });

  test('a reset is seen without an unhandled error', async () => {
    let reset: () => void = () => {};
    const server = await scripted((peer) => { reset = () => peer.reset(); return honestUntil(peer, 'message').then(() => {}); });
    const session = await open(server);
    expect(session.usable).toBe(true);
    reset();
    await until(() => !session.usable);
    await session.quit();
  });

  test('a server that does not answer QUIT is worth a warning', async () => {
    const server = await scripted(async (peer) => {
      if (!await honestUntil(peer, 'EHLO')) return;
      peer.say('250 mx.example.test');
      await peer.line();
      peer.end();
    });
    const session = await open(server);
    await session.quit();
    expect(session.stages.at(-1)).toMatchObject({ name: 'quit', status: 'warned', code: 'CONNECTION_LOST' });
  });
});

describe('the signal', () => {
  test('stops a dialogue at any time', async () => {
    const controller = new AbortController();
    const server = await scripted((peer) => { controller.abort(); return peer.closed; });
    expect(await rejectionOf(open(server, {}, { signal: controller.signal }), SmtpFailure)).toMatchObject({ code: 'ABORTED', timedOut: false });
  });

  test('that is stopped already', async () => {
    const server = await scripted(lies.noGreeting);
    expect(await rejectionOf(open(server, {}, { signal: AbortSignal.abort() }), SmtpFailure)).toMatchObject({ code: 'ABORTED', stage: 'connect' });
  });

  test('of a time-out is a time-out', async () => {
    const server = await scripted(lies.noGreeting);
    expect(await rejectionOf(open(server, {}, { signal: AbortSignal.timeout(50) }), SmtpFailure)).toMatchObject({ code: 'GREETING_TIMEOUT', stage: 'greeting', timedOut: true });
  });

  test('during a mail that was handed over leaves it unconfirmed', async () => {
    const controller = new AbortController();
    const server = await scripted(async (peer) => { if (await honestUntil(peer, 'message')) controller.abort(); });
    const session = await open(server, {}, { signal: controller.signal });
    const failure = await rejectionOf(session.send(MAIL), SmtpFailure);
    expect(failure).toMatchObject({ code: 'ABORTED', messageHandedOver: true });
    expect(classify(failure).outcome).toBe('unconfirmed');
  });
});
