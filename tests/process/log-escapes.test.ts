import { expect } from '@jest/globals';
import { createTestDatabase } from '../setup/database.js';
import { startScriptedServer } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';
import { atEnd, emailsOf, processTest, publish, SHARED, startProcess, subscribe, useRelay } from './mailroom-process.js';
import { exchange } from './raw-client.js';

/** Sets a title, clears the screen, colours, in the form of seven and of eight bits; and what goes back, rings, or turns the text around. */
const ESCAPES = '\u001b]0;owned\u0007\u001b[2J\u001b[31m\u009b1m\u0008\u007f\u202e';
/** The colours of the log itself. */
const COLOURS = /\u001b\[\d+m/g;
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/;

processTest('what a relay or a client says does not reach a terminal as anything but text', async () => {
  const database = await createTestDatabase();
  atEnd(() => database.drop());
  const relay = await startScriptedServer((peer) => {
    peer.raw(`554 5.7.1 ${ESCAPES}Go away\r\n`);
    peer.end();
  });
  atEnd(() => relay.close());
  const mailroom = await startProcess({ ...SHARED, MAILROOM_LOG_FORMAT: 'pretty', DATABASE_URL: database.url }).ready();
  const api = mailroom.as();
  await useRelay(api, relay.port);
  await subscribe(api, 'ApplianceSick');
  const event = await publish(api, 'ApplianceSick');
  await waitFor(() => emailsOf(api, event), ([email]) => email?.reason?.code === 'GREETING_REJECTED');
  await exchange(mailroom.url, `GET /v1/${encodeURIComponent(ESCAPES)} HTTP/1.1\r\nHost: x\r\nUser-Agent: \u00ff\u009b2J\r\n\r\n`);
  await waitFor(() => mailroom.stdout, (log) => log.includes('does not accept connections from this machine') && log.includes('404'));
  expect(mailroom.stdout.replace(COLOURS, '')).not.toMatch(CONTROL);
  expect(mailroom.stderr).toBe('');
});
