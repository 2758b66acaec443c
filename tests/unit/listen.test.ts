import { get } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import express from 'express';
import { StartError } from '../../src/errors.js';
import { listen, type Listener } from '../../src/http/listen.js';
import { waitFor } from '../setup/wait.js';

const open: Listener[] = [];
const listening = async (app = express(), host = '127.0.0.1', port = 0): Promise<Listener> => {
  const listener = await listen(app, host, port);
  open.push(listener);
  return listener;
};
const portOf = ({ url }: Listener): number => Number(new URL(url).port);
/** The status of the answer; null when the connection broke. */
const ask = (listener: Listener): Promise<number | null> => new Promise((resolve) => {
  get({ host: '127.0.0.1', port: portOf(listener), path: '/' }, (response) => { response.resume(); resolve(response.statusCode!); }).on('error', () => resolve(null));
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((listener) => listener.close(0)));
});

describe('the URL', () => {
  test.each([['127.0.0.1', '127\\.0\\.0\\.1'], ['0.0.0.0', 'localhost'], ['::1', '\\[::1\\]']])('of %s is shown as %s', async (host, shown) => {
    expect((await listening(express(), host)).url).toMatch(new RegExp(`^http://${shown}:[1-9]\\d*$`));
  });
});

describe('a start that cannot succeed is told in one line', () => {
  test('a port in use', async () => {
    const port = portOf(await listening());
    const failure = listening(express(), '127.0.0.1', port);
    await expect(failure).rejects.toThrow(StartError);
    await expect(failure).rejects.toThrow(new RegExp(`^Port ${port} on 127\\.0\\.0\\.1 is in use\\. [^\\n]*PORT[^\\n]*$`));
  });

  test('an address that this machine does not have', async () => {
    await expect(listening(express(), '192.0.2.1')).rejects.toThrow(/^Mailroom cannot listen on 192\.0\.2\.1:0: [^\n]*MAILROOM_HOST/);
  });
});

describe('close', () => {
  test('lets a running request end, and takes no new one', async () => {
    let finish = (): void => undefined;
    const app = express().get('/', (_req, res) => { finish = () => void res.sendStatus(204); });
    const listener = await listening(app);
    const before = finish;
    const running = ask(listener);
    await waitFor(() => finish, (value) => value !== before);
    const closed = listener.close(60_000);
    expect(await ask(listener)).toBeNull();
    finish();
    expect(await running).toBe(204);
    await closed;
  });

  test('cuts what still runs when its time is over', async () => {
    let asked = false;
    const listener = await listening(express().get('/', () => { asked = true; }));
    const running = ask(listener);
    await waitFor(() => asked, (value) => value);
    const silent = connect(portOf(listener), '127.0.0.1');
    silent.on('error', () => undefined);
    const cut = new Promise((resolve) => silent.once('close', resolve));
    await new Promise((resolve) => silent.once('connect', resolve));
    await listener.close(50);
    expect(await running).toBeNull();
    await cut;
  });
});
