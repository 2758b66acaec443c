// Shows the whole path of an event, from the request to the received mail, on real parts: the built Mailroom with its embedded Postgres
// in a temporary folder, and a mail server of its own. Nothing of it stays.
// Usage: npm run build && npm run demo

import { writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import path from 'node:path';
import { Api } from './demo/api.mjs';
import { selfSignedFor } from './demo/certificate.mjs';
import { MailCatcher } from './demo/mail-catcher.mjs';
import { beginStep, facts, say, step, title } from './demo/page.mjs';
import { showMail } from './demo/received-mail.mjs';
import { makeDataFolder, removeDataFolder, Service } from './demo/service.mjs';
import { bringServerBack, followEvents, publish, publishWithoutServer, setSettings, showAttempts, subscribe } from './demo/walk.mjs';

const interruption = new AbortController();
const stops = [];
let service = null;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => interruption.abort(signal));

/** Starts both; what was started is stopped again in any case. */
async function startBoth() {
  const began = performance.now();
  const dataDir = await makeDataFolder();
  stops.push(() => removeDataFolder(dataDir));
  const identity = await selfSignedFor('localhost');
  const trustedCertificates = path.join(dataDir, 'mail-catcher.pem');
  await writeFile(trustedCertificates, identity.cert);
  const catcher = new MailCatcher(identity);
  stops.push(() => catcher.stop());
  await catcher.start();
  service = new Service({ dataDir, trustedCertificates });
  stops.push(() => service.stop());
  await service.ready();
  facts({
    'Mailroom': `${service.url}, process ${service.pid}, ready after ${((performance.now() - began) / 1000).toFixed(1)} s`,
    'API key': `${service.key.slice(0, 9)}… (an administrator's, made by the first start)`,
    'Database': 'a Postgres of its own, started by Mailroom',
    'Notice': service.notices || null,
    'Mail catcher': `localhost:${catcher.port}, offers STARTTLS with a certificate made just now, which Mailroom trusts through NODE_EXTRA_CA_CERTS`,
    'Data folder': `${dataDir}, removed at the end`,
  });
  return { catcher, api: new Api(service, interruption.signal) };
}

async function demo() {
  title('Mailroom: the whole path, from an event to the mail');
  beginStep('Start Mailroom and a mail server to catch its mail');
  const { catcher, api } = await startBoth();
  await setSettings(api, catcher);
  await subscribe(api);
  const events = await publish(api);
  await followEvents(api, events);
  await showMail(catcher);
  await showAttempts(api, events);
  const waiting = await publishWithoutServer(api, catcher);
  await bringServerBack(api, catcher, waiting);
  beginStep('Stop everything');
}

/** In reverse order; a stop that fails does not hinder the others. */
async function stopEverything() {
  const faults = [];
  for (let stop = stops.pop(); stop; stop = stops.pop()) await stop().catch((error) => faults.push(error));
  return faults;
}

function tellFailure(faults) {
  process.exitCode = 1;
  for (const { message } of faults) console.error(`\nThe demo failed in ${step}: ${message}`);
  if (service) console.error(`\nWhat Mailroom printed:\n${service.output.trim() || '(nothing)'}`);
}

const fault = await demo().then(() => null, (error) => error);
const stopFaults = await stopEverything();
const signal = interruption.signal.aborted ? interruption.signal.reason : null;
const faults = [signal ? null : fault, ...stopFaults].filter(Boolean);
if (faults.length > 0) tellFailure(faults);
else if (signal) {
  console.log(`\nInterrupted by ${signal}; everything was stopped and removed.`);
  process.exitCode = 128 + constants.signals[signal];
} else {
  say('Mailroom, its Postgres and the mail catcher are stopped, the folder is removed.');
  console.log('\nNow your own: npm start, then open http://localhost:8080/docs');
}
