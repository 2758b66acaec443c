import { describe, expect } from '@jest/globals';
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { honestUntil, lies, type ScriptedServer, startScriptedServer, startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';
import {
  allSent, atEnd, copiesById, emailsOf, type MailroomProcess, makeDataFolder, processesIn, processTest, publish, startProcess, startWithNpm, STOP_LIMIT_MS, subscribe, useRelay,
} from './mailroom-process.js';

const MAILS = 15;

async function startEmbedded(): Promise<{ dataDir: string; env: Record<string, string>; key: string; mailroom: MailroomProcess }> {
  const dataDir = await makeDataFolder();
  const env = { MAILROOM_DATA_DIR: dataDir, PORT: '0', MAILROOM_RETRY_BASE_MS: '300' };
  const mailroom = await startProcess(env).ready();
  return { dataDir, env, key: mailroom.printedKey!, mailroom };
}

/** A connection that a client keeps open after its answer, as browsers and SDKs do. */
async function keptConnection(mailroom: MailroomProcess): Promise<Socket> {
  const agent = new Agent({ keepAlive: true });
  atEnd(() => agent.destroy());
  const request = get(`${mailroom.url}/health/live`, { agent });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  const [socket] = await waitFor(() => Object.values(agent.freeSockets).flat(), (sockets) => sockets.length === 1);
  return socket as Socket;
}

describe.each(['SIGTERM', 'SIGINT'] as const)('%s', (signal) => {
  processTest('while mails are under way to a slow relay: they end, nothing is left running, and the next start sends the rest', async () => {
    const { dataDir, env, key, mailroom } = await startEmbedded();
    const sink = await startSmtpSink({ delayMs: 1_000 });
    atEnd(() => sink.close());
    await useRelay(mailroom.as(key), sink.port);
    await subscribe(mailroom.as(key), 'ApplianceSick', MAILS);
    const event = await publish(mailroom.as(key), 'ApplianceSick');
    await sink.waitForMails(3);
    const kept = await keptConnection(mailroom);
    const closed = once(kept, 'close');

    const { ms, ...ended } = await mailroom.stop(signal);
    expect(ended).toEqual({ code: 0, signal: null });
    expect(ms).toBeLessThan(STOP_LIMIT_MS);
    await closed;
    expect(processesIn(dataDir)).toEqual([]);
    expect(sink.mails.length).toBeLessThan(MAILS); // or the stop came too late to tell anything

    const next = await startProcess(env).ready();
    await allSent(next.as(key), [event], MAILS);
    const copies = copiesById(sink.mails);
    expect(copies.size).toBe(MAILS);
    expect([...copies.values()].filter((count) => count > 1)).toEqual([]);
  });
});

processTest('a relay that never answers after the message does not hold up the stop; the mail is in doubt and comes again as the same', async () => {
  const { dataDir, env, key, mailroom } = await startEmbedded();
  const silent = await startScriptedServer(lies.silentAfterFinalDot);
  atEnd(() => silent.close());
  await useRelay(mailroom.as(key), silent.port);
  await subscribe(mailroom.as(key), 'ApplianceSick');
  const event = await publish(mailroom.as(key), 'ApplianceSick');
  const messageId = await handedOver(silent);

  const { code, ms } = await mailroom.stop();
  expect(code).toBe(0);
  expect(ms).toBeLessThan(STOP_LIMIT_MS);
  expect(processesIn(dataDir)).toEqual([]);
  await silent.close(); // or the next start may hand it the mail once more

  const sink = await startSmtpSink();
  atEnd(() => sink.close());
  const next = await startProcess(env).ready();
  const [doubtful] = await emailsOf(next.as(key), event);
  expect(doubtful!.attempts[0]).toMatchObject({ number: 1, outcome: 'unconfirmed' });
  expect(doubtful!.attempts[0]!.code).not.toBe('WORKER_LOST'); // it was on record before the stop
  await useRelay(next.as(key), sink.port);
  await allSent(next.as(key), [event], 1);
  expect([...copiesById(sink.mails)]).toEqual([[messageId, 1]]);
});

processTest('a slow relay that never answers QUIT, and a client that never ends its request: the stop is in time, and the mail is on record as sent', async () => {
  const { dataDir, env, key, mailroom } = await startEmbedded();
  const slow = await startScriptedServer(async (peer) => {
    if (!await honestUntil(peer, 'message')) return;
    await new Promise((resolve) => { setTimeout(resolve, 5_000); });
    peer.say('250 2.0.0 OK: queued as SLOW1');
    await peer.closed; // without a word to QUIT
  });
  atEnd(() => slow.close());
  await useRelay(mailroom.as(key), slow.port);
  await subscribe(mailroom.as(key), 'ApplianceSick');
  const endless = beginRequest(mailroom, key);
  await once(endless.socket, 'connect');
  const event = await publish(mailroom.as(key), 'ApplianceSick');
  const messageId = await handedOver(slow);

  const { code, ms } = await mailroom.stop();
  expect(code).toBe(0);
  expect(ms).toBeLessThan(STOP_LIMIT_MS);
  expect(processesIn(dataDir)).toEqual([]);
  const next = await startProcess(env).ready();
  expect(await emailsOf(next.as(key), event)).toEqual([expect.objectContaining({ status: 'sent', messageId })]);
});

describe.each(['SIGTERM', 'SIGINT'] as const)('npm start, %s', (signal) => {
  const ways: [string, (pid: number) => unknown][] = [
    ['to npm alone, as a supervisor sends it', (pid) => process.kill(pid, signal)],
    ['to all, as a terminal sends it, and once more by npm', (pid) => process.kill(-pid, signal)],
  ];
  for (const [name, send] of ways) processTest(`${name}: Mailroom and its database end in peace`, async () => {
    const dataDir = await makeDataFolder();
    const npm = await startWithNpm({ MAILROOM_DATA_DIR: dataDir, PORT: '0' }).ready();
    send(npm.pid);
    await waitFor(() => processesIn(dataDir), (left) => left.length === 0, STOP_LIMIT_MS);
    expect(await npm.ended).toEqual({ code: 0, signal: null });
  });
});

/** The Message-ID of the mail that a server has in whole. */
async function handedOver(server: ScriptedServer): Promise<string> {
  const heard = await waitFor(() => server.lines.find((line) => line.includes('Message-ID:')), (message) => message !== undefined);
  return /^Message-ID:\s*(<[^>]+>)/im.exec(heard!)![1]!;
}

processTest('a request that is under way is answered, new ones are refused, and one that never ends is cut', async () => {
  const { env, key, mailroom } = await startEmbedded();
  const [begun, endless] = [beginRequest(mailroom, key), beginRequest(mailroom, key)];
  await Promise.all([once(begun.socket, 'connect'), once(endless.socket, 'connect')]);
  await mailroom.as(key).get('/health/live').expect(200); // asked later, so the other two have arrived

  const stopped = mailroom.stop();
  await waitFor(() => mailroom.as(key).get('/health/live').then(() => 'answered', (error: Error) => error.message), (result) => result.includes('ECONNREFUSED'));
  begun.finish();
  const answer = await begun.answer;
  expect(answer).toMatch(/^HTTP\/1\.1 202 /);
  expect(await endless.answer).toBe('');
  expect(await stopped).toMatchObject({ code: 0, signal: null });

  const next = await startProcess(env).ready();
  const { id } = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))) as { id: string };
  await next.as(key).get(`/v1/events/${id}`).expect(200);
});

/** A request whose last byte is still missing. `answer` is all that came until the connection's end. */
function beginRequest({ url }: MailroomProcess, key: string): { socket: Socket; finish(): void; answer: Promise<string> } {
  const body = JSON.stringify({ type: 'ApplianceSick' });
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  atEnd(() => socket.destroy());
  socket.on('error', () => undefined); // it is cut
  const lines = ['POST /v1/events HTTP/1.1', `Host: ${hostname}`, `Authorization: Bearer ${key}`, 'Content-Type: application/json', `Content-Length: ${body.length}`, '', ''];
  socket.write(lines.join('\r\n') + body.slice(0, -1));
  return {
    socket,
    finish: () => void socket.write(body.slice(-1)),
    answer: new Promise((resolve) => {
      let text = '';
      socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).once('close', () => resolve(text));
    }),
  };
}
