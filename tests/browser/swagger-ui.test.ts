import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Browser, chromium, type Page } from 'playwright-core';
import { type Listener, listen } from '../../src/http/listen.js';
import { ADMIN_KEY, startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { chromiumProgram, NO_CHROMIUM } from './chromium.js';

const program = chromiumProgram();
const inBrowser = program === null ? describe.skip : describe;

inBrowser(`Swagger UI in Chromium${program === null ? ` (skipped: ${NO_CHROMIUM})` : ''}`, () => {
  let mailroom: TestMailroom;
  let listener: Listener;
  let browser: Browser;

  beforeAll(async () => {
    mailroom = await startMailroom({ workers: false });
    listener = await listen(mailroom.container.app, '127.0.0.1', 0);
    browser = await chromium.launch({ executablePath: program!, args: ['--no-sandbox'] });
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await listener?.close(0);
    await mailroom?.close();
  });

  /** The page, with what its console complains of. */
  async function open(): Promise<{ page: Page; complaints: string[] }> {
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())));
    page.on('pageerror', (error) => void complaints.push(error.message));
    await page.goto(`${listener.url}/docs/`);
    await page.waitForSelector('.opblock');
    return { page, complaints };
  }

  test('works under its content security policy: an operation is authorized, tried and answered', async () => {
    const { page, complaints } = await open();
    await page.click('.auth-wrapper .authorize');
    await page.fill('.auth-container input', ADMIN_KEY);
    await page.click('.auth-container .btn.authorize');
    await page.click('.btn-done');
    await page.click('#operations-API_keys-listApiKeys .opblock-summary-control');
    await page.click('#operations-API_keys-listApiKeys .execute');
    const answer = page.locator('#operations-API_keys-listApiKeys .live-responses-table .response');
    await answer.locator('.response-col_status').filter({ hasText: '200' }).waitFor();
    expect(await answer.locator('.highlight-code').first().textContent()).toContain('MAILROOM_ADMIN_KEY');
    expect(complaints).toEqual([]);
    await page.close();
  }, 60_000);

  test('runs no script that is written into its page', async () => {
    const { page, complaints } = await open();
    await page.evaluate("document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.hacked = true' }))");
    expect(await page.evaluate("'hacked' in window")).toBe(false);
    expect(complaints.join()).toContain('Content Security Policy');
    await page.close();
  }, 60_000);
});
