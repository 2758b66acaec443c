// Swagger UI as somebody uses it who has nothing but the mouse and the keyboard. The tests and the pictures of the README go the same way.

const DEADLINE_MS = 30_000;

export class SwaggerUi {
  /** What the browser complains of: errors on its console, but those that only say with which status an answer came, and errors in the page. */
  complaints = [];
  /** Where requests went to. */
  origins = new Set();

  constructor(page) {
    this.page = page;
    page.setDefaultTimeout(DEADLINE_MS);
    page.on('console', (message) => { if (message.type() === 'error' && !tellsStatus(message)) this.complaints.push(message.text()); });
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('request', (request) => { if (/^(https?|wss?):/.test(request.url())) this.origins.add(new URL(request.url()).origin); });
  }

  /** @param url Mailroom's, without a path */
  static async open(browser, url, options = {}) {
    const ui = new SwaggerUi(await browser.newPage(options));
    await ui.page.goto(`${url}/docs`);
    await ui.page.locator('.opblock').first().waitFor();
    return ui;
  }

  /** Takes the place of the key that was there. */
  async authorize(key) {
    await this.page.locator('.auth-wrapper .btn.authorize').click();
    const dialog = this.page.locator('.dialog-ux');
    const logout = dialog.getByRole('button', { name: 'Remove authorization' });
    if (await logout.isVisible()) await logout.click();
    await dialog.locator('input').fill(key);
    await dialog.getByRole('button', { name: 'Apply credentials' }).click();
    await dialog.locator('.btn-done').click();
  }

  operation(operationId) {
    return new Operation(this.page, operationId);
  }
}

/** One row of the page. */
class Operation {
  constructor(page, operationId) {
    this.page = page;
    this.block = page.locator(`.opblock[id$="-${operationId}"]`);
    this.answer = this.block.locator('.live-responses-table .response');
  }

  async open() {
    if (!(await this.block.evaluate((block) => block.classList.contains('is-open')))) await this.block.locator('.opblock-summary-control').click();
    await this.executeButton.waitFor();
    return this;
  }

  get executeButton() {
    return this.block.getByRole('button', { name: 'Execute' });
  }

  get body() {
    return this.block.locator('textarea.body-param__text');
  }

  parameter(name) {
    return this.block.locator(`tr[data-param-name="${name}"]`).locator('input, select, textarea').first();
  }

  /** Executes, and answers `{status, body}` as they stand on the page: what is JSON is read. */
  async execute() {
    const clear = this.block.getByRole('button', { name: 'Clear' });
    if (await clear.isVisible()) await clear.click();
    await this.executeButton.click();
    const status = await this.answer.locator('.response-col_status').innerText();
    const text = await this.answer.locator('.response-col_description').locator('.highlight-code code, pre.microlight').first().textContent();
    return { status: Number.parseInt(status, 10), body: parsed(text) };
  }

  /** Executes again and again until what is shown is what somebody waits for. */
  async executeUntil(isReached) {
    for (const end = Date.now() + DEADLINE_MS; ;) {
      const shown = await this.execute();
      if (isReached(shown)) return shown;
      if (Date.now() > end) throw new Error(`not reached within ${DEADLINE_MS / 1_000} s; last: ${JSON.stringify(shown)}`);
    }
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Chromium writes a line for each answer from 400 on. */
const tellsStatus = (message) => /^Failed to load resource: the server responded with a status of [45]\d\d/.test(message.text());
