import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { type Browser, type BrowserContextOptions, chromium } from 'playwright-core';
import { BROWSER_FLAGS, firstSteps, SwaggerUi } from '../../scripts/swagger-ui.mjs';
import { type Listener, listen } from '../../src/http/listen.js';
import { ADMIN_KEY, startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { createPki } from '../setup/pki.js';
import { type SmtpSink, startSmtpSink } from '../setup/smtp-servers.js';
import { chromiumProgram, NO_CHROMIUM } from './chromium.js';

const program = chromiumProgram();
const inBrowser = program === null ? describe.skip : describe;
const LIMIT_MS = 240_000;
/** WCAG 2.2, 1.4.3. */
const LEAST_CONTRAST = 4.5;

inBrowser(`Swagger UI in Chromium${program === null ? ` (skipped: ${NO_CHROMIUM})` : ''}`, () => {
  let mailroom: TestMailroom;
  let listener: Listener;
  let sink: SmtpSink;
  let browser: Browser;
  const opened: SwaggerUi[] = [];

  beforeAll(async () => {
    mailroom = await startMailroom();
    listener = await listen(mailroom.container.app, '127.0.0.1', 0);
    sink = await startSmtpSink();
    browser = await chromium.launch({ executablePath: program!, args: BROWSER_FLAGS, timeout: LIMIT_MS });
  }, LIMIT_MS);
  afterEach(async () => {
    for (const ui of opened.splice(0)) await ui.page.close();
  }, LIMIT_MS);
  afterAll(async () => {
    await browser?.close();
    await listener?.close(0);
    await mailroom?.close();
    await sink?.close();
  }, LIMIT_MS);

  async function open(options: BrowserContextOptions = {}): Promise<SwaggerUi> {
    const ui = await SwaggerUi.open(browser, listener.url, options);
    opened.push(ui);
    return ui;
  }

  async function authorized(): Promise<SwaggerUi> {
    const ui = await open();
    await ui.authorize(ADMIN_KEY);
    return ui;
  }

  /** Nothing was refused by the content security policy, no script failed, and nobody else was asked for anything. */
  function expectNoComplaint(ui: SwaggerUi): void {
    expect(ui.complaints).toEqual([]);
    expect([...ui.origins]).toEqual([listener.url]);
  }

  test('the first steps lead to a sent mail, by clicks alone', async () => {
    const ui = await authorized();

    const settings = await firstSteps.setMailServer(ui, sink.port);
    expect(settings).toMatchObject({ status: 200, body: { enabled: true, port: sink.port } });

    const smtpTest = await firstSteps.testMailServer(ui);
    expect(smtpTest).toMatchObject({ status: 202, body: { status: 'passed', addresses: [{ address: '127.0.0.1', status: 'passed' }] } });
    const stages = smtpTest.body.addresses[0].stages as { name: string; status: string; reply: string | null }[];
    expect(stages.filter(({ status }) => status === 'passed').map(({ name }) => name)).toEqual(['connect', 'greeting', 'ehlo', 'mailFrom', 'rcptTo', 'data', 'quit']);
    for (const { name, status, reply } of stages) expect(reply ?? '').toMatch(status === 'passed' && name !== 'connect' ? /^[23]\d\d / : /^$/);

    const stream = await ui.operation('streamSmtpTest');
    await stream.parameter('id').fill(smtpTest.body.id);
    expect((await stream.execute()).body).toMatch(/event: stage\ndata: .*"greeting".*\n[^]*event: test\ndata: .*"passed"/);

    expect(await firstSteps.subscribe(ui)).toMatchObject({ status: 201, body: { emailAddress: 'alice@example.com' } });
    const event = await firstSteps.publish(ui);
    expect(event).toMatchObject({ status: 202, body: { type: 'PasswordCheckFailed' } });
    const emails = await firstSteps.waitForMail(ui, event.body.id);
    expect(emails.body.items).toMatchObject([{ to: 'alice@example.com', status: 'sent', serverReply: expect.stringMatching(/^250 OK: queued as \d+$/) }]);

    expect(sink.mails.map(({ to }) => to)).toEqual([['you@example.com'], ['alice@example.com']]);
    expectNoComplaint(ui);
  }, LIMIT_MS);

  test('a link of the first steps goes to its operation, and Back to where it was', async () => {
    const ui = await open();
    const { block } = await ui.firstStep('listEmails');
    expect(await block.locator('.opblock-summary-control').evaluate((row) => row.matches(':focus'))).toBe(true);
    await ui.firstStep('publishEvent');
    await ui.page.goBack();
    await block.locator('.opblock-summary-control:focus').waitFor();
    expect(ui.page.url()).toBe(`${listener.url}/docs/#/E-mails/listEmails`);
    expectNoComplaint(ui);
  }, LIMIT_MS);

  test('what is wrong with a body or a key can be read', async () => {
    const ui = await authorized();
    const publish = await ui.operation('publishEvent');
    expect(await publish.execute({ type: 'PasswordCheckFailed', colour: 'red' })).toMatchObject({
      status: 400, body: { code: 'VALIDATION_FAILED', errors: [{ pointer: '/colour', message: 'is not a known property' }] },
    });
    await publish.body.fill('{"type": ');
    expect(await publish.execute()).toMatchObject({ status: 400, body: { code: 'JSON_INVALID' } });
    await ui.authorize('a-key-that-nobody-has');
    expect(await publish.execute()).toMatchObject({ status: 401, body: { code: 'API_KEY_UNKNOWN' } });
    expectNoComplaint(ui);
  }, LIMIT_MS);

  test('a file is uploaded by its chooser, and one is downloaded by its link', async () => {
    const ui = await authorized();
    const { chain, key } = await (await createPki()).issue({ commonName: 'mailroom.example.com', usage: 'client' });
    const upload = await ui.operation('uploadClientCertificate');
    await upload.chooseFile({ name: 'mailroom.pem', mimeType: 'application/x-pem-file', buffer: Buffer.from(chain + key) });
    expect(await upload.execute()).toMatchObject({ status: 201, body: { active: true, subject: 'CN=mailroom.example.com' } });

    const bundle = await (await ui.operation('getSupportBundle')).execute();
    expect(bundle).toMatchObject({ status: 200, body: null });
    const [download] = await Promise.all([ui.page.waitForEvent('download'), bundle.operation.answer.locator('a[download]').click()]);
    expect(download.suggestedFilename()).toMatch(/^mailroom-support-.*\.zip$/);
    expect((await readFile(await download.path())).subarray(0, 4).toString('latin1')).toBe('PK\x03\x04');
    expectNoComplaint(ui);
  }, LIMIT_MS);

  test('filters are empty until somebody fills them in', async () => {
    const ui = await authorized();
    for (const [list, filters] of Object.entries({ listEmails: ['eventId', 'from', 'until', 'cursor'], listSubscriptions: ['userId'], listAuditLog: ['actorKeyId', 'from', 'until'] })) {
      const operation = await ui.operation(list);
      for (const name of filters) expect([list, name, await operation.parameter(name).inputValue()]).toEqual([list, name, '']);
    }
    const { body } = await (await ui.operation('listAuditLog')).execute();
    expect(body.items.length).toBeGreaterThan(0);
  }, LIMIT_MS);

  test('the keyboard alone authorizes', async () => {
    const ui = await open();
    const { keyboard } = ui.page;
    for (let left = 30; left > 0 && (await ui.page.locator('.auth-wrapper .btn.authorize:focus').count()) === 0; left -= 1) await keyboard.press('Tab');
    await keyboard.press('Enter');
    await ui.page.locator('.dialog-ux input').focus();
    await keyboard.type(ADMIN_KEY);
    await keyboard.press('Enter');
    await ui.page.getByRole('button', { name: 'Remove authorization' }).waitFor();
    expectNoComplaint(ui);
  }, LIMIT_MS);

  test.each(['light', 'dark'] as const)('a phone shows all of it in its width, and text stands out (%s)', async (colorScheme) => {
    const ui = await open({ viewport: { width: 390, height: 800 }, isMobile: true, hasTouch: true, colorScheme });
    await ui.firstStep('putSmtpSettings');
    expect(await ui.page.evaluate('[innerWidth, document.documentElement.scrollWidth]')).toEqual([390, 390]);
    const tooFaint = [];
    for (const text of ['.info p', '.info a', '.btn.authorize span', '.opblock-tag p', '.opblock-summary-path', '.opblock-summary-description', '.parameter__name', '.response-col_status']) {
      const ratio = await contrastOf(ui, text);
      if (ratio < LEAST_CONTRAST) tooFaint.push([text, ratio]);
    }
    expect(tooFaint).toEqual([]);
    expectNoComplaint(ui);
  }, LIMIT_MS);

  test('runs no script that is written into its page', async () => {
    const ui = await open();
    await ui.page.evaluate("document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.hacked = true' }))");
    expect(await ui.page.evaluate("'hacked' in window")).toBe(false);
    expect(ui.complaints.join()).toContain('Content Security Policy');
  }, LIMIT_MS);
});

/** Of the first text that the selector finds, against what lies behind it (WCAG 2.2, "contrast ratio"). */
function contrastOf(ui: SwaggerUi, selector: string): Promise<number> {
  return ui.page.evaluate(`(() => {
    const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const luminance = (colour) => parts(colour).slice(0, 3).map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)).reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
    const text = document.querySelector(${JSON.stringify(selector)});
    let behind = text;
    const isOpaque = ({ backgroundColor }) => (parts(backgroundColor)[3] ?? 1) === 1;
    while (behind.parentElement && !isOpaque(getComputedStyle(behind))) behind = behind.parentElement;
    const [light, dark] = [getComputedStyle(text).color, getComputedStyle(behind).backgroundColor].map(luminance).sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  })()`);
}
