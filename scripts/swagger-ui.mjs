// Swagger UI as somebody uses it who has nothing but a mouse and a keyboard. The tests and the pictures of the README go the same way.

const DEADLINE_MS = 60_000;

/** For chromium.launch: a browser that asks nobody for anything but the page. */
export const BROWSER_FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

export class SwaggerUi {
  /** Errors in the page and on its console, such as what the content security policy refused. That an answer has an error status is none. */
  complaints = [];
  /** Where requests went. */
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
    await ui.page.goto(`${url}/docs/`, { timeout: DEADLINE_MS });
    await ui.page.locator('.opblock').first().waitFor();
    return ui;
  }

  /** In place of the key that was there. */
  async authorize(key) {
    await this.page.locator('.auth-wrapper .btn.authorize').click();
    const dialog = this.page.locator('.dialog-ux');
    await dialog.locator('.auth-btn-wrapper').waitFor();
    const logout = dialog.getByRole('button', { name: 'Remove authorization' });
    if (await logout.isVisible()) await logout.click();
    await dialog.locator('input').fill(key);
    await dialog.getByRole('button', { name: 'Apply credentials' }).click();
    await logout.waitFor();
    await dialog.locator('.btn-done').click();
    await dialog.waitFor({ state: 'detached' });
  }

  /** A click on its row opens it. */
  async operation(operationId) {
    const operation = new Operation(this.page, operationId);
    if (!(await operation.isOpen())) await operation.block.locator('.opblock-summary-control').click();
    return operation.ready();
  }

  /** A click on the link in the first steps opens it. */
  async firstStep(operationId) {
    await this.page.locator(`.info a[href$="/${operationId}"]`).click();
    return new Operation(this.page, operationId).ready();
  }
}

/** One row of the page. */
class Operation {
  constructor(page, operationId) {
    this.page = page;
    this.block = page.locator(`.opblock[id$="-${operationId}"]`);
    this.answer = this.block.locator('.live-responses-table .response');
    this.body = this.block.locator('textarea.body-param__text');
    this.executeButton = this.block.getByRole('button', { name: 'Execute' });
  }

  isOpen() {
    return this.block.evaluate((block) => block.classList.contains('is-open'));
  }

  async ready() {
    await this.executeButton.waitFor();
    return this;
  }

  parameter(name) {
    return this.block.locator(`tr[data-param-name="${name}"]`).locator('input, select, textarea').first();
  }

  async chooseFile(file) {
    const chooser = this.page.waitForEvent('filechooser');
    await this.block.locator('input[type="file"]').click();
    await (await chooser).setFiles(file);
  }

  /** Writes the body, unless the example in its place will do; executes, and answers what then stands on the page: what is JSON is read. */
  async execute(body) {
    if (body !== undefined) await this.body.fill(JSON.stringify(body, null, 2));
    const clear = this.block.getByRole('button', { name: 'Clear' });
    if (await clear.isVisible()) await clear.click();
    await this.executeButton.click();
    const status = Number.parseInt(await this.answer.locator('.response-col_status').innerText(), 10);
    const shown = this.answer.locator('.highlight-code pre');
    return { operation: this, status, body: (await shown.count()) === 0 ? null : parsed(await shown.textContent()) };
  }

  /** Executes again and again until what somebody waits for is shown. */
  async executeUntil(isReached) {
    for (const end = Date.now() + DEADLINE_MS; ;) {
      const shown = await this.execute();
      if (isReached(shown)) return shown;
      if (Date.now() > end) throw new Error(`not reached within ${DEADLINE_MS / 1_000} s; last: ${shown.status} ${JSON.stringify(shown.body)}`);
    }
  }
}

/** The first steps, as the page itself names them; each answers what was shown. */
export const firstSteps = {
  setMailServer: async (ui, port) => (await ui.firstStep('putSmtpSettings'))
    .execute({ serverAddress: '127.0.0.1', port, security: 'none', senderAddress: 'mailroom@example.com', senderName: 'Mailroom' }),

  async testMailServer(ui) {
    const operation = await ui.firstStep('startSmtpTest');
    await operation.parameter('Prefer').fill('wait=60');
    return operation.execute({ sendTo: 'you@example.com' });
  },

  subscribe: async (ui) => (await ui.firstStep('createSubscription')).execute({ emailAddress: 'alice@example.com', eventTypes: ['PasswordCheckFailed'] }),

  publish: async (ui) => (await ui.firstStep('publishEvent'))
    .execute({ type: 'PasswordCheckFailed', properties: { AccountName: 'svc-backup', AssetName: 'db-prod-01' } }),

  async waitForMail(ui, eventId) {
    const operation = await ui.firstStep('listEmails');
    await operation.parameter('eventId').fill(eventId);
    return operation.executeUntil(({ body }) => body.items?.length > 0 && body.items.every(({ status }) => status === 'sent'));
  },
};

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Chromium writes a line for each answer from 400 on. */
const tellsStatus = (message) => /^Failed to load resource: the server responded with a status of [45]\d\d/.test(message.text());
