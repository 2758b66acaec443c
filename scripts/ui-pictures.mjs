// Writes docs/images/swagger-*.png: the first steps in Swagger UI, against the built Mailroom with a temporary data folder and a mail server of its own.
// Usage: npm run pictures   (needs Chromium: CHROMIUM, or `chromium` on the PATH)
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { SMTPServer } from 'smtp-server';
import { makeDataFolder, removeDataFolder, Service } from './demo/service.mjs';
import { BROWSER_FLAGS, firstSteps, SwaggerUi } from './swagger-ui.mjs';

const FOLDER = fileURLToPath(new URL('../docs/images/', import.meta.url));
const VIEW = { viewport: { width: 820, height: 1_400 }, deviceScaleFactor: 1.5, colorScheme: 'light' };
/** A picture is of what was asked for and of the answer. The key, in the curl command, is not for it. */
const ONLY_THE_ANSWER = `
  .opblock-section, .opblock-description-wrapper, .execute-wrapper, .btn-group, .opblock-section-header, .responses-inner > h4, .responses-inner > div > h4:not(:has(+ .live-responses-table)),
  .responses-inner > div > div > :not(h4, .live-responses-table), .responses-table:not(.live-responses-table), .copy-to-clipboard, .download-contents,
  .live-responses-table .response-col_description > div:not(:first-child), .authorization__btn, .opblock-control-arrow { display: none !important }
  .swagger-ui .live-responses-table .highlight-code > .microlight { max-height: 900px !important; overflow: hidden }
`;

const stops = [];

async function startMailServer() {
  const server = new SMTPServer({
    name: 'mail.example.com', disabledCommands: ['AUTH', 'STARTTLS'], disableReverseLookup: true, closeTimeout: 100,
    onData: (stream, _session, callback) => void stream.resume().on('end', () => callback(null, '2.0.0 Ok: queued as 4F2A61C0')),
  });
  server.on('error', () => {}); // a client that goes away is no fault of the server
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  stops.push(() => new Promise((resolve) => { server.close(resolve); }));
  return server.server.address().port;
}

async function startMailroom() {
  const dataDir = await makeDataFolder();
  stops.push(() => removeDataFolder(dataDir));
  const service = new Service({ dataDir });
  stops.push(() => service.stop());
  await service.ready();
  return service;
}

async function startBrowser() {
  const executablePath = process.env.CHROMIUM ?? execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim();
  const browser = await chromium.launch({ executablePath, args: [...BROWSER_FLAGS, '--font-render-hinting=none', '--disable-lcd-text'] });
  stops.push(() => browser.close());
  return browser;
}

/** Fails rather than to show what should not be seen. */
async function picture(name, { operation, status, body }, key) {
  if (status >= 300) throw new Error(`${name}: ${status} ${JSON.stringify(body)}`);
  const style = await operation.page.addStyleTag({ content: ONLY_THE_ANSWER });
  if ((await operation.block.innerText()).includes(key)) throw new Error(`the key can be seen in ${name}`);
  const file = path.join(FOLDER, `swagger-${name}.png`);
  await operation.block.screenshot({ path: file });
  await style.evaluate((element) => element.remove());
  console.log(path.relative(process.cwd(), file));
}

async function takePictures() {
  const port = await startMailServer();
  const { url, key } = await startMailroom();
  const ui = await SwaggerUi.open(await startBrowser(), url, VIEW);
  await ui.authorize(key);
  await firstSteps.setMailServer(ui, port);
  await picture('smtp-test', await firstSteps.testMailServer(ui), key);
  await firstSteps.subscribe(ui);
  const { body: event } = await firstSteps.publish(ui);
  await picture('email-sent', await firstSteps.waitForMail(ui, event.id), key);
}

mkdirSync(FOLDER, { recursive: true });
try {
  await takePictures();
} finally {
  for (const stop of stops.reverse()) await stop();
}
